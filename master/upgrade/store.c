/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Putting descriptors into the service manager's store, and finding workers in it again.  Master.
 * Names and descriptors are our own from before; what they show is checked like a child's word all
 * the same, because the workers have gone on since.
 */
#include "master/upgrade/store.h"

#include "common/child.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/tally.h"
#include "master/child/proc.h"
#include "master/host/notify.h"
#include "master/life/succession.h"
#include "master/servers/boards.h"
#include "master/upgrade/saved.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_FD         3 /* SD_LISTEN_FDS_START */
#define NAME_MOST        96
#define GENERATIONS_MOST 64 /* more than that are left to end by themselves */

/* The first three as enum helper has them. */
enum part {
	PART_BUNDLE,
	PART_CHECKS,
	PART_KEYS,
	PART_BOARD,
	PART_CHAN,
	PART_PIDFD,
	PART_TALLY,
	PART_LOG,
	PART_COUNT
};

static const char *const parts[PART_COUNT] = {
	[PART_BUNDLE] = "bundle",
	[PART_CHECKS] = "checks",
	[PART_KEYS] = "keys",
	[PART_BOARD] = "board",
	[PART_CHAN] = "chan",
	[PART_PIDFD] = "pidfd",
	[PART_TALLY] = "tally",
	[PART_LOG] = "log",
};

/* ---- Putting ---- */

/* Store fd under this name; -1: remove what has that name. */
static void
put(struct master *m, const char *name, int fd)
{
	char text[NAME_MOST + 64];

	snprintf(text, sizeof(text), "FDSTORE%s=1\nFDNAME=%s", fd == -1 ? "REMOVE" : "", name);
	notify_send(m, text, fd);
}

static void
put_part(const struct generation *g, enum part part, int fd)
{
	char name[NAME_MOST];

	snprintf(name, sizeof(name), "g-%u-%s", g->id, parts[part]);
	put(g->m, name, fd);
}

void
store_forget_spares(const struct generation *g)
{
	put_part(g, PART_CHECKS, -1);
	put_part(g, PART_KEYS, -1);
}

static void
put_worker(const struct worker *w, int keep)
{
	const int fds[PART_COUNT] = { [PART_CHAN] = w->p.chan.fd,
		[PART_PIDFD] = w->p.pidfd,
		[PART_TALLY] = w->tally_fd,
		[PART_LOG] = w->p.log.watch.fd };
	char name[NAME_MOST];

	for (int part = PART_CHAN; part < PART_COUNT; part++) {
		snprintf(
		    name, sizeof(name), "w-%u-%u-%s", gen_of(&w->p)->id, w->p.slot, parts[part]);
		put(gen_of(&w->p)->m, name, keep ? fds[part] : -1);
	}
}

static void
put_listener(struct master *m, const struct listener *l, int fd)
{
	char name[NAME_MOST];
	size_t n = (size_t)snprintf(name, sizeof(name), "l-%u-", l->addr.port);

	for (size_t i = 0; i < sizeof(l->addr.ip); i++)
		n += (size_t)snprintf(name + n, sizeof(name) - n, "%02x", l->addr.ip[i]);
	snprintf(name + n, sizeof(name) - n, "%s", l->addr.wildcard ? "-any" : "");
	put(m, name, fd);
}

void
store_generation(const struct generation *g)
{
	put_part(g, PART_BUNDLE, g->bundles[HELPER_WORKER]);
	put_part(g, PART_BOARD, g->board_fd);
	if (g->state != GEN_CURRENT)
		return;
	put_part(g, PART_CHECKS, g->bundles[HELPER_CHECKER]);
	put_part(g, PART_KEYS, g->bundles[HELPER_KEEPER]);
}

void
store_forget_generation(const struct generation *g)
{
	put_part(g, PART_BUNDLE, -1);
	put_part(g, PART_BOARD, -1);
	store_forget_spares(g);
}

void
store_worker(const struct worker *w)
{
	put_worker(w, 1);
}

void
store_forget_worker(const struct worker *w)
{
	put_worker(w, 0);
}

void
store_listener(struct master *m, const struct listener *l)
{
	put_listener(m, l, l->watch.fd);
}

void
store_forget_listener(struct master *m, const struct listener *l)
{
	put_listener(m, l, -1);
}

/* ---- Taking ---- */

/* What was found of one generation. */
struct found {
	struct generation g;
	struct {
		int fds[PART_COUNT]; /* of a worker; -1: not there */
	} slots[CHILD_WORKERS];
};

/* A number after "name:" in a file of /proc; -1. */
static long
proc_field(const char *path, const char *name)
{
	FILE *f = fopen(path, "re");
	long value = -1;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, name, strlen(name)) == 0)
			value = strtol(line + strlen(name), NULL, 10);
	if (f)
		fclose(f);
	return value;
}

static void
adopt_worker(struct generation *g, uint32_t slot, const int *fds)
{
	struct worker *w = &g->workers[slot];
	char path[64];
	long uid;

	w->tally_fd = fds[PART_TALLY];
	w->tally =
	    tally_map(w->tally_fd, (uint32_t)g->conf->frontend_count, g->conf->slot_count, 0);
	w->p.pidfd = fds[PART_PIDFD];
	w->p.chan.fd = fds[PART_CHAN];
	w->p.log.watch.fd = fds[PART_LOG];
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fds[PART_PIDFD]);
	w->p.pid = (pid_t)proc_field(path, "Pid:");
	snprintf(path, sizeof(path), "/proc/%d/status", (int)w->p.pid);
	uid = proc_field(path, "Uid:");
	if (uid > 0)
		g->ids[HELPER_WORKER].uid = w->p.uid = (uid_t)uid;
	w->p.born = mono_ms();
	w->p.was_ready = w->p.wanted = 1;
	w->p.state = w->tally && w->p.pid > 0 ? PROC_RETIRING : PROC_ENDING;
	if (proc_adopt(&w->p) == -1)
		fatal("cannot watch the worker of an earlier master");
	if (w->p.state == PROC_RETIRING)
		proc_tell(&w->p, MSG_RETIRE, &(struct msg_empty){ 0 });
}

