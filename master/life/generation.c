/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * A generation as a thing: made, taken over, asked about its children, freed.  Master.  What
 * becomes of it stands in succession.c.
 */
#include "master/life/generation.h"

#include "common/bundle.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/tally.h"
#include "master/bundle/bundles.h"
#include "master/life/say.h"
#include "master/servers/boards.h"
#include "master/servers/carry.h"
#include "master/servers/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

	if (m->opt.testing)
		return 1;
	return n > SPAWN_WORKERS ? SPAWN_WORKERS : (uint32_t)n;
}

static void
make_place(struct generation *g, struct proc *p, enum helper kind, enum role role, uint32_t slot)
{
	proc_init(p, g->m->loop, g->m->owners[kind], g, role, slot);
	p->trial = g->m->opt.testing;
	p->uid = g->ids[kind].uid;
}

/* Places for all its children, and no process in them. */
static void
make_places(struct generation *g)
{
	for (uint32_t i = 0; i < g->worker_count; i++) {
		struct worker *w = &g->workers[i];

		make_place(g, &w->p, HELPER_WORKER, ROLE_WORKER, i);
		taker_init(&w->t, &g->m->door, &w->p.chan, i);
		w->tally_fd = -1;
	}
	make_place(g, &g->keeper, HELPER_KEEPER, ROLE_KEEPER, 0);
	make_place(g, &g->checker, HELPER_CHECKER, ROLE_CHECKER, 0);
}

static int
make_tallies(struct generation *g)
{
	const struct conf *conf = g->conf;

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

int
generation_read(struct generation *g)
{
	struct bundle *b = bundle_open(g->bundles[HELPER_WORKER]);
	const struct piece *text = b ? bundle_find(b, PIECE_CONF, NULL) : NULL;
	struct problems p = { 0 };

	if (text) {
		g->conf = conf_parse(text->data, text->name, "/", &p);
		g->text = strdup(text->data);
	}
	problems_clear(&p);
	if (b)
		bundle_close(&b);
	if (g->conf && g->text)
		return 0;
	conf_free(&g->conf);
	free(g->text);
	g->text = NULL;
	return -1;
}

static int
make(struct generation *g)
{
	const struct generation *before;

	g->workers = calloc(g->worker_count, sizeof(*g->workers));
	if (!g->workers)
		g->worker_count = 0;
	make_places(g);
	if (!g->workers)
		return -1;
	for (int i = 0; i < HELPER_COUNT; i++) {
		g->helpers[i] = fcntl(g->m->helpers[i], F_DUPFD_CLOEXEC, 3);
		if (g->helpers[i] == -1)
			return -1;
	}
	if (servers_make(&g->servers, &g->m->servers, g, g->conf) == -1 || make_tallies(g) == -1)
		return -1;
	before = g->m->current ? g->m->current : latest_orphan(g->m);
	if (before)
		carry_states(&g->servers, &before->servers);
	boards_start(&g->servers);
	return 0;
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
	g->servers.board_fd = -1;
	g->report.fd = -1;
	g->report_size = sizeof(struct report);
	g->made = real_ms();
	g->worker_count = count_workers(m, conf);
	for (int i = 0; i < HELPER_COUNT; i++) {
		g->ids[i] = ids[i];
		g->bundles[i] = bundles[i];
		g->helpers[i] = -1;
	}
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
	if (layout_fit(g->conf, g->servers.board_fd) == -1) {
		free(g);
		return NULL;
	}
	g->workers = calloc(g->worker_count, sizeof(*g->workers));
	if (!g->workers ||
	    servers_adopt(&g->servers, &g->m->servers, g, g->conf, g->state == GEN_OLD) == -1) {
		free(g->workers);
		free(g);
		return NULL;
	}
	g->deadline = (struct timer){ 0 };
	make_places(g);
	TAILQ_INSERT_TAIL(&g->m->generations, g, link);
	return g;
}

void
generation_free(struct generation **gp)
{
	struct generation *g = *gp;

	timer_stop(&g->deadline);
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
	servers_free(&g->servers);
	for (int i = 0; i < HELPER_COUNT; i++)
		if (g->helpers[i] != -1)
			close(g->helpers[i]);
	bundles_close(g->bundles);
	conf_free(&g->conf);
	free(g->text);
	errors_clear(&g->complaints);
	pairs_free(&g->pairs);
	free(g);
	*gp = NULL;
}

const struct shown *
generation_shown(const struct generation *g, struct shown *s_r)
{
	if (!g)
		return NULL;
	*s_r = (struct shown){ .conf = g->conf, .bundles = g->bundles, .pairs = &g->pairs };
	return s_r;
}

/* ---- Its children ---- */

int
generation_all_serve(const struct generation *g)
{
	for (uint32_t i = 0; i < g->worker_count; i++)
		if (g->workers[i].p.state != PROC_SERVING)
			return 0;
	return g->keeper.state == PROC_SERVING && g->checker.state == PROC_SERVING;
}

/* Whether a building one whose child has failed still waits for what others have to say. */
int
generation_still_starts(const struct generation *g)
{
	for (uint32_t i = 0; i < g->worker_count; i++)
		if (g->workers[i].p.state == PROC_STARTING)
			return 1;
	return g->checker.state == PROC_STARTING || g->keeper.state == PROC_STARTING;
}

int
generation_any_alive(const struct generation *g)
{
	for (uint32_t i = 0; i < g->worker_count; i++)
		if (proc_alive(&g->workers[i].p))
			return 1;
	return proc_alive(&g->checker) || proc_alive(&g->keeper);
}

int
generation_has_workers(const struct generation *g)
{
	for (uint32_t i = 0; i < g->worker_count; i++)
		if (proc_alive(&g->workers[i].p))
			return 1;
	return 0;
}

void
generation_serves_now(struct master *m, struct generation *g)
{
	struct generation *was = m->current;

	for (uint32_t i = 0; was && i < was->worker_count; i++)
		door_leave(&was->workers[i].t);
	m->current = g;
	m->door.conf = g ? g->conf : NULL;
	servers_serve(&m->servers, g ? &g->servers : NULL);
	for (uint32_t i = 0; g && i < g->worker_count; i++)
		if (g->workers[i].p.state == PROC_SERVING)
			door_join(&g->workers[i].t);
}

/* ---- Words ---- */

void
generation_complain(struct generation *g, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		/* Every worker says the same; the log has it once. */
		if (len > 0 && errors_add(&g->complaints, text, len) == 1)
			say(g->m, PROBLEM_ERROR, g->complaints.lines[g->complaints.count - 1]);
		text += len + (text[len] == '\n');
	}
}
