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

/* The descriptor that the environment names, taken out of it; -1: there is none. */
int saved_take(void);

/*
 * Take over what the one before us has left: listeners, generations with their children,
 * connections.  Returns 0, or -1 with words in why_r: what it was about to say is not a state.
 */
int saved_load(struct master *m, int fd, char *why_r, size_t size);

/* Read conf and text of a generation out of its worker's bundle.  Returns 0 or -1. */
int saved_conf(struct generation *g);

/* Whether this version could read it, without taking anything over. */
int saved_check(int fd, char *why_r, size_t size);

#endif
