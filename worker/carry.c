/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * A connection carries bytes, most of its life long: which of its two directions has ended, and
 * what it means when one breaks.  Runs in the worker; the bytes themselves are relay.c's.
 */
#include "relay.h"
#include "steps.h"
#include "worker.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* So long a silence, and what comes next is not bulk any more. */
#define PAUSE_MS 1000

enum conn_state
expire_relay(struct conn *c)
{
	conn_reason(c, c->first_eof ? END_HALF_CLOSED : END_IDLE, NULL);
	return CONN_DRAIN;
}

/* Which side ended its direction first; from then on the other has half_closed to follow. */
static void
note_first_end(struct conn *c)
{
	if (c->first_eof || !(c->client.ended || c->server.ended))
		return;
	c->first_eof = c->client.ended ? 1 : 2;
	conn_deadline(c, conn_frontend(c)->timeouts.half_closed);
}

/*
 * The end of a connection that broke on one side.  Many peers close with bytes unread, or take no
 * more after their own end, and their kernel then resets.  That is no reset in the log if the peer
 * had ended before, or if the server had and the client got all of it.
 */
static enum conn_end
broken_end(const struct conn *c, int client_side)
{
	if (c->first_eof == 2 && (!client_side || !side_blocked(&c->client)))
		return END_SERVER_CLOSED;
	if (!client_side)
		return END_SERVER_RESET;
	return c->first_eof == 1 ? END_CLIENT_CLOSED : END_CLIENT_RESET;
}

/* What a direction that went wrong means for the connection: from_client says which one. */
static enum conn_state
relay_broken(struct conn *c, enum flow flow, int from_client)
{
	const int reading = flow != FLOW_TO_RESET && flow != FLOW_TO_FAILED;
	const int client_side = from_client == reading, error = errno;
	struct side *broken = client_side ? &c->client : &c->server;
	struct side *other = client_side ? &c->server : &c->client;
	char why[160] = "";

	note_first_end(c);
	/* A client that has got the server's end need not say its own close_notify: many do not.  Not
	 * so a server: what it had still to say after the client's end may be missing. */
	if (flow == FLOW_CUT && client_side && broken->finished && other->ended) {
		conn_reason(c, END_SERVER_CLOSED, NULL);
		return CONN_DRAIN;
	}
	if (flow == FLOW_CUT) {
		conn_reason(c, client_side ? END_CLIENT_CLOSED : END_SERVER_CLOSED,
		    "closed without close_notify");
		/* The peer behind TLS sees that something is missing; without TLS only a reset
		 * can say so. */
		if (side_has_tls(other))
			(void)side_finish(other, 0);
		else
			side_reset(other, c->worker->loop);
		return CONN_DRAIN;
	}
	if ((flow == FLOW_FROM_FAILED || flow == FLOW_TO_FAILED) && error)
		(void)snprintf(why, sizeof(why), "%s", strerror(error));
	else if (flow == FLOW_FROM_FAILED && client_side && broken->ssl)
		(void)tls_client_why(broken->ssl, why, sizeof(why));
	else
		side_why(broken, why, sizeof(why));
	if (flow == FLOW_FROM_FAILED && client_side && !error)
		conn_reason(c, END_TLS_ERROR, why);
	else
		conn_reason(c, broken_end(c, client_side), why);
	side_reset(other, c->worker->loop);
	return CONN_DRAIN;
}

static int
is_broken(enum flow flow)
{
	return flow != FLOW_WAIT && flow != FLOW_MORE && flow != FLOW_ENDED;
}

/*
 * Leave OpenSSL's objects behind: the client's at once, the server's after its first byte, for
 * the tickets that its next connection resumes with come before that.
 */
static void
detach(struct conn *c)
{
	if (!conn_frontend(c)->tls.detach)
		return;
	if (c->client.ssl)
		side_detach(&c->client);
	if (c->server.ssl && c->bytes_out > 0)
		side_detach(&c->server);
}

/* How long the relaying may be silent. */
static uint32_t
patience(const struct conn *c)
{
	const struct conf_timeouts *t = &conn_frontend(c)->timeouts;

	return c->first_eof ? t->half_closed : t->idle;
}

/* The last bytes came when the deadline was set: was that long ago? */
static void
after_pause(struct conn *c)
{
	if (loop_now(c->worker->loop) + patience(c) < c->timer.deadline + PAUSE_MS)
		return;
	c->client.window = c->server.window = SIDE_WINDOW_MIN;
}

enum conn_state
step_relay(struct conn *c)
{
	struct relay *relay = &c->worker->relay;
	uint64_t moved = c->bytes_in + c->bytes_out;
	enum flow up, down;

	after_pause(c);
	detach(c); /* before it would be read from, which takes buffers */
	up = relay_flow(relay, &c->client, &c->server, &c->bytes_in);
	if (is_broken(up))
		return relay_broken(c, up, 1);
	down = relay_flow(relay, &c->server, &c->client, &c->bytes_out);
	if (is_broken(down))
		return relay_broken(c, down, 0);
	note_first_end(c);
	if (up == FLOW_ENDED && down == FLOW_ENDED) {
		conn_reason(c, c->first_eof == 1 ? END_CLIENT_CLOSED : END_SERVER_CLOSED, NULL);
		return CONN_DRAIN;
	}
	if (up == FLOW_MORE || down == FLOW_MORE)
		worker_again(c->worker, c);
	detach(c);
	if (moved != c->bytes_in + c->bytes_out)
		conn_deadline(c, patience(c));
	return CONN_RELAY;
}
