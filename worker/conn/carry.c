/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * A connection carries bytes, most of its life long: which of its two directions has ended, and
 * what it means when one breaks.  Runs in the worker; the bytes themselves are relay.c's.
 */
#include "common/keepalive.h"
#include "worker/conn/list.h"
#include "worker/conn/steps.h"
#include "worker/tls/facts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* How long the relaying may be silent. */
static uint32_t
patience(const struct conn *c)
{
	const struct conf_timeouts *t = &conn_frontend(c)->timeouts;

	return c->first_eof ? t->half_closed : t->idle;
}

/* How long a peer that owes us an answer may be silent; 0: for ever. */
static uint32_t
dead_after(const struct conn *c)
{
	uint32_t keepalive = conn_frontend(c)->timeouts.keepalive;

	return keepalive ? keepalive + KEEPALIVE_GRACE : 0;
}

/* Milliseconds since the last bytes came. */
static uint32_t
quiet_for(const struct conn *c)
{
	return (uint32_t)loop_now(c->service->loop) - c->moved_ms;
}

void
carry_quiet_from_now(struct conn *c)
{
	uint32_t dead = dead_after(c), most = patience(c);

	c->moved_ms = (uint32_t)loop_now(c->service->loop);
	conn_deadline(c, dead && dead < most ? dead : most);
}

/* Which side ended its direction first; from then on the other has half_closed to follow. */
static void
note_first_end(struct conn *c)
{
	if (c->first_eof || !(c->client.ended || c->server.ended))
		return;
	c->first_eof = c->client.ended ? 1 : 2;
	carry_quiet_from_now(c);
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
	int fault = TLS_FAULT_OTHER;
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
			side_reset(other, c->service->loop);
		return CONN_DRAIN;
	}
	if ((flow == FLOW_FROM_FAILED || flow == FLOW_TO_FAILED) && error)
		(void)snprintf(why, sizeof(why), "%s", strerror(error));
	else if (flow == FLOW_FROM_FAILED && client_side && broken->ssl)
		fault = tls_facts_why(broken->ssl, why, sizeof(why));
	else
		side_why(broken, why, sizeof(why));
	if (broken->alerted)
		fault = TLS_FAULT_ALERT + broken->alert;
	if (flow == FLOW_FROM_FAILED && client_side && !error)
		conn_reason_tls(c, fault, why);
	else
		conn_reason(c, broken_end(c, client_side), why);
	side_reset(other, c->service->loop);
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

/* Its peer is dead: bytes wait for it that nobody takes any more. */
static enum conn_state
peer_dead(struct conn *c, struct side *dead, int client_side)
{
	enum conn_state next;

	errno = ETIMEDOUT;
	next = relay_broken(c, FLOW_FROM_FAILED, client_side);
	side_reset(dead, c->service->loop);
	return next;
}

enum conn_state
expire_relay(struct conn *c)
{
	uint32_t dead = dead_after(c), quiet = quiet_for(c), most = patience(c);
	uint32_t client, server, silence, again;

	if (quiet >= most) {
		conn_reason(c, c->first_eof ? END_HALF_CLOSED : END_IDLE, NULL);
		return CONN_DRAIN;
	}
	client = dead ? side_silence(&c->client) : 0;
	server = dead ? side_silence(&c->server) : 0;
	if (dead && client >= dead)
		return peer_dead(c, &c->client, 1);
	if (dead && server >= dead)
		return peer_dead(c, &c->server, 0);
	/* Keep-alive sees to a peer that owes nothing; one that answers and does not read may. */
	silence = client > server ? client : server;
	again = silence ? dead - silence : most - quiet;
	conn_deadline(c, again < most - quiet ? again : most - quiet);
	return CONN_RELAY;
}

int
carry_rests(const struct conn *c)
{
	return !c->first_eof && quiet_for(c) >= CARRY_PAUSE && side_rests(&c->client) &&
	    side_rests(&c->server);
}

/* So long a silence, and what comes next is not bulk any more. */
static void
after_pause(struct conn *c)
{
	if (quiet_for(c) < CARRY_PAUSE)
		return;
	c->client.window = c->server.window = SIDE_WINDOW_MIN;
}

/* The server's first words are kept for a while, should it say no others. */
static void
hear(struct conn *c, uint64_t before)
{
	struct relay *relay = &c->service->relay;

	/* Of several readings only the last one is still there. */
	if (before < WORDS_MOST && c->bytes_out - before == relay->last && relay->last > 0)
		words_heard(&c->service->words, c->id, before, relay->scratch, relay->last);
}

enum conn_state
step_relay(struct conn *c)
{
	struct relay *relay = &c->service->relay;
	uint64_t moved = c->bytes_in + c->bytes_out, said = c->bytes_out;
	enum flow up, down;

	after_pause(c);
	detach(c); /* before it would be read from, which takes buffers */
	up = relay_flow(relay, &c->client, &c->server, &c->bytes_in);
	if (is_broken(up))
		return relay_broken(c, up, 1);
	down = relay_flow(relay, &c->server, &c->client, &c->bytes_out);
	hear(c, said);
	if (is_broken(down))
		return relay_broken(c, down, 0);
	note_first_end(c);
	if (up == FLOW_ENDED && down == FLOW_ENDED) {
		conn_reason(c, c->first_eof == 1 ? END_CLIENT_CLOSED : END_SERVER_CLOSED, NULL);
		return CONN_DRAIN;
	}
	if (up == FLOW_MORE || down == FLOW_MORE)
		list_again(c->service, c);
	detach(c);
	if (moved != c->bytes_in + c->bytes_out)
		carry_quiet_from_now(c);
	return CONN_RELAY;
}
