/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The lines that tell an administrator what became of a connection.  Runs in the worker; every
 * value that a peer had a hand in is escaped by log.c.  The keys are an interface: their names and
 * order stay, new ones come last.
 */
#include "worker/conn/log.h"

#include "common/log.h"
#include "common/tls/why.h"
#include "worker/conn/steps.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The client's address, or with log.client = "prefix" its network only. */
static void
log_client(struct log_line *l, const struct conn *c)
{
	char text[ADDR_TEXT], network[ADDR_TEXT + 8];
	struct addr a = c->notes->peer;
	size_t keep = a.family == ADDR_V4 ? 3 : 6;

	if (c->service->conf->log.client == LOG_CLIENT_FULL) {
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
	log_text(l, "local", addr_text(&c->notes->local, text));
}

void
conn_log_start(const struct conn *c)
{
	struct log_line l;

	if (c->service->conf->log.connections != LOG_CONN_BOTH)
		return;
	log_begin(&l, LOG_INFO);
	log_who(&l, c);
	log_text(&l, "start", conn_frontend(c)->tls.mode == TLS_NONE ? "connect" : "hello");
	log_end(&l);
}

/* Texts that the line at the end has, in the order in which they stand behind the notes. */
enum note { NOTE_SNI, NOTE_ALPN, NOTE_CN, NOTE_SERVER, NOTES };

static void
note_texts(const struct setup *s, const char *texts_r[NOTES])
{
	texts_r[NOTE_SNI] = s->sni;
	texts_r[NOTE_ALPN] = s->alpn;
	texts_r[NOTE_CN] = s->cn;
	texts_r[NOTE_SERVER] = s->server;
}

struct notes *
conn_log_keep(const struct conn *c)
{
	const char *texts[NOTES];
	struct notes *notes;
	size_t size = 0;
	char *at;

	if (c->service->conf->log.connections == LOG_CONN_NONE)
		return NULL;
	note_texts(c->setup, texts);
	for (size_t i = 0; i < NOTES; i++)
		size += strlen(texts[i]) + 1;
	if ((notes = malloc(sizeof(*notes) + size)) == NULL)
		return NULL;
	*notes = c->setup->notes;
	at = (char *)(notes + 1);
	for (size_t i = 0; i < NOTES; i++)
		at = stpcpy(at, texts[i]) + 1;
	return notes;
}

/* One of them, wherever it is at this moment. */
static const char *
note_of(const struct conn *c, enum note n)
{
	const char *at = (const char *)(c->notes + 1), *texts[NOTES];

	if (c->setup) {
		note_texts(c->setup, texts);
		return texts[n];
	}
	for (; n > 0; n--)
		at += strlen(at) + 1;
	return at;
}

static void
log_tls(struct log_line *l, const struct conn *c)
{
	const struct notes *n = c->notes;
	char verify[16];

	(void)snprintf(verify, sizeof(verify), "%u", n->verify);
	log_text(l, "tls", n->tls_version);
	log_text(l, "cipher", n->cipher);
	log_text(l, "sni", note_of(c, NOTE_SNI));
	log_text(l, "cert", n->cert_name);
	log_number(l, "resumed", n->resumed);
	log_text(l, "alpn", note_of(c, NOTE_ALPN));
	log_text(l, "verify", n->cert_sent ? verify : NULL);
	log_text(l, "cn", note_of(c, NOTE_CN));
}

/* By its name in RFC 8446: unknown_ca. */
static void
log_alert(struct log_line *l, uint8_t alert)
{
	char name[40];
	size_t i = 0;

	for (const char *s = why_alert(alert); *s && i < sizeof(name) - 1; s++, i++)
		name[i] = (char)(*s == ' ' ? '_' : tolower((unsigned char)*s));
	name[i] = '\0';
	log_text(l, "alert", name);
}

/* Why, where the server has ended it after its first words; NULL if there were others, or none. */
static const char *
last_words(const struct conn *c, char *words)
{
	const struct conf_backend *b = conn_backend(c);
	const struct conf_server *server = &c->service->conf->servers[c->notes->server];
	int more, header = server->send_proxy != PROXY_NONE;
	enum reason reason = REASON_LAST;
	struct finding f;
	const char *first;

	if (c->end_state != CONN_RELAY || c->bytes_out > WORDS_MOST ||
	    (c->end != END_SERVER_CLOSED && c->end != END_SERVER_RESET))
		return NULL;
	first = words_first(&c->service->words, c->id, c->bytes_out, &more);
	/* After a dialogue the first line is not what it ended with; records of TLS are no words. */
	if (!first || (more && c->bytes_in > 0))
		return NULL;
	if ((first[0] == 0x15 || first[0] == 0x16) && first[1] == 3) {
		if (b->tls.on || b->passthrough)
			return NULL;
		reason = REASON_TLS_PORT;
	} else if (reason_baffled(header, first)) {
		reason = REASON_LAST_BAFFLED;
	}
	reason_set(&f, reason, (header ? WITH_HEADER : 0) | (b->tls.on ? WITH_TLS : 0), first);
	reason_words(b, &f, words, REASON_WORDS);
	return words;
}

#define SILENCE_MS 3000 /* a server that is well has greeted by then */

/*
 * Why, where nobody has said it and the server's first byte never came: what a mail server should
 * have begun with.  words: REASON_WORDS bytes.
 */
static const char *
unheard(const struct conn *c, char *words)
{
	const struct conf_backend *b = conn_backend(c);
	const struct conf_server *server = &c->service->conf->servers[c->notes->server];
	uint64_t ms = loop_now(c->service->loop) - c->notes->began_ms;
	enum reason reason = ms < SILENCE_MS ? REASON_UNHEARD_YET : REASON_UNHEARD;
	struct finding f;
	const char *last = last_words(c, words);

	if (last)
		return last;
	if (c->why && c->end != END_SERVER_RESET)
		return c->why;
	if (c->end_state != CONN_RELAY || c->bytes_out > 0)
		return c->why ? c->why : "";
	if (c->end == END_SERVER_RESET)
		reason = REASON_RESET;
	else if (c->end == END_SERVER_CLOSED)
		reason = REASON_CLOSED;
	else if (c->end != END_CLIENT_CLOSED && c->end != END_CLIENT_RESET && c->end != END_IDLE &&
	    c->end != END_HALF_CLOSED)
		return "";
	reason_set(&f, reason,
	    (server->send_proxy != PROXY_NONE ? WITH_HEADER : 0) | (b->tls.on ? WITH_TLS : 0), "");
	reason_words(b, &f, words, REASON_WORDS);
	return words;
}

void
conn_log_end(const struct conn *c)
{
	const struct conf *conf = c->service->conf;
	const struct notes *n = c->notes;
	char words[REASON_WORDS];
	const char *server;
	struct log_line l;

	if (conf->log.connections == LOG_CONN_NONE || !n)
		return;
	server = note_of(c, NOTE_SERVER);
	if (!*server)
		server = n->tries ? conf->servers[n->server].name : NULL;
	log_begin(&l, LOG_INFO);
	log_who(&l, c);
	log_text(&l, "backend", conn_backend(c)->name);
	log_text(&l, "server", server);
	log_number(&l, "out_port", n->out_port);
	log_number(&l, "tries", n->tries);
	log_tls(&l, c);
	log_number(&l, "in", c->bytes_in);
	log_number(&l, "out", c->bytes_out);
	log_number(&l, "ms_tls", n->ms_tls);
	log_number(&l, "ms_connect", n->ms_connect);
	log_number(&l, "ms_total", loop_now(c->service->loop) - n->began_ms);
	log_text(&l, "end", conn_end_text(c->end));
	log_text(&l, "while", conn_state_text(c->end_state));
	log_quoted(&l, "why", unheard(c, words));
	if (c->end == END_TLS_REFUSED)
		log_alert(&l, c->alert);
	log_end(&l);
}
