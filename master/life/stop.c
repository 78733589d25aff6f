/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Stopping: ports first, then sessions at rest, then the others.  Master. */
#include "master/life/stop.h"

#include "common/container.h"
#include "common/log.h"
#include "master/child/proc.h"
#include "master/door/accept.h"
#include "master/door/listen.h"
#include "master/life/succession.h"

#define STOP_SPREAD 10000 /* milliseconds, at most, over which connections end at a stop */

static void
finish_all(struct master *m, uint32_t spread, enum msg_stopping stopping)
{
	struct generation *g;

	TAILQ_FOREACH(g, &m->generations, link)
	if (g->state == GEN_OLD)
		succession_finish(g, spread, stopping);
}

/* Sessions at rest need not wait for the end of the time; those that come to rest later neither. */
static void
rest_all(struct master *m, uint32_t spread)
{
	const struct msg_end end = { .spread_ms = spread, .stopping = MSG_END_RESTING };
	struct generation *g;

	TAILQ_FOREACH(g, &m->generations, link)
	for (uint32_t i = 0; i < g->worker_count; i++)
		if (g->workers[i].p.state == PROC_RETIRING)
			proc_tell(&g->workers[i].p, MSG_END, &end);
}

static void
on_stop_deadline(struct timer *t)
{
	struct master *m = CONTAINER(t, struct master, stop_deadline);

	if (m->stop_spread == 0) {
		m->stopping = STOP_NOW;
		finish_all(m, 0, MSG_END_NOW);
		return;
	}
	finish_all(m, m->stop_spread, MSG_END_STOPS);
	timer_set(m->loop, t, m->stop_spread);
	m->stop_spread = 0;
}

void
stop_begin(struct master *m, enum stopping how, uint32_t ms)
{
	struct generation *g = m->current;

	if (m->stopping == STOP_LEAVE) /* the manager, which asked for it, is in haste */
		return;
	if (m->stopping == STOP_NO) {
		m->stop_time = g ? g->conf->timeouts.stop : 0;
		log_say(LOG_NOTICE, "stopping");
		m->events->stopping(m);
		accept_resume(&m->door);
		m->stopping = how;
		listeners_close(&m->door);
		if (m->building) {
			m->building->failed = 1;
			succession_fail(m->building);
		}
		generation_serves_now(m, NULL);
		if (g)
			succession_retire(g);
		if (how == STOP_DRAIN && ms != STOP_NO_END)
			rest_all(m, ms / 4 < STOP_SPREAD ? ms / 4 : STOP_SPREAD);
	}
	if (m->stopping != STOP_NOW)
		m->stopping = how;
	/* The last part of the time is for ending politely, one connection after the other. */
	m->stop_deadline.fn = on_stop_deadline;
	if (m->stopping == STOP_NOW || ms == 0) {
		m->stopping = STOP_NOW;
		timer_stop(&m->stop_deadline);
		finish_all(m, 0, MSG_END_NOW);
	} else if (ms == STOP_NO_END) {
		timer_stop(&m->stop_deadline);
	} else if (m->stop_deadline.deadline == 0) { /* a second TERM changes nothing */
		m->stop_spread = ms / 4 < STOP_SPREAD ? ms / 4 : STOP_SPREAD;
		timer_set(m->loop, &m->stop_deadline, ms - m->stop_spread);
	}
	if (TAILQ_EMPTY(&m->generations))
		m->done = 1;
}
