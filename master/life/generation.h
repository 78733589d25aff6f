/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * A generation: one configuration with everything made from it.  Its life from building to its end
 * is succession.h's.
 */
#ifndef MASTER_LIFE_GENERATION_H
#define MASTER_LIFE_GENERATION_H

#include "master/life/master.h"

/* Whose child it is. */
static inline struct generation *
gen_of(const struct proc *p)
{
	return p->of;
}

/*
 * Everything that a generation needs before its first child: board, tallies, states of servers.
 * Takes conf, text, ids and bundles over, also on failure.  NULL with the reason in the log.
 */
struct generation *generation_new(struct master *m, struct conf *conf, char *text,
    const struct identity *ids, const int *bundles);
/*
 * One that an earlier master has made: the members of *saved that outlive a re-execution, and conf
 * and text, become those of a new struct; its children follow by proc_adopt.  NULL with errno.
 * The time at which its drain ends is to be set again (succession_adopt).
 */
struct generation *generation_adopt(const struct generation *saved);
/* Read its conf and text (the caller's) out of its worker's bundle.  Returns 0 or -1. */
int generation_read(struct generation *g);
/* Forget one whose children are all dead. */
void generation_free(struct generation **g);

/* Whether all its children serve; one at least has not said READY; there is one; there is a worker. */
int generation_all_serve(const struct generation *g);
int generation_still_starts(const struct generation *g);
int generation_any_alive(const struct generation *g);
int generation_has_workers(const struct generation *g);

/* It is the current one from now on (NULL: there is none): its workers take what comes. */
void generation_serves_now(struct master *m, struct generation *g);

/* A child says why it cannot start: lines for the administrator. */
void generation_complain(struct generation *g, const char *text);

/* What it shows, as bundle/ sees it; *s_r of NULL is NULL.  Returns s_r or NULL. */
const struct shown *generation_shown(const struct generation *g, struct shown *s_r);

/* Call fn for each place of a process in it. */
void generation_each(struct generation *g, void (*fn)(struct proc *p));

#endif
