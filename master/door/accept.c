/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Accepting connections and handing them over.  Master.  No byte of a connection is read here.
 *
 * When no worker has credit the listeners are not polled: the kernel's backlog is the queue, and
 * clients wait there instead of in a process that cannot serve them.
 */
#include "master/door/accept.h"

#include "common/clock.h"
#include "common/container.h"
#include "common/log.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BURST 64 /* connections of one listener in one pass */
/*
 * How long a connection that nobody has touched survives its workers, in milliseconds.  What kills
 * a worker is a byte that it has looked at, and then the connection counts as touched; the bound
 * is for what we have not thought of.
 */
#define MOVE_MOST 30000

#define EMFILE_WAIT 100 /* milliseconds until accepting is tried again without descriptors */

/* How long connections that end TLS wait for a keeper, in milliseconds; then they are refused. */
#define KEEPER_WAIT 5000

/* How many more connections this worker may be given. */
static uint64_t
credit(const struct worker *w)
{
	uint64_t out = w->handed - w->taken + w->batched;

	if (w->p.state != PROC_SERVING || w->stuck || out >= WORKER_CREDIT ||
	    w->conn_count >= w->p.m->worker_most)
		return 0;
	return WORKER_CREDIT - out;
}

/* The least loaded worker that has credit, or NULL. */
static struct worker *
pick(struct master *m)
{
	struct generation *g = m->current;
	struct worker *best = NULL;

	for (uint32_t i = 0; g && i < g->worker_count; i++) {
		struct worker *w = &g->workers[i];

		if (credit(w) > 0 && (!best || w->conn_count < best->conn_count))
			best = w;
	}
	return best;
}

/* ---- Handing over ---- */

/* Send a worker what it was given in this burst; what it does not take is parked again. */
static void
flush(struct worker *w)
{
	static const struct msg_empty empty;
	struct msg_handover items[HANDOVER_MAX];
	int fds[HANDOVER_MAX];
	struct master *m = w->p.m;

	if (w->batched == 0)
		return;
	for (uint32_t i = 0; i < w->batched; i++) {
		const struct held *h = w->batch[i]->held;

		items[i] = (struct msg_handover){
			.id = w->batch[i]->id,
			.accepted_ms = h->accepted,
			.peer = h->peer,
			.local = h->local,
			.listener = h->listener->index,
		};
		fds[i] = h->fd;
	}
	budget_before(w);
	if (chan_send(&w->p.chan, MSG_HANDOVER, &empty, items, w->batched, fds, (int)w->batched) ==
	    -1) {
		/*
		 * EAGAIN: it does not read.  ETOOMANYREFS: too many descriptors in flight.
		 * EPIPE: it is dying.  No credit, in any case.
		 */
		w->stuck = 1;
		for (uint32_t i = w->batched; i-- > 0;)
			conns_park(&m->conns, w->batch[i]);
	} else {
		budget_after(w);
		w->handed += w->batched;
		if (w->waiting == 0)
			w->waiting = loop_now(m->loop);
	}
	w->batched = 0;
}

static void
flush_all(struct master *m)
{
	struct generation *g = m->current;

	for (uint32_t i = 0; g && i < g->worker_count; i++)
		flush(&g->workers[i]);
	conns_trim(&m->conns);
}

/* Give a parked connection to a worker that has credit. */
static void
give(struct master *m, struct conn *c, struct worker *w)
{
	c->ends_tls = !c->shaken && budget_ends_tls(m->current->conf, c->held->listener->index);
	conns_give(&m->conns, c, w);
	w->batch[w->batched++] = c;
	if (w->batched == HANDOVER_MAX)
		flush(w);
}

static void
give_parked(struct master *m)
{
	struct worker *w;

	while (!TAILQ_EMPTY(&m->conns.parked) && (w = pick(m)) != NULL)
		give(m, TAILQ_FIRST(&m->conns.parked), w);
	flush_all(m);
}

/* ---- Without a keeper ---- */

enum keeper { KEEPER_SERVES, KEEPER_AWAITED, KEEPER_MISSED };

/* Of the current generation; remembers since when there is none. */
static enum keeper
keeper_now(struct master *m)
{
	uint64_t now = loop_now(m->loop);

	if (m->current->keeper.state == PROC_SERVING) {
		if (m->keeper_refused)
			log_say(LOG_NOTICE,
			    "the keeper serves again; %llu connections were refused meanwhile",
			    (unsigned long long)m->keeper_refused);
		m->keeper_missed = m->keeper_refused = 0;
		return KEEPER_SERVES;
	}
	if (m->keeper_missed == 0)
		m->keeper_missed = now;
	return now - m->keeper_missed < KEEPER_WAIT ? KEEPER_AWAITED : KEEPER_MISSED;
}

