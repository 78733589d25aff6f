/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * mailreeve-checker: asks every server whether it serves, and DNS for their addresses.
 *
 * Sandboxed; the only process that speaks to servers without a client.  It has no file system and
 * no secret: its configuration comes in a sealed bundle, its results leave as reports of one
 * size through a pipe.  It ends with the master.
 */
#include "checker/resolve.h"
#include "checker/sandbox.h"
#include "checker/schedule.h"
#include "checker/tls.h"

#include "common/child.h"
#include "common/container.h"
#include "common/log.h"
#include "common/stack.h"
#include "common/tls/key.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#define SPARE_FDS 64 /* for everything that is not a check */

/* The one root of this process. */
struct checker {
	struct child child;
	struct loop *loop;
	struct watch chan_watch;
	struct chan keeper;
	struct bundle *bundle;
	struct conf *conf;
	struct board *board;
	struct outbox outbox;
	struct tls_set *tls;
	struct resolver *resolver;
	struct schedule *schedule;
};

/* The same text that the master has validated. */
static void
read_conf(struct checker *self)
{
	struct problems problems = { 0 };
	const struct piece *text;

	self->bundle = bundle_open(FD_BUNDLE);
	if (!self->bundle)
		child_failed(&self->child, "checker: cannot open the bundle: %s", strerror(errno));
	text = bundle_find(self->bundle, PIECE_CONF, NULL);
	if (!text)
		child_failed(&self->child, "checker: no configuration in the bundle");
	self->conf = conf_parse(text->data, text->name, NULL, &problems);
	if (!self->conf)
		child_failed(&self->child, "checker: %s",
		    problems.count > 0 ? problems.items[0].text : "bad configuration");
	problems_clear(&problems);
	child_log(&self->child, self->conf->log.level, self->conf->log.format == LOG_JSON);
}

/* As many descriptors as we may have, less those that are not for checks. */
static uint32_t
descriptors(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == -1)
		return SPARE_FDS;
	l.rlim_cur = l.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &l);
	if (getrlimit(RLIMIT_NOFILE, &l) == -1 || l.rlim_cur <= 2L * SPARE_FDS)
		return SPARE_FDS;
	return l.rlim_cur - SPARE_FDS < UINT32_MAX ? (uint32_t)l.rlim_cur - SPARE_FDS : UINT32_MAX;
}

/* Everything that needs more privileges than checking does. */
static void
prepare(struct checker *self)
{
	struct child *child = &self->child;
	static char err[65536]; /* a line for everything that is wrong */

	read_conf(self);
	self->board = board_map(FD_BOARD, self->conf->slot_count);
	if (!self->board)
		child_failed(child, "checker: cannot map the board: %s", strerror(errno));
	if (tls_key_init(&self->keeper) == -1)
		child_failed(child, "checker: cannot initialise OpenSSL");
	self->tls = tls_set_new(self->conf, self->bundle, err, sizeof(err));
	if (!self->tls)
		child_refused(child, err);
	self->loop = loop_new();
	if (!self->loop || outbox_init(&self->outbox, self->loop, FD_REPORT) == -1)
		child_failed(child, "checker: %s", strerror(errno));
	self->resolver =
	    resolver_new(self->loop, self->conf, self->bundle, self->board, &self->outbox);
	if (!self->resolver)
		child_failed(child, "checker: cannot set up the resolver");
	self->schedule = schedule_new(&(struct schedule_parts){
	    .loop = self->loop,
	    .conf = self->conf,
	    .board = self->board,
	    .outbox = &self->outbox,
	    .tls = self->tls,
	    .resolver = self->resolver,
	    .descriptors = descriptors(),
	});
	if (!self->schedule)
		child_failed(child, "checker: out of memory");
}

/* The keeper was replaced: signatures go to the new one. */
static void
on_keeper(struct checker *self, const struct msg *m)
{
	if (self->keeper.fd != -1)
		close(self->keeper.fd);
	self->keeper.fd = m->fds[0];
}

/* A worker could not connect: the server may be down, or elsewhere. */
static void
on_suspect(struct checker *self, uint32_t slot)
{
	const struct conf *conf = self->conf;

	for (size_t i = 0; i < conf->server_count; i++)
		if (slot - conf->servers[i].slot < conf->servers[i].slots)
			resolver_suspect(self->resolver, i);
	schedule_now(self->schedule, slot);
}

static void
on_message(struct checker *self, struct msg *m)
{
	const struct msg_server *server = m->fixed;

	switch (m->type) {
	case MSG_PING:
		(void)chan_tell(&self->child.chan, MSG_PONG, m->fixed);
		break;
	case MSG_KEEPER:
		on_keeper(self, m);
		break;
	case MSG_CHECK_NOW:
		on_suspect(self, server->server);
		break;
	case MSG_RESOLVE:
		resolver_again(self->resolver);
		break;
	default:
		msg_drop_fds(m);
		break;
	}
}

static void
on_master(struct watch *w, uint32_t events)
{
	struct checker *self = CONTAINER(w, struct checker, chan_watch);
	_Alignas(8) char buf[CHAN_BUF];
	struct msg m;

	(void)events;
	for (;;) {
		switch (chan_recv(&self->child.chan, buf, sizeof(buf), &m)) {
		case CHAN_MSG:
			on_message(self, &m);
			break;
		case CHAN_AGAIN:
			return;
		case CHAN_GONE:
			/* A new master starts a checker of its own. */
			_exit(0);
		case CHAN_BAD:
			fatal("checker: bad message from the master");
		}
	}
}

int
main(int argc, char **argv)
{
	struct checker self = { .keeper = { FD_KEEPER, ROLE_CHECKER, ROLE_KEEPER } };
	int more = 0;

	child_start(argc, argv, ROLE_CHECKER, &self.child);
	prepare(&self);
	checker_sandbox(&self.child, self.conf);
	child_ready(&self.child);
	if (self.child.testing)
		_exit(0);
	self.chan_watch.fd = self.child.chan.fd;
	self.chan_watch.fn = on_master;
	if (watch_set(self.loop, &self.chan_watch, EPOLLIN) == -1)
		fatal("checker: %s", strerror(errno));
	resolver_begin(self.resolver);
	for (;;) {
		if (loop_once(self.loop, more ? 0 : -1) == -1)
			fatal("checker: %s", strerror(errno));
		more = schedule_start(self.schedule);
		stack_clean();
	}
}
