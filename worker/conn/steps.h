/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What the steps of a connection's life share: conn.c (the life itself), arrive.c (who is
 * the client), reach.c (finding and reaching a server), carry.c (relaying) and log.c.  Nobody
 * else includes this.
 */
#ifndef WORKER_CONN_STEPS_H
#define WORKER_CONN_STEPS_H

#include "common/proxy/proxy.h"
#include "common/reason.h"
#include "worker/conn/balance.h"
#include "worker/conn/conn.h"
#include "worker/conn/hello.h"

/* What the log line at the end tells of the beginning.  A copy that stays has its texts behind it. */
struct notes {
	struct addr peer, local;
	uint64_t began_ms;                            /* loop_now at hand-over */
	const char *tls_version, *cipher, *cert_name; /* static, or the tls_ctx's */
	uint32_t ms_tls, ms_connect;
	uint32_t server; /* index in conf->servers; valid with tries */
	uint32_t verify;
	uint16_t out_port; /* of our own socket towards the server */
	uint8_t tries;     /* servers */
	uint8_t resumed, cert_sent;
};

/* What only the beginning of a connection needs; freed on entering RELAY. */
struct setup {
	struct notes notes;
	struct proxy_client client; /* what the PROXY header says; texts live here or in tls_ctx */
	struct tried tried;
	struct hello *hello; /* the ClientHello that was read for passing it on */
	char sni[256], alpn[256], cn[257];
	char server[160];    /* "NAME-ADDRESS" of one of many (resolve = "all"), else "" */
	uint64_t pick_began; /* loop_now when the first server was looked for; 0: not yet */
	uint64_t attempt_began;
	char why[REASON_WORDS + 160]; /* of the last attempt that failed, after its server's name */
};

/* The frontend and backend that a connection belongs to. */
uint32_t conn_frontend_index(const struct conn *c);
const struct conf_frontend *conn_frontend(const struct conn *c);
const struct conf_backend *conn_backend(const struct conn *c);

/*
 * Note why the connection ends; the first reason stays.  why: words for the log, or NULL.
 */
void conn_reason(struct conn *c, enum conn_end end, const char *why);

/* The same for what tls_client_why found. */
void conn_reason_tls(struct conn *c, int fault, const char *why);

/* Start, or move, the deadline of the present state. */
void conn_deadline(struct conn *c, uint32_t ms);

/* arrive.c */
enum conn_state step_start(struct conn *c);
enum conn_state step_peek(struct conn *c);
enum conn_state step_handshake(struct conn *c);
/* The client took too long. */
enum conn_state expire_client(struct conn *c);

/* reach.c */
/* Give up the server side: the tally, the descriptor. */
void reach_leave(struct conn *c);

enum conn_state step_pick(struct conn *c);
enum conn_state step_connect(struct conn *c);
enum conn_state step_header(struct conn *c);
enum conn_state step_server_tls(struct conn *c);
/* The attempt took too long. */
enum conn_state expire_attempt(struct conn *c);

/* carry.c */
enum conn_state step_relay(struct conn *c);
/* Bytes have just come, or may: the time without any begins anew. */
void relay_quiet_from_now(struct conn *c);
/* Nobody has said anything for too long, or for so long that a peer may be dead. */
#define CARRY_PAUSE 1000 /* milliseconds of silence that are more than a moment */

/* carry.c: nothing has been carried for a second, and nothing is about to be. */
int carry_rests(const struct conn *c);
enum conn_state expire_relay(struct conn *c);

/*
 * The relaying starts: what the line at the end will need of the setup, on the heap.  NULL if there
 * will be no line, or no memory for it.
 */
struct notes *conn_log_keep(const struct conn *c);

/* The lines of the log: at the start with connections = "both", and at the end. */
void conn_log_start(const struct conn *c);
void conn_log_end(const struct conn *c);

#endif
