/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The life of a generation.  Master.
 *
 *   building: keeper -> first worker and checker -> other workers -> all serve: current
 *   a death or FAILED on the way -> failed: all its children are ended, the old one goes on
 *   current -> old: workers finish what they have, keeper and bundles stay as long as they do
 */
#include "master/life/generation.h"

#include "common/clock.h"
#include "common/container.h"
#include "common/log.h"
#include "master/bundle/bundles.h"
#include "master/child/proc.h"
#include "master/child/spawn.h"
#include "master/door/accept.h"
#include "master/door/listen.h"
#include "master/host/sandbox.h"
#include "master/life/pairs.h"
#include "master/life/reload.h"
#include "master/servers/boards.h"
#include "master/servers/layout.h"
#include "master/servers/servers.h"
#include "master/upgrade/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DRAIN_SPREAD 5000 /* milliseconds over which connections end when draining is over */

void
generation_each(struct generation *g, void (*fn)(struct proc *p))
{
	for (uint32_t i = 0; i < g->worker_count; i++)
		fn(&g->workers[i].p);
	fn(&g->checker);
	fn(&g->keeper);
}

/* ---- Birth ---- */

static long
cpus_available(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
}

static uint32_t
count_workers(const struct master *m, const struct conf *conf)
{
	long n = conf->workers ? (long)conf->workers : cpus_available();

	if (m->testing)
		return 1;
	return n > SPAWN_WORKERS ? SPAWN_WORKERS : (uint32_t)n;
}

static int
make_workers(struct generation *g)
{
	const struct conf *conf = g->conf;

	g->workers = calloc(g->worker_count, sizeof(*g->workers));
	if (!g->workers)
		return -1;
	for (uint32_t i = 0; i < g->worker_count; i++) {
		struct worker *w = &g->workers[i];

		proc_init(&w->p, g, ROLE_WORKER, i);
		TAILQ_INIT(&w->conns);
		w->tally_fd = -1;
	}
	for (uint32_t i = 0; i < g->worker_count; i++) {
		struct worker *w = &g->workers[i];

		w->tally =
		    tally_new((uint32_t)conf->frontend_count, conf->slot_count, &w->tally_fd);
		if (!w->tally)
			return -1;
	}
	return 0;
}

/* The generation that was current when the master before us went, or NULL. */
static const struct generation *
latest_orphan(const struct master *m)
{
	const struct generation *g, *latest = NULL;

	TAILQ_FOREACH(g, &m->generations, link)
	if (g->orphaned && (!latest || g->id > latest->id))
		latest = g;
	return latest;
}

static int
make(struct generation *g)
{
	const struct generation *before;

	for (int i = 0; i < HELPER_COUNT; i++) {
		g->helpers[i] = fcntl(g->m->helpers[i], F_DUPFD_CLOEXEC, 3);
		if (g->helpers[i] == -1)
			return -1;
	}
	g->servers = servers_new(g->conf);
	g->board = g->servers ? board_new(g->conf->slot_count, &g->board_fd) : NULL;
	if (!g->board || make_workers(g) == -1)
		return -1;
	before = g->m->current ? g->m->current : latest_orphan(g->m);
	if (before)
		servers_carry(g, before);
	boards_start(g);
	return 0;
}

static void
on_deadline(struct timer *t)
{
	struct generation *g = CONTAINER(t, struct generation, deadline);

	if (g->ended || g->state != GEN_OLD) {
		generation_each(g, proc_end);
	} else {
		log_say(LOG_NOTICE, "generation %u: the time to drain is over", g->id);
		generation_finish(g, DRAIN_SPREAD, MSG_END_DRAINED);
	}
}

struct generation *
generation_new(
    struct master *m, struct conf *conf, char *text, const struct identity *ids, const int *bundles)
{
	struct generation *g = calloc(1, sizeof(*g));

	if (!g)
		fatal("no memory for a generation");
	g->m = m;
	g->id = ++m->next_generation;
	g->state = GEN_BUILDING;
	g->conf = conf;
	g->text = text;
	g->board_fd = -1;
	g->report.fd = -1;
	g->report_size = sizeof(struct report);
	g->made = real_ms();
	g->deadline.fn = on_deadline;
	g->worker_count = count_workers(m, conf);
	for (int i = 0; i < HELPER_COUNT; i++) {
		g->ids[i] = ids[i];
		g->bundles[i] = bundles[i];
		g->helpers[i] = -1;
	}
	proc_init(&g->keeper, g, ROLE_KEEPER, 0);
	proc_init(&g->checker, g, ROLE_CHECKER, 0);
	TAILQ_INSERT_TAIL(&m->generations, g, link);
	if (make(g) == -1) {
		log_say(LOG_ERR, "cannot make a generation: %s", strerror(errno));
		generation_free(&g);
	}
	return g;
}

