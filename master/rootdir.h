/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The empty directory that children are locked into. */
#ifndef ROOTDIR_H
#define ROOTDIR_H

#include "state.h"

/*
 * Make it, or find the one of an earlier start: root's, empty, nobody may write to it.  Returns
 * its path; "" when we are not root.  Ends the process when it cannot be had.
 */
const char *rootdir_make(struct master *m);
void rootdir_remove(struct master *m);

#endif
