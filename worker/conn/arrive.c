/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * A connection arrives: from the first look at it to knowing who the client is and which backend
 * it belongs to.  Runs in the worker, on the first bytes of unknown peers; no server is contacted
 * from here.
 */
#include "worker/conn/log.h"
#include "worker/conn/steps.h"
#include "worker/record/take.h"
#include "worker/side/ssl.h"
#include "worker/tls/ctx.h"
#include "worker/tls/facts.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

/* Handshakes may take this much of a pass of the loop before other work gets a turn. */
#define PASS_MS 50

/* A handshake came to nothing: the log still has the name that the client asked for. */
static void
note_name(struct conn *c)
{
	const char *sni = c->client.ssl ? tls_facts_sni(c->client.ssl) : NULL;

	if (sni)
		(void)snprintf(c->setup->sni, sizeof(c->setup->sni), "%s", sni);
}

enum conn_state
expire_client(struct conn *c)
{
	if (c->state != CONN_START) {
		note_name(c);
		conn_reason(c, END_TIMEOUT, NULL);
		return CONN_DRAIN;
	}
	/* The log's while: a ClientHello that is passed on is not a handshake of ours. */
	conn_reason_in(c, END_TIMEOUT,
	    conn_frontend(c)->tls.mode == TLS_PASSTHROUGH ? CONN_PEEK : CONN_START,
	    "no byte from the client");
	return CONN_CLOSED;
}

/*
 * From here on bytes are looked at, so another worker could not begin again.  TCP_NODELAY is the
 * mark that the master's duplicate shows, even if we die before the message is out.
 */
enum conn_state
step_start(struct conn *c)
{
	const int on = 1;
	const struct conf_frontend *f = conn_frontend(c);

	(void)setsockopt(c->client.watch.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	to_master_touched(&c->service->report, c->id);
	conn_log_start(c);
	switch (f->tls.mode) {
	case TLS_NONE:
		break;
	case TLS_PASSTHROUGH:
		c->setup->hello = malloc(sizeof(*c->setup->hello));
		if (!c->setup->hello) {
			conn_reason(c, END_INTERNAL, "no memory for the ClientHello");
			return CONN_CLOSED;
		}
		c->setup->hello->size = 0;
		return CONN_PEEK;
	case TLS_IMPLICIT:
		return CONN_HANDSHAKE;
	}
	return CONN_PICK;
}

/* Why a read before RELAY came to nothing. */
static enum conn_state
lost_client(struct conn *c, enum io io)
{
	conn_reason(c, io == IO_EOF || io == IO_CUT ? END_CLIENT_CLOSED : END_CLIENT_RESET, NULL);
	return CONN_DRAIN;
}

enum conn_state
step_peek(struct conn *c)
{
	struct hello *h = c->setup->hello;
	enum io io;
	size_t n;

	for (;;) {
		switch (hello_parse(h->bytes, h->size, c->setup->sni)) {
		case HELLO_WHOLE:
			if (c->setup->sni[0])
				c->setup->client.sni = c->setup->sni;
			c->backend =
			    conf_route(c->service->conf, conn_frontend_index(c), c->setup->sni);
			return CONN_PICK;
		case HELLO_BAD:
			conn_reason(c, END_TLS_ERROR, "not a TLS ClientHello");
			return CONN_DRAIN;
		case HELLO_MORE:
			break;
		}
		io = side_read(&c->client, h->bytes + h->size, sizeof(h->bytes) - h->size, &n);
		if (io == IO_WAIT)
			return CONN_PEEK;
		if (io != IO_DONE)
			return lost_client(c, io);
		h->size += n;
	}
}

/* The handshake is done: keep what log and PROXY header will say of it. */
static void
note_facts(struct conn *c)
{
	struct setup *s = c->setup;
	struct tls_facts f;

	tls_facts_read(c->client.ssl, &f);
	(void)snprintf(s->sni, sizeof(s->sni), "%s", f.sni ? f.sni : "");
	(void)snprintf(s->alpn, sizeof(s->alpn), "%s", f.alpn);
	(void)snprintf(s->cn, sizeof(s->cn), "%s", f.cn);
	s->notes.tls_version = f.version;
	s->notes.cipher = f.cipher;
	s->notes.cert_name = f.cert_name;
	s->notes.resumed = f.resumed != 0;
	s->notes.cert_sent = f.cert_sent != 0;
	s->notes.verify = f.verify;
	s->client.tls = 1;
	s->client.tls_version = f.version;
	s->client.cipher = f.cipher;
	s->client.sni = s->sni[0] ? s->sni : NULL;
	s->client.alpn = s->alpn[0] ? s->alpn : NULL;
	s->client.cn = s->cn[0] ? s->cn : NULL;
	s->client.cert_sent = f.cert_sent;
	s->client.cert_now = f.cert_now;
	s->client.verify = f.verify;
	s->client.key_alg = f.key_alg;
	s->client.sig_alg = f.sig_alg;
}

static void
count_handshake(const struct conn *c, int ok)
{
	struct tally_frontend *t = &c->service->tally->frontends[conn_frontend_index(c)];

	(void)atomic_fetch_add_explicit(
	    ok ? &t->handshakes : &t->tls_errors, 1, memory_order_relaxed);
	if (ok && c->notes->resumed)
		(void)atomic_fetch_add_explicit(&t->resumed, 1, memory_order_relaxed);
}

static enum conn_state
handshake_failed(struct conn *c, enum io io)
{
	char why[160];
	int fault;

	note_name(c);
	if (io == IO_CUT || io == IO_RESET)
		return lost_client(c, io);
	fault = tls_facts_why(c->client.ssl, why, sizeof(why));
	conn_reason_tls(c, fault, why);
	count_handshake(c, 0);
	return CONN_DRAIN;
}

enum conn_state
step_handshake(struct conn *c)
{
	const struct conf *conf = c->service->conf;
	SSL *ssl;
	enum io io;

	if (!c->client.ssl) {
		ssl = tls_ctx_accept(c->service->tls, conn_frontend_index(c));
		if (!ssl || ssl_start(&c->client, ssl) == -1) {
			conn_reason(c, END_INTERNAL, "no memory for TLS");
			return CONN_DRAIN;
		}
		if (conn_frontend(c)->tls.detach)
			(void)record_watch(ssl); /* without memory the object stays */
	}
	io = ssl_shake(&c->client);
	/* Signatures may have to wait for a busy keeper; the master must not. */
	if (loop_lasted(c->service->loop) >= PASS_MS)
		loop_yield(c->service->loop);
	if (io == IO_WAIT)
		return CONN_HANDSHAKE;
	if (io != IO_DONE)
		return handshake_failed(c, io);
	c->notes->ms_tls = (uint32_t)(loop_now(c->service->loop) - c->notes->began_ms);
	note_facts(c);
	count_handshake(c, 1);
	c->backend = conf_route(conf, conn_frontend_index(c), c->setup->sni);
	to_master_shaken(&c->service->report, c->id);
	return CONN_PICK;
}
