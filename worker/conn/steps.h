/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What the steps of a connection's life share: conn.c (the life itself), arrive.c (who is the
 * client), reach.c (finding and reaching a server), carry.c (relaying), leave.c (the end) and log.c.
 * Only this folder includes it.
 */
#ifndef WORKER_CONN_STEPS_H
#define WORKER_CONN_STEPS_H

#include "common/mail/reason.h"
#include "common/proxy/proxy.h"
#include "worker/conn/balance.h"
#include "worker/conn/base.h"
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
	uint8_t failed_in;            /* enum conn_state: what the last attempt failed in */
	char why[REASON_WORDS + 160]; /* of the last attempt that failed, after its server's name */
};

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
#define CARRY_PAUSE 1000 /* milliseconds of silence that are more than a moment */

enum conn_state step_relay(struct conn *c);
/* No byte came for too long, or a peer owes an answer for so long that it may be dead. */
enum conn_state expire_relay(struct conn *c);
/* Bytes have just come, or may: the time of silence starts again. */
void carry_quiet_from_now(struct conn *c);
/* Nothing has been carried for a second, and nothing is about to be. */
int carry_rests(const struct conn *c);

/* leave.c */
enum conn_state step_refuse(struct conn *c);
enum conn_state step_drain(struct conn *c);
/* The peers took too long. */
enum conn_state expire_drain(struct conn *c);

#endif
