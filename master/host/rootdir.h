/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The empty directory that children are locked into. */
#ifndef MASTER_HOST_ROOTDIR_H
#define MASTER_HOST_ROOTDIR_H

#include <stddef.h>

/*
 * Make it, root's and with no right to write to it for anybody; its path goes to dir_r.  Ends the
 * process when it cannot be had.
 */
void rootdir_make(char *dir_r, size_t size);
/* "": nothing to do. */
void rootdir_remove(const char *dir);

#endif
