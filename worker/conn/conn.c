/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The life of one proxied connection, from the descriptor that the master passes us to the log
 * line at its end.
 *
 * Read `phases` first: it is the whole life on one screen.  A step does the work of one state,
 * without blocking, and names the state to be in next; naming its own state means "wait for the
 * event loop".  After any event the same function, conn_run, goes as far as it can.  Only conn_run
 * changes the state and only conn_run frees, so no step ever holds a dangling connection.
 */
#include "worker/conn/conn.h"

#include "common/container.h"
#include "worker/conn/list.h"
#include "worker/conn/log.h"
#include "worker/conn/steps.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

/* How long last bytes and the peer's own end are waited for. */
#define DRAIN_MS 3000
#define HURRY_MS 250 /* the same when the service stops at once */

#define TO(s) (1u << CONN_##s)

/* Every state: its step, what its deadline does, where it may lead, and where it goes when it is
 * asked to end from outside. */
/* clang-format off */
static const struct {
	enum conn_state (*step)(struct conn *);
	enum conn_state (*expire)(struct conn *);
	enum conn_state leave;
	unsigned next;
} phases[CONN_STATE_COUNT] = {
	[CONN_START]      = { step_start,      expire_client,  CONN_CLOSED, TO(PEEK) | TO(HANDSHAKE) | TO(PICK) },
	[CONN_PEEK]       = { step_peek,       expire_client,  CONN_DRAIN,  TO(PICK) | TO(DRAIN) },
	[CONN_HANDSHAKE]  = { step_handshake,  expire_client,  CONN_DRAIN,  TO(PICK) | TO(DRAIN) },
	[CONN_PICK]       = { step_pick,       step_pick,      CONN_REFUSE, TO(CONNECT) | TO(REFUSE) },
	[CONN_CONNECT]    = { step_connect,    expire_attempt, CONN_REFUSE, TO(HEADER) | TO(PICK) },
	[CONN_HEADER]     = { step_header,     expire_attempt, CONN_REFUSE, TO(SERVER_TLS) | TO(RELAY) | TO(PICK) },
	[CONN_SERVER_TLS] = { step_server_tls, expire_attempt, CONN_REFUSE, TO(RELAY) | TO(PICK) },
	[CONN_RELAY]      = { step_relay,      expire_relay,   CONN_DRAIN,  TO(DRAIN) },
	[CONN_REFUSE]     = { step_refuse,     expire_drain,   CONN_DRAIN,  TO(DRAIN) },
	[CONN_DRAIN]      = { step_drain,      expire_drain,   CONN_DRAIN,  0 },
	[CONN_CLOSED]     = { NULL,            NULL,           CONN_CLOSED, 0 },
};
/* clang-format on */

static struct tally_frontend *
frontend_tally(const struct conn *c)
{
	return &c->service->tally->frontends[conn_frontend_index(c)];
}

/* The beginning is over; its notes go with it. */
static void
end_setup(struct conn *c)
{
	free(c->setup->hello);
	free(c->setup);
	c->setup = NULL;
	c->notes = NULL;
}

static void
conn_free(struct conn *c)
{
	struct service *s = c->service;

	conn_log_end(c);
	reach_leave(c);
	side_close(&c->client, s->loop);
	timer_stop(&c->timer);
	to_master_closed(&s->report, c->id);
	(void)atomic_fetch_sub_explicit(&frontend_tally(c)->active, 1, memory_order_relaxed);
	list_forget(s, c);
	if (c->setup)
		end_setup(c);
	free(c->notes);
	free(c->why);
	free(c);
}

/* What entering a state brings with it. */
static void
entered(struct conn *c)
{
	struct notes *notes;

	switch (c->state) {
	case CONN_RELAY:
		notes = conn_log_keep(c);
		end_setup(c);
		c->notes = notes;
		carry_quiet_from_now(c);
		break;
	case CONN_DRAIN:
		conn_deadline(c, c->service->hurried ? HURRY_MS : DRAIN_MS);
		break;
	default:
		break;
	}
}

