/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Reaching a server: choose one, connect, send the PROXY header, begin TLS.  A server that
 * refuses or takes too long is left for another; the client hears nothing of it.
 */
#include "common/keepalive.h"
#include "common/mail/reason.h"
#include "common/tally.h"
#include "common/tls/verify.h"
#include "worker/conn/steps.h"
#include "worker/record/take.h"
#include "worker/side/ssl.h"
#include "worker/tls/ctx.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* How often the board is looked at while every server is still before its first check. */
#define CHECKING_MS 50

static struct tally_server *
tally_of(const struct conn *c)
{
	return &c->service->tally->servers[c->slot];
}

static const struct conf_server *
server_of(const struct conn *c)
{
	return &c->service->conf->servers[c->notes->server];
}

void
reach_leave(struct conn *c)
{
	side_close(&c->server, c->service->loop);
	if (c->slot == CONN_NO_SERVER)
		return;
	(void)atomic_fetch_sub_explicit(&tally_of(c)->active, 1, memory_order_relaxed);
	c->slot = CONN_NO_SERVER;
}

/* This server did not work out; the next one may. */
static enum conn_state
attempt_failed(struct conn *c, const char *why)
{
	struct setup *s = c->setup;

	(void)snprintf(
	    s->why, sizeof(s->why), "%s: %s", s->server[0] ? s->server : server_of(c)->name, why);
	if (s->tried.count < sizeof(s->tried.slots) / sizeof(s->tried.slots[0]))
		s->tried.slots[s->tried.count++] = c->slot;
	(void)atomic_fetch_add_explicit(&tally_of(c)->failed, 1, memory_order_relaxed);
	to_master_suspect(&c->service->report, c->slot);
	balance_failed(&c->service->balancer, c->slot);
	s->failed_in = c->state; /* if this was the last attempt */
	reach_leave(c);
	return CONN_PICK;
}

/* The same, with its remedy. */
static enum conn_state
attempt_found(struct conn *c, struct finding *f)
{
	char why[REASON_WORDS];

	if (server_of(c)->send_proxy != PROXY_NONE)
		f->with |= WITH_HEADER;
	reason_words(conn_backend(c), f, why, sizeof(why));
	return attempt_failed(c, why);
}

static enum conn_state
attempt_ended(struct conn *c, enum reason reason)
{
	struct finding f;

	reason_set(&f, reason, 0, "");
	return attempt_found(c, &f);
}

enum conn_state
expire_attempt(struct conn *c)
{
	return attempt_failed(
	    c, c->state == CONN_SERVER_TLS ? "timeout in the TLS handshake" : "timeout");
}

static enum conn_state
no_server(struct conn *c, enum conn_end end)
{
	uint32_t frontend = conn_frontend_index(c);
	const char *why = c->setup->why;

	if (!*why)
		why = end == END_SERVER_FULL ? "every server has its max_connections" :
					       "no server is up";
	(void)atomic_fetch_add_explicit(
	    &c->service->tally->frontends[frontend].refused, 1, memory_order_relaxed);
	if (c->notes->tries && end == END_NO_SERVER)
		end = END_CONNECT_FAILED;
	conn_reason_in(c, end, end == END_CONNECT_FAILED ? c->setup->failed_in : c->state, why);
	return CONN_REFUSE;
}

