/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Reading what a child says.  A message that is wrong in any way costs the child its life and
 * never ours: handlers return a reason, proc.c kills it, its owner replaces it.
 */
#ifndef MASTER_CHILD_FROM_CHILD_H
#define MASTER_CHILD_FROM_CHILD_H

#include "master/child/proc.h"

/* What to do with a message, and the states of its sender in which it may come (or-ed). */
struct from_rule {
	const char *(*handle)(struct proc *p, const struct msg *m);
	int permitted;
};

/* The answers that every kind of child gives, for the tables. */
const char *from_ready(struct proc *p, const struct msg *m);
const char *from_failed(struct proc *p, const struct msg *m);
const char *from_pong(struct proc *p, const struct msg *m);

/*
 * Handle waiting messages, a bounded number of them unless `all` is set.  Returns NULL, or why the
 * sender must die.  *gone_r becomes 1 when it has closed its end.
 */
const char *
from_child(struct proc *p, const struct from_rule table[MSG_COUNT], int all, int *gone_r);

#endif
