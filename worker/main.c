/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * mailreeve-worker: does TLS with clients and servers and relays their bytes.  Started by the
 * master, locked in before it reads its first byte; faces the internet, holds no private key.
 */
#include "common/container.h"
#include "common/log.h"
#include "common/stack.h"
#include "common/tally.h"
#include "common/tls/key.h"
#include "worker/conn/conn.h"
#include "worker/from_master.h"
#include "worker/record/start.h"
#include "worker/sandbox.h"
#include "worker/self.h"
#include "worker/tls/ctx.h"
#include "worker/tls/look.h"
#include "worker/tls/tell.h"

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
	from_master(CONTAINER(watch, struct self, from_master));
}

/* Anything wrong with what the master gave us shows here. */
static void
set_up(struct self *w)
{
	struct problems problems = { 0 };
	const struct piece *text;
	const char *why_not;
	static char why[65536]; /* a line for everything that is wrong */

	if ((w->bundle = bundle_open(FD_BUNDLE)) == NULL ||
	    (text = bundle_find(w->bundle, PIECE_CONF, NULL)) == NULL)
		child_failed(&w->child, "invalid bundle: %s", strerror(errno));
	if ((w->service.conf = conf_parse(text->data, text->name, NULL, &problems)) == NULL)
		child_failed(&w->child, "%s",
		    problems.count ? problems.items[0].text : "invalid configuration");
	problems_clear(&problems);
	child_log(&w->child, w->service.conf->log.level, w->service.conf->log.format == LOG_JSON);
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		child_failed(&w->child, "cannot initialise OpenSSL");
	w->keeper = (struct chan){ FD_KEEPER, w->child.role, ROLE_KEEPER };
	if (tls_key_init(&w->keeper) == -1)
		child_failed(&w->child, "cannot initialise OpenSSL");
	/* after the provider of keys: the last one sets which provider is asked first */
	why_not = record_init();
	if (why_not)
		log_say(LOG_WARNING,
		    "detached TLS records disabled: connections will use more memory: %s", why_not);
	if ((w->service.tls = tls_ctx_new(w->service.conf, w->bundle, why, sizeof(why))) == NULL)
		child_refused(&w->child, why);
}

/* The board and the tallies of all workers: what choosing a server needs. */
static void
set_up_balance(struct self *w)
{
	const struct conf *conf = w->service.conf;
	struct balancer *b = &w->service.balancer;

	b->conf = conf;
	b->board = board_map(FD_BOARD, conf->slot_count);
	b->tally_count = w->child.workers;
	b->tallies = calloc(b->tally_count, sizeof(*b->tallies));
	b->turns = calloc(conf->slot_count ? conf->slot_count : 1, sizeof(*b->turns));
	b->shun = calloc(conf->slot_count ? conf->slot_count : 1, sizeof(*b->shun));
	if (!b->board || !b->tallies || !b->turns || !b->shun)
		child_failed(&w->child, "cannot map the board: %s", strerror(errno));
	if (getrandom(b->dice, sizeof(b->dice), 0) != (ssize_t)sizeof(b->dice))
		child_failed(&w->child, "cannot get random numbers: %s", strerror(errno));
	for (uint32_t i = 0; i < b->tally_count; i++) {
		b->tallies[i] = tally_map(FD_TALLY + (int)i, (uint32_t)conf->frontend_count,
		    conf->slot_count, i == w->child.slot);
		if (!b->tallies[i])
			child_failed(&w->child, "cannot map a tally: %s", strerror(errno));
	}
	/* All is mapped; the descriptors are for connections, whatever the number of workers. */
	(void)close_range(FD_BUNDLE, FD_BOARD, 0);
	(void)close_range(FD_TALLY, FD_TALLY + b->tally_count - 1, 0);
	w->service.tally = b->tallies[w->child.slot];
}

#define REPORT_MS 10 /* the loop's own resolution */

#define DAY_MS (24 * 3600 * 1000)

static void
on_look(struct timer *t)
{
	struct self *w = CONTAINER(t, struct self, look);

	if (!w->retired)
		tls_look(w->service.tls, 0);
	timer_set(w->service.loop, t, DAY_MS);
}

/* Which certificates are shown, wrong or old: one worker says it, since all have the same. */
static void
look(struct self *w)
{
	if (w->child.slot != 0)
		return;
	if (tls_tell(w->service.tls, w->bundle, &w->child.chan) == -1)
		child_failed(&w->child, "cannot tell the master which certificates serve: %s",
		    strerror(errno));
	tls_look(w->service.tls, 1);
	tls_look_at_chains(w->service.tls, w->bundle);
	w->look.fn = on_look;
	timer_set(w->service.loop, &w->look, DAY_MS);
}

/* What is left to tell a master that is there but does not read waits for the channel. */
static void
report(struct self *w)
{
	int more = to_master_flush(&w->service.report);

	if (!w->service.report.gone)
		(void)watch_set(
		    w->service.loop, &w->from_master, more ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void
on_reporting(struct timer *t)
{
	report(CONTAINER(t, struct self, reporting));
}

/* At the end of a pass: at once if it is much or had to wait, else within REPORT_MS. */
static void
report_soon(struct self *w)
{
	if (to_master_urgent(&w->service.report) || w->from_master.events & EPOLLOUT)
		report(w);
	else if (to_master_waiting(&w->service.report) && !w->reporting.deadline)
		timer_set(w->service.loop, &w->reporting, REPORT_MS);
}

static void
set_up_loop(struct self *w)
{
	w->service.report.chan = &w->child.chan;
	w->reporting.fn = on_reporting;
	relay_init(&w->service.relay);
	w->from_master = (struct watch){ .fn = on_master, .fd = w->child.chan.fd };
	if ((w->service.loop = loop_new()) == NULL ||
	    watch_set(w->service.loop, &w->from_master, EPOLLIN) == -1)
		child_failed(&w->child, "cannot set up the event loop: %s", strerror(errno));
	if (shed_begin(&w->shed, &w->service) == -1)
		child_failed(&w->child, "out of memory");
}

int
main(int argc, char **argv)
{
	static struct self *w; /* the root of everything, to the very end of the process */

	/* For `mailreeve -V`, whose own program does not link OpenSSL. */
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
	worker_sandbox(&w->child, w->service.conf);
	child_ready(&w->child);
	while (!w->retired || w->service.conn_count > 0) {
		if (loop_once(w->service.loop, w->service.again ? 0 : -1) == -1)
			fatal("the event loop failed: %s", strerror(errno));
		conn_run_again(&w->service);
		if (loop_yielded(w->service.loop) && !w->service.report.gone)
			from_master(w);
		stack_clean();
		report_soon(w);
		atomic_store_explicit(
		    &w->service.tally->worker->log_lost, log_lost(), memory_order_relaxed);
	}
	report(w);
	return 0;
}
