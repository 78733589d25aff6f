/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Leaving everything to the next master.  Master.  Nobody is refused, no session notices. */
#include "master/life/leave.h"

#include "common/container.h"
#include "common/log.h"
#include "master/child/proc.h"
#include "master/door/accept.h"
#include "master/door/keep.h"
#include "master/life/kept.h"
#include "master/life/succession.h"

#define LOOK_MS  10   /* how often what we have accepted is looked at ... */
#define LEAVE_MS 1000 /* ... until no worker can be waited for any more */

static void
store_workers(const struct generation *g)
{
	for (uint32_t i = 0; i < g->worker_count; i++)
		if (g->workers[i].p.state & (PROC_SERVING | PROC_RETIRING))
			kept_worker(&g->workers[i]);
}

/* All of it was put there when it came; a manager that was busy then gets it now. */
static void
store_all(struct master *m)
{
	const struct generation *g;
	const struct listener *l;

	TAILQ_FOREACH(l, &m->door.listeners, link)
	if (l->is_kept && !l->given)
		keep_listener(m->notify, l);
	TAILQ_FOREACH(g, &m->generations, link)
	if (g->state == GEN_CURRENT || g->state == GEN_OLD) {
		kept_generation(g);
		store_workers(g);
	}
}

/* What we have accepted is with workers, or none of them takes it: go. */
static void
on_look(struct timer *t)
{
	struct master *m = CONTAINER(t, struct master, stop_deadline);
	struct generation *g;

	if (!TAILQ_EMPTY(&m->door.conns.parked) && loop_now(m->loop) < m->leave_by) {
		timer_set(m->loop, t, LOOK_MS);
		return;
	}
	store_all(m);
	/* Workers and their keepers go on; whom nobody asks any more would be in the way. */
	TAILQ_FOREACH(g, &m->generations, link)
	proc_end(&g->checker);
	m->done = 1;
}

void
leave_begin(struct master *m)
{
	if (m->stopping)
		return;
	if (!m->notify || !m->current) {
		log_say(LOG_NOTICE,
		    "restart ignored: without a service manager that keeps the ports there "
		    "would be a gap");
		return;
	}
	log_say(LOG_NOTICE, "restart: ports and sessions are left to the next master");
	m->stopping = STOP_LEAVE;
	m->door.closed = 1;
	m->leave_by = loop_now(m->loop) + LEAVE_MS;
	if (m->building) {
		m->building->failed = 1;
		succession_fail(m->building);
	}
	accept_resume(&m->door);
	m->stop_deadline.fn = on_look;
	timer_set(m->loop, &m->stop_deadline, 0);
}
