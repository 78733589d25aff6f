/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Taking over the state of the master before us (saved.c).  Each line is read into a struct of its
 * own first, so that a bad one leaves nothing half done behind it.
 */
#include "master/upgrade/restored.h"
#include "common/clock.h"
#include "common/tally.h"

#include "common/child.h"
#include "common/clock.h"
#include "master/child/proc.h"
#include "master/door/accept.h"
#include "master/life/from_checker.h"
#include "master/life/succession.h"
#include "master/servers/servers.h"
#include "master/upgrade/members.h"
#include "master/upgrade/saved.h"
#include "master/upgrade/saved_pairs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int
restored_take(void)
{
	const char *value = getenv(SAVED_ENV);
	int fd = value ? atoi(value) : -1, seals;

	unsetenv(SAVED_ENV);
	if (fd < 3)
		return -1;
	seals = fcntl(fd, F_GET_SEALS);
	if (seals == -1 || (seals & SAVED_SEALS) != SAVED_SEALS)
		return -1;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd;
}

/* Where the reading stands. */
struct reader {
	struct master *m;
	struct generation *g;
	struct worker *last; /* whose `worker` line comes next */
	int check;           /* only look whether it can be read */
	struct pairs looked; /* then: the pairs so far */
	const char *why;
};

/* Into a list: those that we use, or those that the service manager gave and nobody uses. */
static int
read_into(struct reader *r, const char *line, struct listener_list *list, int is_kept)
{
	struct listener *l = calloc(1, sizeof(*l));

	if (!l || record_read(line, saved_listener_members, l) == -1) {
		free(l);
		return -1;
	}
	if (r->check) {
		free(l);
		return 0;
	}
	l->door = &r->m->door;
	l->watch.fn = accept_event;
	l->is_kept = is_kept;
	TAILQ_INSERT_TAIL(list, l, link);
	saved_keep(saved_listener_members, l, 0);
	return 0;
}

static int
read_listener(struct reader *r, const char *line)
{
	return read_into(r, line, r->check ? NULL : &r->m->door.listeners, 1);
}

static int
read_given(struct reader *r, const char *line)
{
	return read_into(r, line, r->check ? NULL : &r->m->door.given, 0);
}

static int
read_generation(struct reader *r, const char *line)
{
	struct generation saved = { 0 }, *g;

	if (record_read(line, saved_generation_members, &saved) == -1 || saved.worker_count == 0 ||
	    saved.worker_count > CHILD_WORKERS)
		return -1;
	if (r->check)
		return 0;
	saved.m = r->m;
	if (generation_read(&saved) == -1) {
		r->why = "an older configuration cannot be read any more";
		return -1;
	}
	saved_keep(saved_generation_members, &saved, 0);
	g = succession_adopt(&saved);
	if (!g)
		return -1;
	r->g = g;
	if (g->state == GEN_CURRENT)
		r->m->current = g;
	return 0;
}

static struct pairs *
pairs_of(struct reader *r)
{
	if (r->check)
		return &r->looked;
	return r->g ? &r->g->pairs : NULL;
}

static int
read_pair(struct reader *r, const char *line)
{
	struct pairs *all = pairs_of(r);

	return all ?
	    saved_pair_read(line, r->check ? UINT32_MAX : r->g->conf->frontend_count, all) :
	    -1;
}

static int
read_covers(struct reader *r, const char *line)
{
	struct pairs *all = pairs_of(r);

	return all ? saved_covers_read(line, all) : -1;
}

static struct proc *
place_of(struct generation *g, const struct proc *saved)
{
	if (saved->role == ROLE_KEEPER)
		return &g->keeper;
	if (saved->role == ROLE_CHECKER)
		return &g->checker;
	return saved->slot < g->worker_count ? &g->workers[saved->slot].p : NULL;
}

static int
read_process(struct reader *r, const char *line)
{
	struct proc saved = { 0 }, *p;

	if (record_read(line, saved_proc_members, &saved) == -1)
		return -1;
	if (r->check)
		return 0;
	p = r->g ? place_of(r->g, &saved) : NULL;
	if (!p || record_read(line, saved_proc_members, p) == -1)
		return -1;
	saved_keep(saved_proc_members, p, 0);
	if (proc_adopt(p) == -1)
		return -1;
	return saved.role == ROLE_CHECKER && r->g->report.fd != -1 && p->state != PROC_NONE ?
	    reports_open(r->g, r->g->report.fd) :
	    0;
}

static int
read_worker(struct reader *r, const char *line)
{
	struct worker saved = { 0 }, *w;

	if (record_read(line, saved_worker_members, &saved) == -1)
		return -1;
	if (r->check)
		return 0;
	if (!r->g || saved.p.slot >= r->g->worker_count)
		return -1;
	w = &r->g->workers[saved.p.slot];
	if (record_read(line, saved_worker_members, w) == -1)
		return -1;
	saved_keep(saved_worker_members, w, 0);
	w->t.waiting = w->t.handed > w->t.taken ? mono_ms() : 0;
	if (w->tally_fd == -1)
		return 0; /* the empty place of a worker that ended before a crash of ours */
	w->tally =
	    tally_map(w->tally_fd, (uint32_t)r->g->conf->frontend_count, r->g->conf->slot_count, 0);
	return w->tally ? 0 : -1;
}

