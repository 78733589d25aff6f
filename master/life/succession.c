/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The life of a generation.  Master.  Read `phases` first: what a generation does when something
 * has happened to one of its children, and what a child's death means to it.
 *
 *   building: keeper -> first worker and checker -> other workers -> all serve: current
 *   a death or FAILED on the way -> failed: all its children are ended, the old one goes on
 *   current -> old: workers finish what they have, keeper and bundles stay as long as they do
 */
#include "master/life/succession.h"

#include "common/container.h"
#include "common/log.h"
#include "master/door/accept.h"
#include "master/door/listen.h"
#include "master/host/sandbox.h"
#include "master/life/judge.h"
#include "master/life/kept.h"
#include "master/life/outfit.h"
#include "master/servers/carry.h"

/* Milliseconds. */
#define DRAIN_SPREAD   5000 /* over which connections end when draining is over */
#define KILL_AFTER     4000 /* that children have after END's time: peers are given three to close */
#define KILL_AFTER_NOW 2000 /* ... when all is to stop at once, and peers are given none */

/* Start a child, if its place is empty and its time has come. */
static void
start(struct generation *g, struct proc *p)
{
	if (p->state != PROC_NONE || p->rebirth.deadline != 0 || outfit_start(p) == 0)
		return;
	if (g->state == GEN_BUILDING)
		g->failed = 1;
	else
		timer_set(p->loop, &p->rebirth, BACKOFF_FIRST);
}

static void
end_if_last(struct master *m)
{
	if (m->stopping && TAILQ_EMPTY(&m->generations))
		m->done = 1;
}

/* ---- Building ---- */

static void
commit(struct generation *g)
{
	struct master *m = g->m;
	struct generation *before = m->current, *old;

	timer_stop(&g->deadline);
	listeners_commit(&m->door, g->conf);
	generation_serves_now(m, g);
	m->building = NULL;
	g->state = GEN_CURRENT;
	kept_generation(g);
	for (uint32_t i = 0; i < g->worker_count; i++)
		kept_worker(&g->workers[i]);
	if (m->serves_since == 0)
		m->serves_since = loop_now(m->loop);
	log_say(LOG_NOTICE, "generation %u serves", g->id);
	if (before) {
		m->replaces(m, before, g);
		succession_retire(before);
	}
	TAILQ_FOREACH(old, &m->generations, link)
	if (old->state == GEN_OLD)
		kept_forget_spares(old);
	carry_heirs(&g->servers);
	accept_resume(&m->door);
	m->settled(m, NULL);
}

void
succession_fail(struct generation *g)
{
	struct master *m = g->m;

	timer_stop(&g->deadline);
	listeners_rollback(&m->door);
	m->building = NULL;
	g->state = GEN_FAILED;
	generation_each(g, proc_end);
	if (!generation_any_alive(g))
		generation_free(&g);
	m->settled(m, "a child could not be started");
}

/* mailreeve -t: everything was found good; are the names there that were asked for? */
static void
finish_trial(struct generation *g)
{
	struct master *m = g->m;

	if (m->done || !g->workers[0].p.was_ready || !g->checker.was_ready)
		return;
	m->done = 1;
	if (m->opt.names && judge_uncovered(g, m->opt.names) > 0)
		m->status = 1;
}

static void
progress_building(struct generation *g)
{
	if (!g->failed) {
		start(g, &g->keeper);
		if (g->keeper.state == PROC_SERVING && !g->failed) {
			start(g, &g->workers[0].p);
			start(g, &g->checker);
		}
		for (uint32_t i = 1; i < g->worker_count && !g->failed; i++)
			if (g->workers[0].p.state == PROC_SERVING)
				start(g, &g->workers[i].p);
	}
	/* What others have to say of the configuration is worth waiting for. */
	if (g->failed && !generation_still_starts(g))
		succession_fail(g);
	else if (!g->failed && g->m->opt.testing)
		finish_trial(g);
	else if (!g->failed && generation_all_serve(g))
		commit(g);
}

static void
died_building(struct generation *g, struct proc *p)
{
	/* mailreeve -t: who has found nothing wrong ends by itself. */
	if (!g->m->opt.testing || !p->was_ready || p->role == ROLE_KEEPER)
		g->failed = 1;
}

/* ---- Current ---- */

static void
progress_current(struct generation *g)
{
	start(g, &g->keeper);
	if (g->keeper.state != PROC_SERVING)
		return;
	for (uint32_t i = 0; i < g->worker_count; i++)
		start(g, &g->workers[i].p);
	start(g, &g->checker);
}

/* Another one follows, later and later if it is of no use. */
static void
died_current(struct generation *g, struct proc *p)
{
	const struct worker *w = CONTAINER(p, struct worker, p);
	uint64_t delay;

	if (!p->wanted)
		return;
	delay = backoff_died(&p->backoff, loop_now(g->m->loop), p->was_ready,
	    p->role == ROLE_WORKER && w->finished > 0);
	if (delay == 0)
		return;
	log_say(LOG_ERR, "%s %u: restarting in %llu ms", role_name(p->role), p->slot,
	    (unsigned long long)delay);
	timer_set(g->m->loop, &p->rebirth, delay);
}