/* What the keeper's absence means for this listener: nothing where nobody needs a signature. */
static enum keeper
keeper_for(struct listener *l)
{
	if (!budget_ends_tls(l->m->current->conf, l->index))
		return KEEPER_SERVES;
	return keeper_now(l->m);
}

/* ---- Accepting ---- */

static void
poll_listeners(struct master *m)
{
	int open = !m->accept_paused && m->stopping != STOP_LEAVE &&
	    TAILQ_EMPTY(&m->conns.parked) && pick(m);
	struct listener *l;

	TAILQ_FOREACH(l, &m->listeners, link)
	(void)watch_set(m->loop, &l->watch,
	    open && l->is_kept && keeper_for(l) != KEEPER_AWAITED ? EPOLLIN : 0);
}

void
accept_resume(struct master *m)
{
	give_parked(m);
	poll_listeners(m);
}

static void
on_accept_again(struct timer *t)
{
	struct master *m = CONTAINER(t, struct master, accept_again);

	m->accept_paused = 0;
	poll_listeners(m);
}

int
accept_no_room(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* No descriptors or no memory for another connection: wait a little instead of spinning. */
static void
pause_accepting(struct master *m, int error)
{
	if (loop_now(m->loop) - m->pause_told >= 60000 || m->pause_told == 0) {
		m->pause_told = loop_now(m->loop);
		log_say(LOG_ERR, "cannot accept connections: %s; trying again", strerror(error));
	}
	m->accept_paused = 1;
	m->accept_again.fn = on_accept_again;
	timer_set(m->loop, &m->accept_again, EMFILE_WAIT);
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
	struct master *m = l->m;
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);
	struct conn *c;
	int fd;

	fd = accept4(l->watch.fd, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd == -1) {
		if (accept_no_room(errno)) {
			pause_accepting(m, errno);
			return -1;
		}
		/* A client that went away while it waited is no reason to stop. */
		return errno == EAGAIN ? 0 : 1;
	}
	c = conns_add(&m->conns, m->next_id, fd);
	if (!c) {
		close(fd);
		pause_accepting(m, ENOMEM);
		return -1;
	}
	m->next_id++;
	m->accepted++;
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
	struct master *m = l->m;

	for (int n = 0; n < BURST && accept_one(l) == 1; n++) {
		if (TAILQ_EMPTY(&m->conns.parked))
			continue;
		if (m->keeper_refused++ == 0)
			log_say(LOG_ERR,
			    "no keeper has served for %d s: "
			    "connections to frontends that end TLS are refused until one does",
			    KEEPER_WAIT / 1000);
		/* The one just accepted: those before it may be another port's. */
		conns_free(&m->conns, TAILQ_LAST(&m->conns.parked, conn_list));
	}
}

void
accept_event(struct watch *watch, uint32_t events)
{
	struct listener *l = CONTAINER(watch, struct listener, watch);
	struct master *m = l->m;
	enum keeper keeper = m->current ? keeper_for(l) : KEEPER_SERVES;
	struct worker *w;

	(void)events;
	if (keeper == KEEPER_MISSED)
		refuse(l);
	for (int n = 0; keeper == KEEPER_SERVES && n < BURST && (w = pick(m)) != NULL; n++) {
		if (accept_one(l) != 1)
			break;
		if (!TAILQ_EMPTY(&m->conns.parked))
			give(m, TAILQ_FIRST(&m->conns.parked), w);
	}
	flush_all(m);
	poll_listeners(m);
}

void
accept_rest(struct listener *l)
{
	/* No more than can have waited: somebody may connect as quickly as we accept. */
	for (int n = 0; n < BACKLOG && accept_one(l) == 1; n++)
		;
	give_parked(l->m);
}

/* ---- A dead worker's connections ---- */

/* Its tally goes on with its successor: what it had open is closed now. */
static void
forget_active(const struct worker *w)
{
	const struct conf *conf = w->p.gen->conf;
	struct tally *t =
	    tally_map(w->tally_fd, (uint32_t)conf->frontend_count, conf->slot_count, 1);

	if (!t)
		return;
	for (uint32_t i = 0; i < conf->slot_count; i++)
		atomic_store(&t->servers[i].active, 0);
	for (size_t i = 0; i < conf->frontend_count; i++)
		atomic_store(&t->frontends[i].active, 0);
	tally_unmap(&t);
}

void
worker_lost(struct worker *w)
{
	struct master *m = w->p.m;
	uint64_t now = real_ms();
	struct conn *c, *next;

	w->batched = 0;
	/* From the last to the first, so that the first is parked before the others. */
	for (c = TAILQ_LAST(&w->conns, conn_list); c; c = next) {
		next = TAILQ_PREV(c, conn_list, link);
		if (c->held && now - c->held->accepted < MOVE_MOST && c->held->listener &&
		    conn_untouched(c->held->fd)) {
			conns_park(&m->conns, c);
		} else {
			conns_reset(&m->conns, c);
			conns_free(&m->conns, c);
		}
	}
	forget_active(w);
}