struct generation *
generation_adopt(const struct generation *saved)
{
	struct generation *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	*g = *saved;
	if (layout_fit(g->conf, g->board_fd) == -1) {
		free(g);
		return NULL;
	}
	g->workers = calloc(g->worker_count, sizeof(*g->workers));
	g->servers = servers_new(g->conf);
	g->board = board_adopt(g->board_fd, g->conf->slot_count);
	if (!g->workers || !g->servers || !g->board) {
		free(g->workers);
		free(g->servers);
		free(g);
		return NULL;
	}
	g->deadline = (struct timer){ .fn = on_deadline };
	if (saved->deadline.deadline) {
		uint64_t now = loop_now(g->m->loop), at = saved->deadline.deadline;

		timer_set(g->m->loop, &g->deadline, at > now ? at - now : 1);
	}
	for (uint32_t i = 0; i < g->worker_count; i++) {
		proc_init(&g->workers[i].p, g, ROLE_WORKER, i);
		TAILQ_INIT(&g->workers[i].conns);
		g->workers[i].tally_fd = -1;
	}
	proc_init(&g->keeper, g, ROLE_KEEPER, 0);
	proc_init(&g->checker, g, ROLE_CHECKER, 0);
	TAILQ_INSERT_TAIL(&g->m->generations, g, link);
	return g;
}

void
generation_free(struct generation **gp)
{
	struct generation *g = *gp, *old;

	timer_stop(&g->deadline);
	if (g->state == GEN_OLD)
		store_forget_generation(g);
	/* Nobody may go on to know its servers. */
	TAILQ_FOREACH(old, &g->m->generations, link)
	for (uint32_t i = 0; old->state == GEN_OLD && i < old->conf->slot_count; i++)
		if (old->servers[i].heir && g->servers && old->servers[i].heir >= g->servers &&
		    old->servers[i].heir < g->servers + g->conf->slot_count)
			old->servers[i].heir = NULL;
	TAILQ_REMOVE(&g->m->generations, g, link);
	for (uint32_t i = 0; g->workers && i < g->worker_count; i++) {
		timer_stop(&g->workers[i].p.rebirth);
		if (g->workers[i].tally)
			tally_unmap(&g->workers[i].tally);
		if (g->workers[i].tally_fd != -1)
			close(g->workers[i].tally_fd);
	}
	timer_stop(&g->keeper.rebirth);
	timer_stop(&g->checker.rebirth);
	free(g->workers);
	if (g->board)
		board_unmap(&g->board);
	if (g->board_fd != -1)
		close(g->board_fd);
	for (int i = 0; i < HELPER_COUNT; i++)
		if (g->helpers[i] != -1)
			close(g->helpers[i]);
	bundles_close(g->bundles);
	free(g->servers);
	conf_free(&g->conf);
	free(g->text);
	errors_clear(&g->complaints);
	pairs_free(&g->pairs);
	free(g);
	*gp = NULL;
}

/* ---- From building to current ---- */

static void
start(struct proc *p)
{
	if (p->state == PROC_NONE && p->rebirth.deadline == 0 && proc_start(p) == -1) {
		if (p->gen->state == GEN_BUILDING)
			p->gen->failed = 1;
		else
			timer_set(p->m->loop, &p->rebirth, BACKOFF_FIRST);
	}
}

static int
all_serve(const struct generation *g)
{
	for (uint32_t i = 0; i < g->worker_count; i++)
		if (g->workers[i].p.state != PROC_SERVING)
			return 0;
	return g->keeper.state == PROC_SERVING && g->checker.state == PROC_SERVING;
}

static void
commit(struct generation *g)
{
	struct master *m = g->m;
	struct generation *before = m->current, *old;

	timer_stop(&g->deadline);
	listeners_commit(m, g->conf);
	m->current = g;
	m->building = NULL;
	g->state = GEN_CURRENT;
	store_generation(g);
	for (uint32_t i = 0; i < g->worker_count; i++)
		store_worker(&g->workers[i]);
	if (m->serves_since == 0)
		m->serves_since = loop_now(m->loop);
	log_say(LOG_NOTICE, "generation %u serves", g->id);
	if (before) {
		reload_tell(m, before, g);
		generation_retire(before);
	}
	TAILQ_FOREACH(old, &m->generations, link)
	if (old->state == GEN_OLD)
		store_forget_spares(old);
	servers_inherit(g, &m->generations);
	accept_resume(m);
	reload_done(m, NULL);
}

/* Whether a building one whose child has failed still waits for what others have to say. */
static int
still_starting(const struct generation *g)
{
	for (uint32_t i = 0; i < g->worker_count; i++)
		if (g->workers[i].p.state == PROC_STARTING)
			return 1;
	return g->checker.state == PROC_STARTING || g->keeper.state == PROC_STARTING;
}

static int
any_alive(const struct generation *g)
{
	for (uint32_t i = 0; i < g->worker_count; i++)
		if (proc_alive(&g->workers[i].p))
			return 1;
	return proc_alive(&g->checker) || proc_alive(&g->keeper);
}

