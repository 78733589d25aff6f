/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Putting generations and workers into the service manager's store.  Master. */
#include "master/life/kept.h"

#include "master/host/store.h"
#include "master/life/generation.h"
#include "master/life/master.h"

#include <stdio.h>

const char *const kept_parts[KEPT_COUNT] = {
	[KEPT_BUNDLE] = "bundle",
	[KEPT_CHECKS] = "checks",
	[KEPT_KEYS] = "keys",
	[KEPT_BOARD] = "board",
	[KEPT_CHAN] = "chan",
	[KEPT_PIDFD] = "pidfd",
	[KEPT_TALLY] = "tally",
	[KEPT_LOG] = "log",
};

static const char *
generation_name(const struct generation *g, enum kept part, char name_r[STORE_NAME])
{
	snprintf(name_r, STORE_NAME, "g-%u-%s", g->id, kept_parts[part]);
	return name_r;
}

static const char *
worker_name(const struct worker *w, enum kept part, char name_r[STORE_NAME])
{
	snprintf(name_r, STORE_NAME, "w-%u-%u-%s", gen_of(&w->p)->id, w->p.slot, kept_parts[part]);
	return name_r;
}

static void
put(const struct generation *g, enum kept part, int fd)
{
	char name[STORE_NAME];

	store_put(g->m->notify, generation_name(g, part, name), fd);
}

static void
forget(const struct generation *g, enum kept part)
{
	char name[STORE_NAME];

	store_remove(g->m->notify, generation_name(g, part, name));
}

void
kept_generation(const struct generation *g)
{
	put(g, KEPT_BUNDLE, g->bundles[HELPER_WORKER]);
	put(g, KEPT_BOARD, g->servers.board_fd);
	if (g->state != GEN_CURRENT)
		return;
	put(g, KEPT_CHECKS, g->bundles[HELPER_CHECKER]);
	put(g, KEPT_KEYS, g->bundles[HELPER_KEEPER]);
}

void
kept_forget_spares(const struct generation *g)
{
	forget(g, KEPT_CHECKS);
	forget(g, KEPT_KEYS);
}

void
kept_forget_generation(const struct generation *g)
{
	forget(g, KEPT_BUNDLE);
	forget(g, KEPT_BOARD);
	kept_forget_spares(g);
}

void
kept_worker(const struct worker *w)
{
	const int fds[KEPT_COUNT] = { [KEPT_CHAN] = w->p.chan.fd,
		[KEPT_PIDFD] = w->p.pidfd,
		[KEPT_TALLY] = w->tally_fd,
		[KEPT_LOG] = w->p.log.watch.fd };
	char name[STORE_NAME];

	for (enum kept part = KEPT_CHAN; part < KEPT_COUNT; part++)
		store_put(gen_of(&w->p)->m->notify, worker_name(w, part, name), fds[part]);
}

void
kept_forget_worker(const struct worker *w)
{
	char name[STORE_NAME];

	for (enum kept part = KEPT_CHAN; part < KEPT_COUNT; part++)
		store_remove(gen_of(&w->p)->m->notify, worker_name(w, part, name));
}