static int
is_whole(const int *fds)
{
	for (int part = PART_CHAN; part < PART_COUNT; part++)
		if (fds[part] == -1)
			return 0;
	return 1;
}

static void
close_found(struct found *f)
{
	for (uint32_t slot = 0; slot < CHILD_WORKERS; slot++)
		for (int part = 0; part < PART_COUNT; part++)
			if (f->slots[slot].fds[part] != -1)
				close(f->slots[slot].fds[part]);
	if (f->g.board_fd != -1)
		close(f->g.board_fd);
	for (int i = 0; i < HELPER_COUNT; i++)
		if (f->g.bundles[i] != -1)
			close(f->g.bundles[i]);
}

static void
adopt(struct master *m, struct found *f)
{
	struct generation *g;
	uint32_t workers = 0;

	if (m->next_generation < f->g.id)
		m->next_generation = f->g.id;
	for (uint32_t slot = 0; slot < CHILD_WORKERS; slot++)
		if (is_whole(f->slots[slot].fds))
			f->g.worker_count = slot + 1;
	g = NULL;
	if (f->g.worker_count && saved_conf(&f->g) == 0) {
		/* Its time to drain begins now: nobody knows since when it has been old. */
		if (f->g.conf->timeouts.drain > 0)
			f->g.deadline.deadline = mono_ms() + f->g.conf->timeouts.drain;
		g = succession_adopt(&f->g);
	}
	if (!g) {
		store_forget_generation(&f->g);
		close_found(f);
		return;
	}
	boards_recall(g);
	for (uint32_t slot = 0; slot < g->worker_count; slot++)
		if (is_whole(f->slots[slot].fds)) {
			adopt_worker(g, slot, f->slots[slot].fds);
			workers++;
			for (int part = 0; part < PART_COUNT; part++)
				f->slots[slot].fds[part] = -1;
		}
	/* Of a worker that the store has only in part there is nothing to be known. */
	f->g.board_fd = -1;
	for (int i = 0; i < HELPER_COUNT; i++)
		f->g.bundles[i] = -1;
	close_found(f);
	log_say(LOG_NOTICE, "generation %u of an earlier master goes on with %u workers", g->id,
	    workers);
}

static struct found *
found_new(struct master *m, uint32_t id)
{
	struct found *f = calloc(1, sizeof(*f));

	if (!f)
		fatal("no memory for what the store has");
	f->g.m = m;
	f->g.id = id;
	f->g.state = GEN_OLD;
	f->g.orphaned = 1;
	f->g.board_fd = f->g.report.fd = -1;
	for (int i = 0; i < HELPER_COUNT; i++)
		f->g.helpers[i] = f->g.bundles[i] = -1;
	for (uint32_t slot = 0; slot < CHILD_WORKERS; slot++)
		for (int part = 0; part < PART_COUNT; part++)
			f->slots[slot].fds[part] = -1;
	return f;
}

/* The place for the descriptor with this name, or NULL when it is none of ours. */
static int *
place(struct master *m, struct found **all, size_t *count, const char *name)
{
	unsigned id, slot = 0;
	char what[16];
	size_t i = 0;
	int part = 0;

	if (sscanf(name, "w-%u-%u-%15s", &id, &slot, what) != 3 &&
	    sscanf(name, "g-%u-%15s", &id, what) != 2)
		return NULL;
	while (part < PART_COUNT && strcmp(parts[part], what) != 0)
		part++;
	if (part == PART_COUNT || slot >= CHILD_WORKERS || id == 0)
		return NULL;
	while (i < *count && all[i]->g.id != id)
		i++;
	if (i == *count) {
		if (i == GENERATIONS_MOST)
			return NULL;
		if ((all[i] = found_new(m, id)) == NULL)
			return NULL;
		(*count)++;
	}
	if (part < PART_BOARD)
		return &all[i]->g.bundles[part];
	return part == PART_BOARD ? &all[i]->g.board_fd : &all[i]->slots[slot].fds[part];
}

/* What ran last goes on if the file cannot be used. */
static void
keep_bundles(struct master *m)
{
	const struct generation *g, *last = NULL;

	TAILQ_FOREACH(g, &m->generations, link)
	if (!last || g->id > last->id)
		last = g;
	for (int i = 0; last && i < HELPER_COUNT; i++)
		if (last->bundles[i] == -1)
			last = NULL;
	for (int i = 0; last && i < HELPER_COUNT; i++)
		m->stored[i] = fcntl(last->bundles[i], F_DUPFD_CLOEXEC, 3);
}

void
store_take(struct master *m)
{
	const char *count_text = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
	const char *names_text = getenv("LISTEN_FDNAMES");
	struct found *all[GENERATIONS_MOST];
	char *names, *name, *rest;
	size_t count = 0;
	int fd = FIRST_FD, end;

	if (!count_text || !pid || !names_text || atol(pid) != (long)getpid())
		return;
	end = FIRST_FD + atoi(count_text);
	rest = names = strdup(names_text);
	while (names && fd < end && (name = strsep(&rest, ":")) != NULL) {
		int *at = place(m, all, &count, name);

		if (at && *at == -1) {
			fcntl(fd, F_SETFD, FD_CLOEXEC);
			*at = fd;
		}
		fd++;
	}
	free(names);
	for (size_t i = 0; i < count; i++) {
		adopt(m, all[i]);
		free(all[i]);
	}
	keep_bundles(m);
}
