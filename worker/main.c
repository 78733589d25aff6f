/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * mailreeve-worker: does TLS with clients and servers and relays their bytes.  Started by the
 * master, locked in before it reads its first byte; faces the internet, holds no private key.
 */
#include "common/container.h"
#include "common/log.h"
#include "common/stack.h"
#include "common/tls/key.h"
#include "worker/conn/base.h"
#include "worker/record/start.h"
#include "worker/sandbox.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

static void
on_master(struct watch *watch, uint32_t events)
{
	(void)events;
	from_master(CONTAINER(watch, struct worker, from_master));
}

/* Everything that can be wrong with what we were given shows here. */
static void
set_up(struct worker *w)
{
	struct problems problems = { 0 };
	const struct piece *text;
	const char *why_not;
	static char why[65536]; /* a line for everything that is wrong */

	if ((w->bundle = bundle_open(FD_BUNDLE)) == NULL ||
	    (text = bundle_find(w->bundle, PIECE_CONF, NULL)) == NULL)
		child_failed(&w->child, "the bundle is not one: %s", strerror(errno));
	if ((w->conf = conf_parse(text->data, text->name, NULL, &problems)) == NULL)
		child_failed(&w->child, "%s",
		    problems.count ? problems.items[0].text : "the configuration is not one");
	problems_clear(&problems);
	child_log(&w->child, w->conf->log.level, w->conf->log.format == LOG_JSON);
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		child_failed(&w->child, "OpenSSL cannot be set up");
	w->keeper = (struct chan){ FD_KEEPER, w->child.role, ROLE_KEEPER };
	if (tls_key_init(&w->keeper) == -1)
		child_failed(&w->child, "OpenSSL cannot be set up");
	/* after the keys' provider: the last to set which provider is asked first */
	why_not = record_init();
	if (why_not)
		log_say(LOG_WARNING, "every TLS connection keeps its OpenSSL object: %s", why_not);
	if ((w->tls = tls_ctx_new(w->conf, w->bundle, why, sizeof(why))) == NULL)
		child_refused(&w->child, why);
}

/* The board and everybody's tally: what choosing a server needs. */
static void
set_up_balance(struct worker *w)
{
	const struct conf *conf = w->conf;
	struct balancer *b = &w->balancer;

	b->conf = conf;
	b->board = board_map(FD_BOARD, conf->slot_count);
	b->tally_count = w->child.workers;
	b->tallies = calloc(b->tally_count, sizeof(*b->tallies));
	b->turns = calloc(conf->slot_count ? conf->slot_count : 1, sizeof(*b->turns));
	b->shun = calloc(conf->slot_count ? conf->slot_count : 1, sizeof(*b->shun));
	if (!b->board || !b->tallies || !b->turns || !b->shun)
		child_failed(&w->child, "cannot map the board: %s", strerror(errno));
	if (getrandom(b->dice, sizeof(b->dice), 0) != (ssize_t)sizeof(b->dice))
		child_failed(&w->child, "no random numbers: %s", strerror(errno));
	for (uint32_t i = 0; i < b->tally_count; i++) {
		b->tallies[i] = tally_map(FD_TALLY + (int)i, (uint32_t)conf->frontend_count,
		    conf->slot_count, i == w->child.slot);
		if (!b->tallies[i])
			child_failed(&w->child, "cannot map a tally: %s", strerror(errno));
	}
	/* All is mapped; the descriptors are for connections, however many workers there are. */
	(void)close_range(FD_BUNDLE, FD_BOARD, 0);
	(void)close_range(FD_TALLY, FD_TALLY + b->tally_count - 1, 0);
	w->tally = b->tallies[w->child.slot];
}

#define REPORT_MS 10 /* the loop's own resolution */

#define DAY_MS (24 * 3600 * 1000)

static void
on_look(struct timer *t)
{
	struct worker *w = CONTAINER(t, struct worker, look);

	if (!w->retired)
		tls_ctx_look(w->tls, 0);
	timer_set(w->loop, t, DAY_MS);
}

/* Which certificates serve, are wrong or old: one worker says it, for all have the same. */
static void
look(struct worker *w)
{
	if (w->child.slot != 0)
		return;
	if (tls_ctx_tell(w->tls, w->bundle, &w->child.chan) == -1)
		child_failed(&w->child, "cannot tell the master which certificates serve: %s",
		    strerror(errno));
	tls_ctx_look(w->tls, 1);
	tls_ctx_look_at_chains(w->tls, w->bundle);
	w->look.fn = on_look;
	timer_set(w->loop, &w->look, DAY_MS);
}

/* What is left to tell a master that is there but does not read waits for the channel. */
static void
report(struct worker *w)
{
	int more = to_master_flush(&w->report);

	if (!w->report.gone)
		(void)watch_set(w->loop, &w->from_master, more ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void
on_reporting(struct timer *t)
{
	report(CONTAINER(t, struct worker, reporting));
}

/* At the end of a pass: now if it is much or was kept waiting, else within REPORT_MS. */
static void
report_soon(struct worker *w)
{
	if (to_master_urgent(&w->report) || w->from_master.events & EPOLLOUT)
		report(w);
	else if (to_master_waiting(&w->report) && !w->reporting.deadline)
		timer_set(w->loop, &w->reporting, REPORT_MS);
}

static void
set_up_loop(struct worker *w)
{
	w->report.chan = &w->child.chan;
	w->reporting.fn = on_reporting;
	relay_init(&w->relay);
	w->from_master = (struct watch){ .fn = on_master, .fd = w->child.chan.fd };
	if ((w->loop = loop_new()) == NULL || watch_set(w->loop, &w->from_master, EPOLLIN) == -1)
		child_failed(&w->child, "cannot set up the event loop: %s", strerror(errno));
	if (shed_begin(w) == -1)
		child_failed(&w->child, "out of memory");
}

int
main(int argc, char **argv)
{
	static struct worker *w; /* the root of everything, to the very end of the process */

	/* For `mailreeve -V`, whose own program is linked with no OpenSSL. */
	if (argc == 2 && strcmp(argv[1], "-V") == 0)
		return puts(OpenSSL_version(OPENSSL_VERSION)) == EOF;
	if ((w = calloc(1, sizeof(*w))) == NULL)
		return 1;
	child_start(argc, argv, ROLE_WORKER, &w->child);
	if (record_wipe_memory() == -1)
		child_failed(&w->child, "OpenSSL was used before its memory could be wiped");
	set_up(w);
	set_up_balance(w);
	set_up_loop(w);
	look(w);
	worker_sandbox(&w->child, w->conf);
	child_ready(&w->child);
	while (!w->retired || w->conn_count > 0) {
		if (loop_once(w->loop, w->again ? 0 : -1) == -1)
			fatal("the event loop failed: %s", strerror(errno));
		worker_run_again(w);
		if (loop_yielded(w->loop) && !w->report.gone)
			from_master(w);
		stack_clean();
		report_soon(w);
		atomic_store_explicit(
		    &w->tally->worker->log_lost, log_lost(), memory_order_relaxed);
	}
	report(w);
	return 0;
}
