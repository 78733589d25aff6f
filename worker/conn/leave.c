/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * A connection leaves: the client that could not be served hears so in its protocol, last bytes go
 * out, and both peers get an end.  Runs in the worker; what still comes is thrown away unread.
 */
#include "common/mail/refuse.h"
#include "worker/conn/list.h"
#include "worker/conn/steps.h"

#include <errno.h>
#include <sys/socket.h>

enum conn_state
step_refuse(struct conn *c)
{
	const struct conf_frontend *f = conn_frontend(c);
	char text[512];
	size_t n;

	reach_leave(c);
	if (f->tls.mode != TLS_PASSTHROUGH &&
	    (n = refuse_text(f->protocol, f->hostname, text, sizeof(text))) > 0)
		(void)side_write(&c->client, text, n); /* what fails here shows in DRAIN */
	return CONN_DRAIN;
}

enum conn_state
expire_drain(struct conn *c)
{
	(void)c;
	return CONN_CLOSED;
}

/* End our direction, then throw away what comes until the peer ends its own: 1 when all is over. */
static int
drain_side(struct conn *c, struct side *s)
{
	struct relay *relay = &c->service->relay;
	ssize_t n = 0;

	if (s->watch.fd == -1)
		return 1;
	switch (side_finish(s, 1)) {
	case IO_DONE:
		break;
	case IO_WAIT:
		return 0;
	default:
		side_close(s, c->service->loop);
		return 1;
	}
	/* Closing with unread bytes would send a reset, which can overtake what we wrote last.
	 * Without TLS nothing can follow the peer's end. */
	if (!s->ended || side_has_tls(s))
		n = recv(s->watch.fd, relay->scratch, sizeof(relay->scratch), MSG_DONTWAIT);
	if (n > 0) /* a peer that does not stop must not keep others waiting */
		list_again(c->service, c);
	if (n > 0 || (n == -1 && errno == EAGAIN))
		return 0;
	/* An end that stays unclosed would be told again in every pass of the loop. */
	side_close(s, c->service->loop);
	return 1;
}

enum conn_state
step_drain(struct conn *c)
{
	int client = drain_side(c, &c->client), server = drain_side(c, &c->server);

	return client && server ? CONN_CLOSED : CONN_DRAIN;
}
