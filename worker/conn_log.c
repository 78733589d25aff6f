/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The lines that tell an administrator what became of a connection.  Runs in the worker; every
 * value that a peer had a hand in is escaped by log.c.  The keys are an interface: their names and
 * order stay, new ones come last.
 */
#include "../common/log.h"
#include "steps.h"
#include "worker.h"

#include <stdio.h>
#include <string.h>

/* The client's address, or with log.client = "prefix" its network only. */
static void
log_client(struct log_line *l, const struct conn *c)
{
	char text[ADDR_TEXT], network[ADDR_TEXT + 8];
	struct addr a = c->peer;
	size_t keep = a.family == ADDR_V4 ? 3 : 6;

	if (c->worker->conf->log.client == LOG_CLIENT_FULL) {
		log_text(l, "client", addr_text(&a, text));
		return;
	}
	memset(a.ip + keep, 0, sizeof(a.ip) - keep);
	(void)snprintf(network, sizeof(network), "%s/%zu", addr_ip_text(&a, text), keep * 8);
	log_text(l, "client", network);
}

static void
log_who(struct log_line *l, const struct conn *c)
{
	char text[ADDR_TEXT];

	log_number(l, "conn", c->id);
	log_text(l, "frontend", conn_frontend(c)->name);
	log_client(l, c);
	log_text(l, "via", NULL);
	log_text(l, "local", addr_text(&c->local, text));
}

void
conn_log_start(const struct conn *c)
{
	struct log_line l;

	if (c->worker->conf->log.connections != LOG_CONN_BOTH)
		return;
	log_begin(&l, LOG_INFO);
	log_who(&l, c);
	log_text(&l, "start", conn_frontend(c)->tls.mode == TLS_NONE ? "connect" : "hello");
	log_end(&l);
}

/* Sni, alpn and cn, wherever they are at this moment. */
static void
find_notes(const struct conn *c, const char **sni_r, const char **alpn_r, const char **cn_r)
{
	*sni_r = *alpn_r = *cn_r = "";
	if (c->setup) {
		*sni_r = c->setup->sni;
		*alpn_r = c->setup->alpn;
		*cn_r = c->setup->cn;
	} else if (c->notes) {
		*sni_r = c->notes;
		*alpn_r = *sni_r + strlen(*sni_r) + 1;
		*cn_r = *alpn_r + strlen(*alpn_r) + 1;
	}
}

static void
log_tls(struct log_line *l, const struct conn *c)
{
	const char *sni, *alpn, *cn;
	char verify[16];

	find_notes(c, &sni, &alpn, &cn);
	(void)snprintf(verify, sizeof(verify), "%u", c->verify);
	log_text(l, "tls", c->tls_version);
	log_text(l, "cipher", c->cipher);
	log_text(l, "sni", sni);
	log_text(l, "cert", c->cert_name);
	log_number(l, "resumed", c->resumed);
	log_text(l, "alpn", alpn);
	log_text(l, "verify", c->cert_sent ? verify : NULL);
	log_text(l, "cn", cn);
}

void
conn_log_end(const struct conn *c)
{
	const struct conf *conf = c->worker->conf;
	struct log_line l;

	if (conf->log.connections == LOG_CONN_NONE)
		return;
	log_begin(&l, LOG_INFO);
	log_who(&l, c);
	log_text(&l, "backend", conn_backend(c)->name);
	log_text(&l, "server", c->tries ? conf->servers[c->server_index].name : NULL);
	log_number(&l, "out_port", c->out_port);
	log_number(&l, "tries", c->tries);
	log_tls(&l, c);
	log_number(&l, "in", c->bytes_in);
	log_number(&l, "out", c->bytes_out);
	log_number(&l, "ms_tls", c->ms_tls);
	log_number(&l, "ms_connect", c->ms_connect);
	log_number(&l, "ms_total", loop_now(c->worker->loop) - c->began_ms);
	log_text(&l, "end", conn_end_text(c->end));
	log_text(&l, "while", conn_state_text(c->end_state));
	log_quoted(&l, "why", c->why ? c->why : "");
	log_end(&l);
}
