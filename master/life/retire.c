/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The end of a generation: its workers take nothing new and finish what they have, as long as the
 * configuration lets them.  Master.
 */
#include "master/child/proc.h"
#include "master/life/generation.h"

/* Milliseconds that children have after END's time is over: peers are given three seconds to close. */
#define KILL_AFTER     4000
#define KILL_AFTER_NOW 2000 /* ... when all is to stop at once, and peers are given none */

static void
retire_worker(struct proc *p)
{
	static const struct msg_empty empty;

	timer_stop(&p->rebirth);
	if (p->state == PROC_SERVING) {
		proc_tell(p, MSG_RETIRE, &empty);
		if (p->state == PROC_SERVING)
			p->state = PROC_RETIRING;
	} else if (p->state == PROC_STARTING) {
		proc_end(p);
	}
}

void
generation_retire(struct generation *g)
{
	const struct conf *now = g->m->current ? g->m->current->conf : g->conf;

	g->state = GEN_OLD;
	g->retired = loop_now(g->m->loop);
	proc_end(&g->checker);
	for (uint32_t i = 0; i < g->worker_count; i++)
		retire_worker(&g->workers[i].p);
	if (!g->m->stopping && now->timeouts.drain > 0)
		timer_set(g->m->loop, &g->deadline, now->timeouts.drain);
	generation_progress(g);
}

void
generation_finish(struct generation *g, uint32_t spread_ms, enum msg_stopping stopping)
{
	struct msg_end end = { .spread_ms = spread_ms, .stopping = stopping };

	g->ended = 1;
	for (uint32_t i = 0; i < g->worker_count; i++)
		if (g->workers[i].p.state & (PROC_SERVING | PROC_RETIRING))
			proc_tell(&g->workers[i].p, MSG_END, &end);
	timer_set(g->m->loop, &g->deadline,
	    spread_ms + (stopping == MSG_END_NOW ? KILL_AFTER_NOW : KILL_AFTER));
}
