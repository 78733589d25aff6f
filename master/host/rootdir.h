/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The empty directory that children are locked into. */
#ifndef MASTER_HOST_ROOTDIR_H
#define MASTER_HOST_ROOTDIR_H

#include "master/life/master.h"

/*
 * Make it, root's and with no right to write to it for anybody; m->rootdir becomes its path, ""
 * when we are not root.  Ends the process when it cannot be had.
 */
void rootdir_make(struct master *m);
void rootdir_remove(struct master *m);

#endif