/* Wait for what the present state needs; -1: it cannot be had. */
static int
await(struct conn *c)
{
	const int client_blocked = side_blocked(&c->client),
		  server_blocked = side_blocked(&c->server);
	struct loop *loop = c->service->loop;
	int client = c->state == CONN_START || c->state == CONN_PEEK || c->state == CONN_HANDSHAKE;
	int server = c->state == CONN_SERVER_TLS;

	if (c->state == CONN_CONNECT)
		return watch_set(loop, &c->server.watch, EPOLLOUT) |
		    side_await(&c->client, loop, 0);
	if (c->state == CONN_RELAY || c->state == CONN_DRAIN) {
		client = c->state == CONN_RELAY ? !server_blocked : !client_blocked;
		server = c->state == CONN_RELAY ? !client_blocked : !server_blocked;
	}
	return side_await(&c->client, loop, client) | side_await(&c->server, loop, server);
}

/* Until the next event; a connection of which none would come has no business staying. */
static void
rest(struct conn *c)
{
	if (await(c) == 0)
		return;
	conn_reason(c, END_INTERNAL, "no memory to wait for its bytes");
	c->state = CONN_CLOSED;
	conn_free(c);
}

static enum conn_state
next_state(struct conn *c)
{
	if (c->leaving && c->state != phases[c->state].leave && c->state != CONN_REFUSE)
		return phases[c->state].leave;
	if (c->expired) {
		c->expired = 0;
		return phases[c->state].expire(c);
	}
	return phases[c->state].step(c);
}

void
conn_run(struct conn *c)
{
	enum conn_state next;

	while ((next = next_state(c)) != c->state) {
		assert(next == CONN_CLOSED || next == phases[c->state].leave ||
		    (phases[c->state].next & (1u << next)));
		c->state = (uint8_t)next;
		if (next == CONN_CLOSED) {
			conn_free(c);
			return;
		}
		entered(c);
	}
	rest(c);
}

void
conn_run_again(struct service *s)
{
	struct conn *next;

	for (struct conn *c = list_take_again(s); c; c = next) {
		next = c->again_next;
		conn_run(c);
	}
}

void
conn_end(struct conn *c, enum conn_end end)
{
	conn_reason(c, end, NULL);
	c->leaving = 1;
	conn_run(c);
}

int
conn_rests(const struct conn *c)
{
	enum protocol p = conn_frontend(c)->protocol;

	if (p != PROTO_IMAP && p != PROTO_POP3 && p != PROTO_SIEVE)
		return 0;
	if (c->state == CONN_START)
		return loop_now(c->service->loop) >= c->notes->began_ms + CARRY_PAUSE;
	return c->state == CONN_RELAY && carry_rests(c);
}

void
conn_hurry(struct conn *c)
{
	if (c->state == CONN_DRAIN)
		conn_deadline(c, HURRY_MS);
}

static void
on_client(struct watch *w, uint32_t events)
{
	struct conn *c = CONTAINER(w, struct conn, client.watch);

	side_event(&c->client, events);
	conn_run(c);
}

static void
on_server(struct watch *w, uint32_t events)
{
	struct conn *c = CONTAINER(w, struct conn, server.watch);

	side_event(&c->server, events);
	conn_run(c);
}

static void
on_timer(struct timer *t)
{
	struct conn *c = CONTAINER(t, struct conn, timer);

	c->expired = 1;
	conn_run(c);
}

int
conn_begin(struct service *s, const struct msg_handover *h, int fd)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c || (c->setup = calloc(1, sizeof(*c->setup))) == NULL) {
		free(c);
		close(fd);
		return -1;
	}
	c->id = h->id;
	c->service = s;
	c->listener = h->listener;
	c->backend = conn_frontend(c)->backend;
	c->slot = CONN_NO_SERVER;
	c->timer.fn = on_timer;
	side_init(&c->client, fd, on_client);
	c->client.shared = 1;
	side_init(&c->server, -1, on_server);
	c->notes = &c->setup->notes;
	c->setup->notes = (struct notes){
		.peer = h->peer,
		.local = h->local,
		.began_ms = loop_now(s->loop),
		.verify = 1,
	};
	c->setup->client = (struct proxy_client){
		.peer = h->peer,
		.local = h->local,
		.verify = 1,
		.unique_id = h->id,
	};
	list_adopt(s, c);
	(void)atomic_fetch_add_explicit(&frontend_tally(c)->active, 1, memory_order_relaxed);
	conn_deadline(c, conn_frontend(c)->timeouts.handshake);
	/* Where TLS begins, the client speaks first: until then nothing is touched. */
	if (conn_frontend(c)->tls.mode == TLS_NONE)
		conn_run(c);
	else
		rest(c);
	return 0;
}