/* ---- Old ---- */

/* The last worker takes the keeper with it; the last child the generation. */
static void
progress_old(struct generation *g)
{
	struct master *m = g->m;

	if (generation_has_workers(g)) {
		/* The keeper of a crashed master's workers lives as long as they do. */
		if (!g->orphaned)
			start(g, &g->keeper);
		return;
	}
	proc_end(&g->keeper);
	if (generation_any_alive(g))
		return;
	log_say(LOG_INFO, "generation %u has ended", g->id);
	kept_forget_generation(g);
	generation_free(&g);
	end_if_last(m);
}

static void
died_old(struct generation *g, struct proc *p)
{
	if (p->role == ROLE_KEEPER)
		died_current(g, p);
}

/* ---- Failed ---- */

static void
progress_failed(struct generation *g)
{
	struct master *m = g->m;

	if (generation_any_alive(g))
		return;
	generation_free(&g);
	end_if_last(m);
}

static void
died_failed(struct generation *g, struct proc *p)
{
	(void)g, (void)p;
}

/* ---- What happens ---- */

static const struct {
	void (*progress)(struct generation *g);             /* something has changed */
	void (*died)(struct generation *g, struct proc *p); /* a child; progress follows */
} phases[] = {
	[GEN_BUILDING] = { progress_building, died_building },
	[GEN_CURRENT] = { progress_current, died_current },
	[GEN_OLD] = { progress_old, died_old },
	[GEN_FAILED] = { progress_failed, died_failed },
};

static void
on_deadline(struct timer *t)
{
	struct generation *g = CONTAINER(t, struct generation, deadline);

	if (g->ended || g->state != GEN_OLD) {
		generation_each(g, proc_end);
	} else {
		log_say(LOG_NOTICE, "generation %u: drain time is over", g->id);
		succession_finish(g, DRAIN_SPREAD, MSG_END_DRAINED);
	}
}

struct generation *
succession_begin(
    struct master *m, struct conf *conf, char *text, const struct identity *ids, const int *bundles)
{
	struct generation *g = generation_new(m, conf, text, ids, bundles);

	if (!g)
		return NULL;
	g->deadline.fn = on_deadline;
	m->building = g;
	return g;
}

struct generation *
succession_adopt(const struct generation *saved)
{
	struct generation *g = generation_adopt(saved);
	uint64_t at = saved->deadline.deadline, now;

	if (!g)
		return NULL;
	now = loop_now(g->m->loop);
	g->deadline.fn = on_deadline;
	if (at)
		timer_set(g->m->loop, &g->deadline, at > now ? at - now : 1);
	return g;
}

void
succession_progress(struct generation *g)
{
	phases[g->state].progress(g);
}

void
succession_serves(struct generation *g, struct proc *p)
{
	struct master *m = g->m;

	if (!m->opt.testing)
		master_sandbox_child(&m->walls, p->role, p->layers);
	if (g->state == GEN_BUILDING && p == &g->workers[0].p && judge_pairs(g) == -1)
		g->failed = 1;
	if (p->role == ROLE_KEEPER)
		outfit_give_keeper(g);
	if (p->role == ROLE_WORKER && g->state == GEN_CURRENT) {
		kept_worker(CONTAINER(p, struct worker, p));
		door_join(&CONTAINER(p, struct worker, p)->t);
	}
	succession_progress(g);
	accept_resume(&m->door);
}

void
succession_died(struct generation *g, struct proc *p)
{
	struct master *m = g->m;

	phases[g->state].died(g, p);
	succession_progress(g);
	accept_resume(&m->door);
}

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
succession_retire(struct generation *g)
{
	const struct conf *now = g->m->current ? g->m->current->conf : g->conf;

	g->state = GEN_OLD;
	g->retired = loop_now(g->m->loop);
	proc_end(&g->checker);
	for (uint32_t i = 0; i < g->worker_count; i++)
		retire_worker(&g->workers[i].p);
	if (!g->m->stopping && now->timeouts.drain > 0)
		timer_set(g->m->loop, &g->deadline, now->timeouts.drain);
	succession_progress(g);
}

void
succession_finish(struct generation *g, uint32_t spread_ms, enum msg_stopping stopping)
{
	struct msg_end end = { .spread_ms = spread_ms, .stopping = stopping };

	g->ended = 1;
	for (uint32_t i = 0; i < g->worker_count; i++)
		if (g->workers[i].p.state & (PROC_SERVING | PROC_RETIRING))
			proc_tell(&g->workers[i].p, MSG_END, &end);
	timer_set(g->m->loop, &g->deadline,
	    spread_ms + (stopping == MSG_END_NOW ? KILL_AFTER_NOW : KILL_AFTER));
}
