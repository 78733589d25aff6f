/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The life of a generation: built, ready, current, old, gone.  A new one takes over only when all
 * its children serve; until then the old one serves, and when it cannot be built it goes on.
 */
#ifndef MASTER_LIFE_GENERATION_H
#define MASTER_LIFE_GENERATION_H

#include "master/life/master.h"

/*
 * Everything that a generation needs before its first child: board, tallies, states of servers.
 * Takes conf, text, ids and bundles over, also on failure.  NULL with the reason in the log.
 */
struct generation *generation_new(struct master *m, struct conf *conf, char *text,
    const struct identity *ids, const int *bundles);
/*
 * One that an earlier master has made: the members of *saved that outlive a re-execution, and conf
 * and text, become those of a new struct; its children follow by proc_adopt.  NULL with errno.
 */
struct generation *generation_adopt(const struct generation *saved);
/* Forget one whose children are all dead. */
void generation_free(struct generation **g);

/* Start what can be started now, and take over when all is ready. */
void generation_progress(struct generation *g);

/* It cannot be, or is not wanted any more: end what it has; it is freed with its last child. */
void generation_fail(struct generation *g);

/* A child has said READY / has died. */
void generation_child_serves(struct generation *g, struct proc *p);
void generation_child_died(struct generation *g, struct proc *p);

/* A child says why it cannot start: lines for the administrator. */
void generation_complain(struct generation *g, const char *text);

/* It takes no new connections from now on and ends with its last one. */
void generation_retire(struct generation *g);

/*
 * Its time is over: its connections end politely within spread_ms, and a moment later whatever is
 * left is killed.  MSG_END_NOW waits for no peer.
 */
void generation_finish(struct generation *g, uint32_t spread_ms, enum msg_stopping stopping);

/* Call fn for each place of a process in it. */
void generation_each(struct generation *g, void (*fn)(struct proc *p));

#endif
