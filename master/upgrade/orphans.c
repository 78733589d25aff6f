/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Finding the workers of an earlier master in the service manager's store.  Master.  Names and
 * descriptors are our own from before; what they show is checked like a child's word all the same,
 * because the workers have gone on since.
 */
#include "master/upgrade/orphans.h"

#include "common/child.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/tally.h"
#include "master/child/proc.h"
#include "master/door/keep.h"
#include "master/life/kept.h"
#include "master/life/succession.h"
#include "master/servers/boards.h"
#include "master/upgrade/saved.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_FD         3  /* SD_LISTEN_FDS_START */
#define GENERATIONS_MOST 64 /* more than that are left to end by themselves */

/* What was found of one generation. */
struct found {
	struct generation g;
	struct {
		int fds[KEPT_COUNT]; /* of a worker; -1: not there */
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

	w->tally_fd = fds[KEPT_TALLY];
	w->tally =
	    tally_map(w->tally_fd, (uint32_t)g->conf->frontend_count, g->conf->slot_count, 0);
	w->p.pidfd = fds[KEPT_PIDFD];
	w->p.chan.fd = fds[KEPT_CHAN];
	w->p.log.watch.fd = fds[KEPT_LOG];
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fds[KEPT_PIDFD]);
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
	for (int part = KEPT_CHAN; part < KEPT_COUNT; part++)
		if (fds[part] == -1)
			return 0;
	return 1;
}

static void
close_found(struct found *f)
{
	for (uint32_t slot = 0; slot < CHILD_WORKERS; slot++)
		for (int part = 0; part < KEPT_COUNT; part++)
			if (f->slots[slot].fds[part] != -1)
				close(f->slots[slot].fds[part]);
	if (f->g.servers.board_fd != -1)
		close(f->g.servers.board_fd);
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
	if (f->g.worker_count && generation_read(&f->g) == 0) {
		/* Its time to drain begins now: nobody knows since when it has been old. */
		if (f->g.conf->timeouts.drain > 0)
			f->g.deadline.deadline = mono_ms() + f->g.conf->timeouts.drain;
		g = succession_adopt(&f->g);
	}
	if (!g) {
		kept_forget_generation(&f->g);
		close_found(f);
		return;
	}
	boards_recall(&g->servers);
	for (uint32_t slot = 0; slot < g->worker_count; slot++)
		if (is_whole(f->slots[slot].fds)) {
			adopt_worker(g, slot, f->slots[slot].fds);
			workers++;
			for (int part = 0; part < KEPT_COUNT; part++)
				f->slots[slot].fds[part] = -1;
		}
	/* Of a worker that the store has only in part there is nothing to be known. */
	f->g.servers.board_fd = -1;
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
	f->g.servers.board_fd = f->g.report.fd = -1;
	for (int i = 0; i < HELPER_COUNT; i++)
		f->g.helpers[i] = f->g.bundles[i] = -1;
	for (uint32_t slot = 0; slot < CHILD_WORKERS; slot++)
		for (int part = 0; part < KEPT_COUNT; part++)
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
	while (part < KEPT_COUNT && strcmp(kept_parts[part], what) != 0)
		part++;
	if (part == KEPT_COUNT || slot >= CHILD_WORKERS || id == 0)
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
	if (part < KEPT_BOARD)
		return &all[i]->g.bundles[part];
	return part == KEPT_BOARD ? &all[i]->g.servers.board_fd : &all[i]->slots[slot].fds[part];
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
orphans_take(struct master *m)
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
