/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Everything that a worker may ask of the root process.  The worker is the process that an
 * attacker would own first.  Ids and slots are looked up among this worker's own records; nothing
 * is allocated here and no descriptor is ever accepted.
 */
#include "master/life/from_worker.h"

#include "common/container.h"
#include "master/child/from_child.h"
#include "master/life/generation.h"
#include "master/life/judge.h"
#include "master/servers/servers.h"

#define SUSPECT_PAUSE 1000 /* milliseconds between two CHECK_NOW for one server */

static struct worker *
worker_of(struct proc *p)
{
	return CONTAINER(p, struct worker, p);
}

static const char *
on_taken(struct proc *p, const struct msg *m)
{
	const struct msg_taken *taken = m->fixed;
	struct worker *w = worker_of(p);

	if (gen_of(p)->orphaned)
		return NULL;
	if (taken->upto < w->t.taken || taken->upto > w->t.handed)
		return "took connections that it was not given";
	w->t.taken = taken->upto;
	w->t.waiting = w->t.taken == w->t.handed ? 0 : loop_now(gen_of(p)->m->loop);
	return NULL;
}

/* The record of one of this worker's connections, or NULL. */
static struct conn *
own_conn(struct proc *p, uint64_t id)
{
	struct conn *c = conns_find(&gen_of(p)->m->door.conns, id);

	return c && c->holder == &worker_of(p)->t.has ? c : NULL;
}

/*
 * A connection that the worker names and that is not among its own: a lie, but where the master
 * that knew them has died.
 */
static const char *
not_own(const struct proc *p, const char *reason)
{
	return gen_of(p)->orphaned ? NULL : reason;
}

static const char *
on_touched(struct proc *p, const struct msg *m)
{
	const struct msg_id *ids = m->items;

	for (uint32_t i = 0; i < m->count; i++) {
		struct conn *c = own_conn(p, ids[i].id);

		if (!c)
			return not_own(p, "touched a connection that it does not have");
		if (c->touched)
			return "touched a connection twice";
		c->touched = 1;
		conns_release(&gen_of(p)->m->door.conns, c);
	}
	return NULL;
}

static const char *
on_shaken(struct proc *p, const struct msg *m)
{
	const struct msg_id *ids = m->items;

	for (uint32_t i = 0; i < m->count; i++) {
		struct conn *c = own_conn(p, ids[i].id);

		if (!c)
			return not_own(
			    p, "finished the handshake of a connection that it does not have");
		if (c->shaken)
			return "finished a handshake twice";
		conns_shaken(c);
	}
	return NULL;
}

static const char *
on_closed(struct proc *p, const struct msg *m)
{
	const struct msg_id *ids = m->items;

	for (uint32_t i = 0; i < m->count; i++) {
		struct conn *c = own_conn(p, ids[i].id);

		if (!c)
			return not_own(p, "closed a connection that it does not have");
		conns_free(&gen_of(p)->m->door.conns, c);
		worker_of(p)->finished++;
	}
	return NULL;
}

/* A connect failed: let the checker look at that server now. */
static const char *
on_suspect(struct proc *p, const struct msg *m)
{
	const struct msg_server *suspect = m->fixed;
	struct generation *current = gen_of(p)->m->current;
	uint64_t now = loop_now(gen_of(p)->m->loop);
	struct msg_server check = { 0 };
	struct server *s;

	if (suspect->server >= gen_of(p)->conf->slot_count)
		return "suspects a server that does not exist";
	s = &gen_of(p)->servers.slots[suspect->server];
	if (gen_of(p) != current)
		s = s->heir;
	if (!s || !current || now - s->suspected < SUSPECT_PAUSE ||
	    current->checker.state != PROC_SERVING)
		return NULL;
	s->suspected = now;
	check.server = (uint32_t)(s - current->servers.slots);
	/* If the checker does not read, its next regular check will have to do. */
	(void)chan_tell(&current->checker.chan, MSG_CHECK_NOW, &check);
	return NULL;
}

/* The first worker's words, before it knows the network; its successors say the same again. */
static const char *
on_cert(struct proc *p, const struct msg *m)
{
	if (p->slot != 0)
		return "reported certificates, which only the first worker may";
	return gen_of(p)->state == GEN_BUILDING ?
	    judge_take(gen_of(p), m->fixed, m->items, m->count) :
	    NULL;
}

#define LIVE (PROC_SERVING | PROC_RETIRING)

static const struct from_rule table[MSG_COUNT] = {
	[MSG_READY] = { from_ready, PROC_STARTING },
	[MSG_CERT] = { on_cert, PROC_STARTING },
	[MSG_FAILED] = { from_failed, PROC_STARTING },
	[MSG_PONG] = { from_pong, LIVE },
	[MSG_TAKEN] = { on_taken, LIVE },
	[MSG_TOUCHED] = { on_touched, LIVE },
	[MSG_SHAKEN] = { on_shaken, LIVE },
	[MSG_CLOSED] = { on_closed, LIVE },
	[MSG_SUSPECT] = { on_suspect, LIVE },
};

const char *
from_worker(struct proc *p, int all, int *gone_r)
{
	const char *reason = from_child(p, table, all, gone_r);

	/* It has read from its channel, or will be followed by another that does. */
	worker_of(p)->t.stuck = 0;
	return reason;
}
