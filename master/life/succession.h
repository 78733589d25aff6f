/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * One generation after the other: built, current, old, gone.  A new one takes over only when all
 * its children serve; until then the old one serves, and when it cannot be built it goes on.
 */
#ifndef MASTER_LIFE_SUCCESSION_H
#define MASTER_LIFE_SUCCESSION_H

#include "master/life/generation.h"

/*
 * Make a generation of this and begin to build it; m->settled says later how that ended.  Takes
 * conf, text, ids and bundles over, also on failure.  NULL with the reason in the log.
 */
struct generation *succession_begin(struct master *m, struct conf *conf, char *text,
    const struct identity *ids, const int *bundles);

/* generation_adopt, and the end of its drain comes when it was to come.  NULL with errno. */
struct generation *succession_adopt(const struct generation *saved);

/* Start what can be started now, and take over when all is ready. */
void succession_progress(struct generation *g);

/* It is not wanted any more: end what it has; it is freed with its last child. */
void succession_fail(struct generation *g);

/* A child has said READY / has died. */
void succession_serves(struct generation *g, struct proc *p);
void succession_died(struct generation *g, struct proc *p);

/* It takes no new connections from now on and ends with its last one. */
void succession_retire(struct generation *g);

/*
 * Its time is over: its connections end politely within spread_ms, and a moment later whatever is
 * left is killed.  MSG_END_NOW waits for no peer.
 */
void succession_finish(struct generation *g, uint32_t spread_ms, enum msg_stopping stopping);

#endif
