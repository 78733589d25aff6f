/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* What the master before us in the same process has left, as saved.h writes it. */
#ifndef MASTER_UPGRADE_RESTORED_H
#define MASTER_UPGRADE_RESTORED_H

#include "master/life/master.h"

/* The descriptor that the environment names, taken out of it; -1: there is none. */
int restored_take(void);

/*
 * Take over what the one before us has left: listeners, generations with their children,
 * connections.  Returns 0, or -1 with words in why_r: what it was about to say is not a state.
 */
int restored_load(struct master *m, int fd, char *why_r, size_t size);

/* Whether this version could read it, without taking anything over. */
int restored_check(int fd, char *why_r, size_t size);

#endif
