/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The master's state as text in sealed memory, for the program that follows it in the same
 * process: numbers, texts, and descriptors that stay open.  A line is a record, key=value parted
 * by blanks; keys that a version does not know are skipped, so both neighbours of a version can
 * read it.
 */
#ifndef MASTER_UPGRADE_SAVED_H
#define MASTER_UPGRADE_SAVED_H

#include "master/life/master.h"

#define SAVED_ENV "MAILREEVE_STATE" /* its descriptor's number */

/*
 * Write all of it.  Returns the sealed descriptor, or -1 with errno.  With keep the descriptors
 * named in it, and itself, stay open over execve from now on; saved_cancel takes that back.
 */
int saved_write(struct master *m, int keep);
void saved_cancel(struct master *m);

#endif
