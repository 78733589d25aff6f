/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Accepting connections.  Master.  No byte of a connection is read here.
 *
 * When no taker has credit the listeners are not polled: the kernel's backlog is the queue, and
 * clients wait there instead of in a process that cannot serve them.
 */
#include "master/door/accept.h"

#include "common/clock.h"
#include "common/container.h"
#include "common/log.h"
#include "master/door/handover.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BURST 64 /* connections of one listener in one pass */

#define EMFILE_WAIT 100 /* milliseconds until accepting is tried again without descriptors */

/* How long connections that end TLS wait for a keeper, in milliseconds; then they are refused. */
#define KEEPER_WAIT 5000

/* ---- Without a keeper ---- */

enum keeper { KEEPER_SERVES, KEEPER_AWAITED, KEEPER_MISSED };

/* Whether one serves; remembers since when there is none. */
static enum keeper
keeper_now(struct door *d)
{
	uint64_t now = loop_now(d->loop);

	if (d->owner->signs(d)) {
		if (d->keeper_refused)
			log_say(LOG_NOTICE,
			    "the keeper serves again; %llu connections were refused in the "
			    "meantime",
			    (unsigned long long)d->keeper_refused);
		d->keeper_missed = d->keeper_refused = 0;
		return KEEPER_SERVES;
	}
	if (d->keeper_missed == 0)
		d->keeper_missed = now;
	return now - d->keeper_missed < KEEPER_WAIT ? KEEPER_AWAITED : KEEPER_MISSED;
}

/* What the keeper's absence means for this listener: nothing where nobody needs a signature. */
static enum keeper
keeper_for(struct listener *l)
{
	if (!handover_ends_tls(l->door->conf, l->index))
		return KEEPER_SERVES;
	return keeper_now(l->door);
}

/* ---- Accepting ---- */

static void
poll_listeners(struct door *d)
{
	int open = !d->paused && !d->closed && TAILQ_EMPTY(&d->conns.parked) && handover_pick(d);
	struct listener *l;

	TAILQ_FOREACH(l, &d->listeners, link)
	(void)watch_set(d->loop, &l->watch,
	    open && l->is_kept && keeper_for(l) != KEEPER_AWAITED ? EPOLLIN : 0);
}

void
accept_resume(struct door *d)
{
	handover_parked(d);
	poll_listeners(d);
}

static void
on_accept_again(struct timer *t)
{
	struct door *d = CONTAINER(t, struct door, again);

	d->paused = 0;
	poll_listeners(d);
}

int
accept_no_room(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* No descriptors or no memory for another connection: wait a little instead of spinning. */
static void
pause_accepting(struct door *d, int error)
{
	if (loop_now(d->loop) - d->pause_told >= 60000 || d->pause_told == 0) {
		d->pause_told = loop_now(d->loop);
		log_say(LOG_ERR, "cannot accept connections: %s; trying again", strerror(error));
	}
	d->paused = 1;
	d->again.fn = on_accept_again;
	timer_set(d->loop, &d->again, EMFILE_WAIT);
}

/* The address that the client has connected to; a bind to one address tells it at once. */
static void
local_address(const struct listener *l, int fd, struct addr *a_r)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);

	*a_r = l->addr;
	if (l->any && getsockname(fd, (struct sockaddr *)&ss, &len) == 0)
		addr_from_sockaddr((struct sockaddr *)&ss, a_r);
}

/* Accept one connection and park it.  Returns 1, 0 when none waits, -1 when we have no room. */
static int
accept_one(struct listener *l)
{
	struct door *d = l->door;
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);
	struct conn *c;
	int fd;

	fd = accept4(l->watch.fd, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd == -1) {
		if (accept_no_room(errno)) {
			pause_accepting(d, errno);
			return -1;
		}
		/* A client that went away while it waited is no reason to stop. */
		return errno == EAGAIN ? 0 : 1;
	}
	c = conns_add(&d->conns, d->next_id, fd);
	if (!c) {
		close(fd);
		pause_accepting(d, ENOMEM);
		return -1;
	}
	d->next_id++;
	d->accepted++;
	c->held->accepted = real_ms();
	c->held->listener = l;
	addr_from_sockaddr((struct sockaddr *)&ss, &c->held->peer);
	local_address(l, fd, &c->held->local);
	return 1;
}

/* Close what waits: no word is possible before a TLS handshake that nobody can sign. */
static void
refuse(struct listener *l)
{
	struct door *d = l->door;

	for (int n = 0; n < BURST && accept_one(l) == 1; n++) {
		if (TAILQ_EMPTY(&d->conns.parked))
			continue;
		if (d->keeper_refused++ == 0)
			log_say(LOG_ERR,
			    "no keeper has served for %d s: "
			    "connections to frontends that end TLS are refused until one does",
			    KEEPER_WAIT / 1000);
		/* The one just accepted: those before it may be another port's. */
		conns_free(&d->conns, TAILQ_LAST(&d->conns.parked, conn_list));
	}
}

void
accept_event(struct watch *watch, uint32_t events)
{
	struct listener *l = CONTAINER(watch, struct listener, watch);
	struct door *d = l->door;
	enum keeper keeper = d->conf ? keeper_for(l) : KEEPER_SERVES;
	struct taker *t;

	(void)events;
	if (keeper == KEEPER_MISSED)
		refuse(l);
	for (int n = 0; keeper == KEEPER_SERVES && n < BURST && (t = handover_pick(d)) != NULL;
	     n++) {
		if (accept_one(l) != 1)
			break;
		if (!TAILQ_EMPTY(&d->conns.parked))
			handover_give(d, TAILQ_FIRST(&d->conns.parked), t);
	}
	handover_flush(d);
	poll_listeners(d);
}

void
accept_rest(struct listener *l)
{
	/* No more than can have waited: somebody may connect as quickly as we accept. */
	for (int n = 0; n < BACKLOG && accept_one(l) == 1; n++)
		;
	handover_parked(l->door);
}
