/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What the master tells a worker.  A message that is not in the list, or comes with the wrong
 * descriptors, ends this process: a master that breaks its own rules is not trusted.
 */
#include "worker/from_master.h"
#include "common/container.h"

#include "common/log.h"
#include "worker/conn/conn.h"
#include "worker/self.h"

#include <string.h>
#include <unistd.h>

#define END_PAUSE  10  /* milliseconds: shorter pauses are taken together */
#define REST_PAUSE 250 /* ... of sessions at rest, which have to be looked for */

static void
on_handover(struct self *w, struct msg *m)
{
	const struct msg_handover *items = m->items;

	for (uint32_t i = 0; i < m->count; i++) {
		if (items[i].listener >= w->service.conf->listener_count)
			fatal("handed a connection of listener %u, which does not exist",
			    items[i].listener);
		to_master_taken(&w->service.report);
		(void)atomic_fetch_add_explicit(
		    &w->service.tally->worker->total, 1, memory_order_relaxed);
		if (conn_begin(&w->service, &items[i], m->fds[i]) == -1) {
			log_say(LOG_ERR, "out of memory for a connection");
			to_master_closed(&w->service.report, items[i].id);
		}
	}
}

static void
on_retire(struct self *w, struct msg *m)
{
	(void)m;
	w->retired = 1;
}

static int
goes(const struct self *w, const struct conn *c)
{
	return !c->leaving && (!w->resting || conn_rests(c));
}

static uint64_t
count_going(const struct self *w)
{
	uint64_t count = 0;

	for (const struct conn *c = w->service.conns; c; c = c->next)
		count += (uint64_t)goes(w, c);
	return count;
}

/*
 * Close the next connection, and come back for the one after it: one at a time while each can have
 * a moment of its own, else as many as keep the pace.  Those that are left when the time is over go
 * then.
 */
static void
end_next(struct timer *t)
{
	struct self *w = CONTAINER(t, struct self, ending);
	struct conn *c, *next;
	uint64_t now = loop_now(w->service.loop), left = w->end_at > now ? w->end_at - now : 0;
	uint64_t least = w->resting ? REST_PAUSE : END_PAUSE, pause, batch;

	if (w->resting)
		w->staying = count_going(w);
	pause = w->staying ? left / w->staying : left;
	batch = pause >= least ? 1 : w->staying * least / (left ? left : 1) + 1;
	for (c = w->service.conns; c && (batch > 0 || left == 0); c = next) {
		next = c->next;
		if (!goes(w, c))
			continue;
		batch -= batch > 0;
		w->staying -= w->staying > 0;
		conn_end(c, w->end_reason);
	}
	if (w->resting)
		timer_set(w->service.loop, t, REST_PAUSE);
	else if (left)
		timer_set(w->service.loop, t,
		    pause > END_PAUSE    ? pause :
			left < END_PAUSE ? left :
					   END_PAUSE);
}

static void
on_end(struct self *w, struct msg *m)
{
	const struct msg_end *end = m->fixed;

	w->retired = 1;
	w->end_reason = end->stopping == MSG_END_DRAINED ? END_DRAIN : END_STOP;
	w->end_at = loop_now(w->service.loop) + end->spread_ms;
	w->resting = end->stopping == MSG_END_RESTING;
	w->staying = w->service.conn_count;
	if (end->stopping == MSG_END_NOW) {
		w->service.hurried = 1;
		for (struct conn *c = w->service.conns; c; c = c->next)
			conn_hurry(c);
	}
	w->ending.fn = end_next;
	end_next(&w->ending);
}

static void
on_ping(struct self *w, struct msg *m)
{
	/* A full channel loses the answer; the next question brings another. */
	(void)chan_tell(&w->child.chan, MSG_PONG, m->fixed);
}

/* The keeper was replaced: signatures go to the new one from now on. */
static void
on_keeper(struct self *w, struct msg *m)
{
	chan_close(&w->keeper);
	w->keeper.fd = m->fds[0];
}

static const struct {
	void (*handle)(struct self *, struct msg *);
} table[MSG_COUNT] = {
	[MSG_HANDOVER] = { on_handover },
	[MSG_RETIRE] = { on_retire },
	[MSG_END] = { on_end },
	[MSG_PING] = { on_ping },
	[MSG_KEEPER] = { on_keeper },
};

void
from_master(struct self *w)
{
	_Alignas(8) uint8_t buf[CHAN_BUF];
	struct msg m;

	for (;;) {
		switch (chan_recv(&w->child.chan, buf, sizeof(buf), &m)) {
		case CHAN_MSG:
			break;
		case CHAN_AGAIN:
			return;
		case CHAN_GONE:
			/* The master died.  Our connections need it for nothing: they go on, and
			 * the last one ends this process. */
			w->service.report.gone = 1;
			w->retired = 1;
			(void)watch_set(w->service.loop, &w->from_master, 0);
			return;
		case CHAN_BAD:
			fatal("the master broke the protocol");
		}
		if (!table[m.type].handle)
			fatal("the master sent %s to a worker", msg_name(m.type));
		table[m.type].handle(w, &m);
	}
}
