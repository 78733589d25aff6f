/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Handing connections over.  Master.  No byte of a connection is read here. */
#include "master/door/handover.h"

#include "common/clock.h"

/*
 * How long a connection that nobody has touched survives its takers, in milliseconds.  What kills
 * a worker is a byte that it has looked at, and then the connection counts as touched; the bound
 * is for what we have not thought of.
 */
#define MOVE_MOST 30000

/* How many more connections it may be given. */
static uint64_t
credit(const struct taker *t)
{
	uint64_t out = t->handed - t->taken + t->batched;

	if (t->stuck || out >= TAKER_CREDIT || t->has.count >= t->door->taker_most)
		return 0;
	return TAKER_CREDIT - out;
}

struct taker *
handover_pick(struct door *d)
{
	struct taker *best = NULL, *t;

	TAILQ_FOREACH(t, &d->takers, link)
	if (credit(t) > 0 && (!best || t->has.count < best->has.count))
		best = t;
	return best;
}

/* Send it what it was given in this burst; what it does not take is parked again. */
static void
flush(struct taker *t)
{
	static const struct msg_empty empty;
	struct msg_handover items[HANDOVER_MAX];
	int fds[HANDOVER_MAX];
	struct door *d = t->door;

	if (t->batched == 0)
		return;
	for (uint32_t i = 0; i < t->batched; i++) {
		const struct held *h = t->batch[i]->held;

		items[i] = (struct msg_handover){
			.id = t->batch[i]->id,
			.accepted_ms = h->accepted,
			.peer = h->peer,
			.local = h->local,
			.listener = h->listener->index,
		};
		fds[i] = h->fd;
	}
	d->owner->handing(t);
	if (chan_send(t->chan, MSG_HANDOVER, &empty, items, t->batched, fds, (int)t->batched) ==
	    -1) {
		/*
		 * EAGAIN: it does not read.  ETOOMANYREFS: too many descriptors in flight.
		 * EPIPE: it is dying.  No credit, in any case.
		 */
		t->stuck = 1;
		for (uint32_t i = t->batched; i-- > 0;)
			conns_park(&d->conns, t->batch[i]);
	} else {
		d->owner->handed(t);
		t->handed += t->batched;
		if (t->waiting == 0)
			t->waiting = loop_now(d->loop);
	}
	t->batched = 0;
}

void
handover_flush(struct door *d)
{
	struct taker *t;

	TAILQ_FOREACH(t, &d->takers, link)
	flush(t);
	conns_trim(&d->conns);
}

int
handover_ends_tls(const struct conf *conf, uint32_t listener)
{
	return conf->frontends[conf->listeners[listener].frontend].tls.mode == TLS_IMPLICIT;
}

void
handover_give(struct door *d, struct conn *c, struct taker *t)
{
	c->ends_tls = !c->shaken && handover_ends_tls(d->conf, c->held->listener->index);
	conns_give(&d->conns, c, &t->has);
	t->batch[t->batched++] = c;
	if (t->batched == HANDOVER_MAX)
		flush(t);
}

void
handover_parked(struct door *d)
{
	struct taker *t;

	while (!TAILQ_EMPTY(&d->conns.parked) && (t = handover_pick(d)) != NULL)
		handover_give(d, TAILQ_FIRST(&d->conns.parked), t);
	handover_flush(d);
}

void
handover_lost(struct taker *t)
{
	struct conns *conns = &t->door->conns;
	uint64_t now = real_ms();
	struct conn *c, *next;

	t->batched = 0;
	/* From the last to the first, so that the first is parked before the others. */
	for (c = TAILQ_LAST(&t->has.conns, conn_list); c; c = next) {
		next = TAILQ_PREV(c, conn_list, link);
		if (c->held && now - c->held->accepted < MOVE_MOST && c->held->listener &&
		    conn_untouched(c->held->fd)) {
			conns_park(conns, c);
		} else {
			conns_reset(conns, c);
			conns_free(conns, c);
		}
	}
}

void
handover_begin(struct taker *t)
{
	t->handed = t->taken = t->waiting = 0;
	t->stuck = 0;
}