void
generation_fail(struct generation *g)
{
	struct master *m = g->m;

	timer_stop(&g->deadline);
	listeners_rollback(m);
	m->building = NULL;
	g->state = GEN_FAILED;
	reload_done(m, "a child could not be started");
	generation_each(g, proc_end);
	if (!any_alive(g))
		generation_free(&g);
}

/* mailreeve -t: everything was found good; are the names there that were asked for? */
static void
finish_trial(struct generation *g)
{
	struct master *m = g->m;

	if (m->done || !g->workers[0].p.was_ready || !g->checker.was_ready)
		return;
	m->done = 1;
	if (m->names && pairs_uncovered(g, m->names) > 0)
		m->status = 1;
}

static void
progress_building(struct generation *g)
{
	if (!g->failed) {
		start(&g->keeper);
		if (g->keeper.state == PROC_SERVING && !g->failed) {
			start(&g->workers[0].p);
			start(&g->checker);
		}
		for (uint32_t i = 1; i < g->worker_count && !g->failed; i++)
			if (g->workers[0].p.state == PROC_SERVING)
				start(&g->workers[i].p);
	}
	if (g->failed && !still_starting(g))
		generation_fail(g);
	else if (!g->failed && g->m->testing)
		finish_trial(g);
	else if (!g->failed && all_serve(g))
		commit(g);
}

static void
progress_current(struct generation *g)
{
	start(&g->keeper);
	if (g->keeper.state != PROC_SERVING)
		return;
	for (uint32_t i = 0; i < g->worker_count; i++)
		start(&g->workers[i].p);
	start(&g->checker);
}

static int
has_workers(const struct generation *g)
{
	for (uint32_t i = 0; i < g->worker_count; i++)
		if (proc_alive(&g->workers[i].p))
			return 1;
	return 0;
}

/* The last worker takes the keeper with it; the last child the generation. */
static void
progress_old(struct generation *g)
{
	struct master *m = g->m;

	if (has_workers(g)) {
		/* The keeper of a crashed master's workers lives as long as they do. */
		if (!g->orphaned)
			start(&g->keeper);
		return;
	}
	proc_end(&g->keeper);
	if (any_alive(g))
		return;
	log_say(LOG_INFO, "generation %u has ended", g->id);
	generation_free(&g);
	if (m->stopping && TAILQ_EMPTY(&m->generations))
		m->done = 1;
}

void
generation_progress(struct generation *g)
{
	struct master *m = g->m;

	switch (g->state) {
	case GEN_BUILDING:
		progress_building(g);
		break;
	case GEN_CURRENT:
		progress_current(g);
		break;
	case GEN_OLD:
		progress_old(g);
		break;
	case GEN_FAILED:
		if (any_alive(g))
			break;
		generation_free(&g);
		if (m->stopping && TAILQ_EMPTY(&m->generations))
			m->done = 1;
		break;
	}
}

void
generation_child_serves(struct generation *g, struct proc *p)
{
	struct master *m = g->m;

	master_sandbox_child(m, p->role, p->layers);
	if (g->state == GEN_BUILDING && p == &g->workers[0].p && pairs_judge(g) == -1)
		g->failed = 1;
	if (p->role == ROLE_KEEPER)
		procs_give_keeper(g);
	if (p->role == ROLE_WORKER && g->state == GEN_CURRENT)
		store_worker(CONTAINER(p, struct worker, p));
	generation_progress(g);
	accept_resume(m);
}

void
generation_child_died(struct generation *g, struct proc *p)
{
	struct master *m = g->m;
	struct worker *w = CONTAINER(p, struct worker, p);
	uint64_t delay;

	if (g->state == GEN_BUILDING) {
		/* mailreeve -t: who has found nothing wrong ends by itself. */
		if (!m->testing || !p->was_ready || p->role == ROLE_KEEPER)
			g->failed = 1;
	} else if (p->restless && (g->state == GEN_CURRENT || p->role == ROLE_KEEPER)) {
		delay = backoff_died(&p->backoff, loop_now(m->loop), p->was_ready,
		    p->role == ROLE_WORKER && w->finished > 0);
		if (delay > 0) {
			log_say(LOG_ERR, "%s %u: the next one is started in %llu ms",
			    role_name(p->role), p->slot, (unsigned long long)delay);
			timer_set(m->loop, &p->rebirth, delay);
		}
	}
	generation_progress(g);
	accept_resume(m);
}

/* ---- Words ---- */

void
generation_complain(struct generation *g, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		/* Every worker says the same; the log has it once. */
		if (len > 0 && errors_add(&g->complaints, text, len) == 1)
			reload_say(
			    g->m, PROBLEM_ERROR, g->complaints.lines[g->complaints.count - 1]);
		text += len + (text[len] == '\n');
	}
}