/* Our own address towards this server, where the configuration names some: by family, in turn. */
static int
bind_source(const struct conn *c, int fd, uint8_t family)
{
	const struct conf_backend *b = conn_backend(c);
	const int on = 1;
	struct sockaddr_storage ss;
	size_t start = (size_t)(c->id % (b->bind_address_count ? b->bind_address_count : 1));

	for (size_t i = 0; i < b->bind_address_count; i++) {
		const struct addr *a = &b->bind_address[(start + i) % b->bind_address_count];

		if (a->family != family)
			continue;
		/* The port is chosen at connect, per destination: else 28,000 would be all. */
		(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
		return bind(fd, (struct sockaddr *)&ss, addr_to_sockaddr(a, &ss));
	}
	return 0;
}

static void
set_options(int fd, uint32_t keepalive_ms)
{
	const int on = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (keepalive_ms > 0)
		keepalive_set(fd, keepalive_ms);
}

static enum conn_state
begin_connect(struct conn *c, const struct addr *a)
{
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(a, &ss);
	int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return attempt_failed(c, strerror(errno));
	side_init(&c->server, fd, c->server.watch.fn);
	set_options(fd, conn_frontend(c)->timeouts.keepalive);
	if (bind_source(c, fd, a->family) == -1 ||
	    (connect(fd, (struct sockaddr *)&ss, len) == -1 && errno != EINPROGRESS))
		return attempt_failed(c, strerror(errno));
	return CONN_CONNECT;
}

/* A server whose name has several addresses is logged as NAME-ADDRESS, as the master does. */
static void
name_server(struct conn *c, const struct addr *a)
{
	const struct conf_server *server = server_of(c);
	char text[ADDR_TEXT], *out = c->setup->server;

	out[0] = '\0';
	if (server->slots > 1)
		(void)snprintf(
		    out, sizeof(c->setup->server), "%s-%s", server->name, addr_ip_text(a, text));
}

enum conn_state
step_pick(struct conn *c)
{
	const struct conf_backend *b = conn_backend(c);
	struct setup *s = c->setup;
	uint64_t now = loop_now(c->service->loop);
	struct choice choice;

	if (!s->pick_began)
		s->pick_began = now;
	if (s->notes.tries > b->retries)
		return no_server(c, END_CONNECT_FAILED);
	c->service->balancer.now = now;
	switch (
	    balance_pick(&c->service->balancer, c->backend, &s->notes.peer, &s->tried, &choice)) {
	case PICK_SERVER:
		break;
	case PICK_CHECKING:
		if (now - s->pick_began >= b->connect) {
			(void)snprintf(s->why, sizeof(s->why), "no server has passed a check yet");
			return no_server(c, END_NO_SERVER);
		}
		conn_deadline(c, CHECKING_MS);
		return CONN_PICK;
	case PICK_FULL:
		return no_server(c, END_SERVER_FULL);
	case PICK_NONE:
		return no_server(c, END_NO_SERVER);
	}
	s->notes.tries++;
	s->notes.server = choice.server;
	c->slot = choice.slot;
	(void)atomic_fetch_add_explicit(&tally_of(c)->active, 1, memory_order_relaxed);
	s->attempt_began = now;
	name_server(c, &choice.addr);
	conn_deadline(c, b->connect);
	return begin_connect(c, &choice.addr);
}

enum conn_state
step_connect(struct conn *c)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct addr own;

	switch (side_connected(&c->server)) {
	case IO_DONE:
		break;
	case IO_WAIT:
		return CONN_CONNECT;
	default:
		return attempt_failed(c, strerror(errno));
	}
	/* out_port= of the log: how a line of ours meets a line of the server's. */
	if (c->service->conf->log.connections != LOG_CONN_NONE &&
	    getsockname(c->server.watch.fd, (struct sockaddr *)&ss, &len) == 0) {
		addr_from_sockaddr((struct sockaddr *)&ss, &own);
		c->notes->out_port = own.port;
	}
	return CONN_HEADER;
}

/* The server is reached: its connection counts. */
static enum conn_state
reached(struct conn *c)
{
	c->notes->ms_connect = (uint32_t)(loop_now(c->service->loop) - c->setup->attempt_began);
	(void)atomic_fetch_add_explicit(&tally_of(c)->total, 1, memory_order_relaxed);
	return CONN_RELAY;
}

/*
 * One buffer, one send, before anything else: several receivers read the header with one recv.
 * A ClientHello that is to be passed on follows in the same segment.
 */
enum conn_state
step_header(struct conn *c)
{
	const struct conf_backend *b = conn_backend(c);
	const struct proxy_style style = {
		.send = server_of(c)->send_proxy,
		.tlvs = b->proxy_tlvs,
		.receiver = b->receiver,
		.protocol = b->protocol,
	};
	struct hello *hello = b->tls.on ? NULL : c->setup->hello;
	uint8_t *out = c->service->relay.scratch;
	size_t n = proxy_write(&c->setup->client, &style, out);

	if (hello) {
		memcpy(out + n, hello->bytes, hello->size);
		n += hello->size;
	}
	if (n > 0)
		switch (side_write(&c->server, out, n)) {
		case IO_DONE:
			break;
		case IO_WAIT:
			return attempt_failed(c, "did not accept the PROXY header");
		default:
			return attempt_failed(c, strerror(errno));
		}
	if (hello)
		c->bytes_in += hello->size;
	return b->tls.on ? CONN_SERVER_TLS : reached(c);
}

enum conn_state
step_server_tls(struct conn *c)
{
	const struct conf_backend *b = conn_backend(c);
	char name[ADDR_TEXT];
	struct finding f;
	SSL *ssl;

	if (!c->server.ssl) {
		ssl = tls_ctx_connect(c->service->tls, c->notes->server);
		if (!ssl || ssl_start(&c->server, ssl) == -1)
			return attempt_failed(c, "no memory for TLS");
		if (conn_frontend(c)->tls.detach)
			(void)record_watch(ssl); /* without memory the object stays */
	}
	switch (ssl_shake(&c->server)) {
	case IO_DONE:
		return reached(c);
	case IO_WAIT:
		return CONN_SERVER_TLS;
	case IO_EOF:
	case IO_CUT:
		return attempt_ended(c, REASON_TLS_CLOSED);
	case IO_RESET:
		return attempt_ended(c, REASON_TLS_RESET);
	default:
		break;
	}
	tls_back_why(c->server.ssl, tls_back_name(&b->tls, server_of(c), name), &f);
	return attempt_found(c, &f);
}