static int
read_server(struct reader *r, const char *line)
{
	struct server saved = { 0 };
	uint32_t slot = UINT32_MAX;

	if (record_read(line, saved_slot_members, &slot) == -1 ||
	    record_read(line, saved_server_members, &saved) == -1)
		return -1;
	if (r->check)
		return 0;
	if (!r->g || slot >= r->g->conf->slot_count)
		return -1;
	return record_read(line, saved_server_members, &r->g->servers.slots[slot]);
}

static struct worker *
find_worker(struct master *m, uint32_t id, uint32_t slot)
{
	struct generation *g;

	TAILQ_FOREACH(g, &m->generations, link)
	if (g->id == id && slot < g->worker_count)
		return &g->workers[slot];
	return NULL;
}

/* The listener at this place of the list, from 1; NULL for 0. */
static struct listener *
listener_of(const struct master *m, uint32_t place)
{
	struct listener *l = place ? TAILQ_FIRST(&m->door.listeners) : NULL;

	while (l && --place > 0)
		l = TAILQ_NEXT(l, link);
	return l;
}

static int
read_conn(struct reader *r, const char *line)
{
	struct saved_conn saved = { 0 };
	struct master *m = r->m;
	struct worker *w;
	struct conn *c;

	if (record_read(line, saved_conn_members, &saved) == -1)
		return -1;
	if (r->check)
		return 0;
	if (saved.held.fd != -1)
		fcntl(saved.held.fd, F_SETFD, FD_CLOEXEC);
	w = saved.generation ? find_worker(m, saved.generation, saved.slot) : NULL;
	c = conns_add(&m->door.conns, saved.c.id, saved.held.fd);
	if (!c || (saved.generation ? !w : !c->held))
		return -1;
	c->touched = saved.c.touched;
	c->shaken = saved.c.shaken;
	c->ends_tls = saved.c.ends_tls;
	if (c->held) {
		c->held->accepted = saved.held.accepted;
		c->held->peer = saved.held.peer;
		c->held->local = saved.held.local;
		c->held->listener = listener_of(m, saved.listener);
	}
	if (w)
		conns_give(&m->door.conns, c, &w->t.has);
	return 0;
}

/* An administrator who waits for what we are about to become. */
static int
read_asked(struct reader *r, const char *line)
{
	int fd = -1;

	if (record_read(line, saved_asked_members, &fd) == -1)
		return -1;
	if (!r->check) {
		saved_keep(saved_asked_members, &fd, 0);
		requests_adopt(&r->m->requests, fd);
	}
	return 0;
}

static int
read_master(struct reader *r, const char *line)
{
	static struct master scratch;

	return record_read(line, saved_master_members, r->check ? &scratch : r->m);
}

static const struct {
	const char *word;
	int (*read)(struct reader *r, const char *line);
} lines[] = {
	{ "master", read_master },
	{ "listener", read_listener },
	{ "given", read_given },
	{ "generation", read_generation },
	{ "pair", read_pair },
	{ "covers", read_covers },
	{ "process", read_process },
	{ "worker", read_worker },
	{ "server", read_server },
	{ "conn", read_conn },
	{ "asked", read_asked },
};

static int
read_line(struct reader *r, const char *line)
{
	size_t n = strcspn(line, " ");

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (strlen(lines[i].word) == n && memcmp(line, lines[i].word, n) == 0)
			return lines[i].read(r, line);
	return 0; /* a later version's word */
}

static int
read_all(struct reader *r, int fd, char *why_r, size_t size)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t n;
	int number = 0, good = 0;
	FILE *f = fdopen(fd, "r");

	if (!f || lseek(fd, 0, SEEK_SET) == -1) {
		snprintf(why_r, size, "the state cannot be read: %s", strerror(errno));
		if (f)
			fclose(f);
		else
			close(fd);
		return -1;
	}
	while ((n = getline(&line, &room, f)) > 0) {
		line[n - 1] = '\0';
		number++;
		if (number == 1 ? strcmp(line, SAVED_HEAD) != 0 : read_line(r, line) == -1)
			break;
		good = strcmp(line, "end") == 0;
	}
	if (!good)
		snprintf(why_r, size, "line %d of the state: %s", number,
		    r->why ? r->why : "not understood");
	free(line);
	fclose(f);
	pairs_free(&r->looked);
	return good ? 0 : -1;
}

int
restored_load(struct master *m, int fd, char *why_r, size_t size)
{
	int result = read_all(&(struct reader){ .m = m }, fd, why_r, size);

	if (m->current)
		generation_serves_now(m, m->current);
	return result;
}

int
restored_check(int fd, char *why_r, size_t size)
{
	return read_all(&(struct reader){ .check = 1 }, fd, why_r, size);
}
