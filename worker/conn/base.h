/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * A proxied connection, and what all connections of a worker share.
 *
 * struct conn is what relaying needs, and nothing else.  What only the beginning needs is in struct
 * setup, which is freed when the relaying starts; what the log line at the end says of the beginning
 * is in struct notes, which is kept if there will be such a line (steps.h).
 */
#ifndef WORKER_CONN_BASE_H
#define WORKER_CONN_BASE_H

#include "common/board.h"
#include "common/conf.h"
#include "common/loop.h"
#include "common/tally.h"
#include "worker/conn/balance.h"
#include "worker/conn/to_master.h"
#include "worker/conn/words.h"
#include "worker/side/relay.h"
#include "worker/side/side.h"

#include <stdint.h>

struct tls_ctx;
struct setup;
struct notes;

/* What the connections of a worker work with; it is there before the first and after the last. */
struct service {
	const struct conf *conf;
	struct loop *loop;
	struct tls_ctx *tls;
	struct balancer balancer;
	struct tally *tally; /* our own */
	struct to_master report;
	struct words words;
	struct relay relay;
	struct conn *conns; /* all of them: list.h */
	struct conn *again; /* those that have more to do than a pass allows */
	uint64_t conn_count;
	int hurried; /* the service stops at once: peers are not waited for */
};

/* clang-format off */
/* In the order in which a connection lives through them; the text is the log's while=. */
#define CONN_STATES(X) \
	X(START,      "handshake")   /* nothing of it has been looked at */ \
	X(PEEK,       "hello")       /* TLS passes through: its ClientHello names the site */ \
	X(HANDSHAKE,  "handshake")   \
	X(PICK,       "connect")     /* waiting for a server to choose */ \
	X(CONNECT,    "connect")     \
	X(HEADER,     "connect")     /* the PROXY header, before anything else */ \
	X(SERVER_TLS, "backend-tls") \
	X(RELAY,      "relay")       \
	X(REFUSE,     "connect")     /* telling the client, in its protocol, that it cannot be served */ \
	X(DRAIN,      "drain")       /* the last bytes and the peers' own ends */ \
	X(CLOSED,     "drain")

/* Why a connection ended: the log's end=. */
#define CONN_ENDS(X) \
	X(NONE,               "-") \
	X(CLIENT_CLOSED,      "client-closed") \
	X(CLIENT_RESET,       "client-reset") \
	X(SERVER_CLOSED,      "server-closed") \
	X(SERVER_RESET,       "server-reset") \
	X(IDLE,               "idle") \
	X(HALF_CLOSED,        "half-closed") \
	X(TIMEOUT,            "timeout") \
	X(TLS_ERROR,          "tls-error") \
	X(TLS_REFUSED,        "tls-refused") /* by the client's alert */ \
	X(TLS_VERSION,        "tls-version") \
	X(CLIENT_CERTIFICATE, "client-certificate") \
	X(NO_SERVER,          "no-server") \
	X(SERVER_FULL,        "server-full") \
	X(CONNECT_FAILED,     "connect-failed") \
	X(SERVER_DOWN,        "server-down") \
	X(DRAIN,              "drain") \
	X(STOP,               "stop") \
	X(INTERNAL,           "internal")
/* clang-format on */

enum conn_state {
#define X(name, text) CONN_##name,
	CONN_STATES(X)
#undef X
	    CONN_STATE_COUNT
};

enum conn_end {
#define X(name, text) END_##name,
	CONN_ENDS(X)
#undef X
	    CONN_END_COUNT
};

#define CONN_NO_SERVER UINT32_MAX

struct conn {
	uint64_t id;
	struct service *service;
	struct side client, server;
	struct timer timer;           /* the one deadline of the present state */
	struct conn *next, **prev;    /* all connections of the worker */
	struct conn *again_next;      /* those with more to do than one pass allows */
	struct setup *setup;          /* NULL from RELAY on */
	struct notes *notes;          /* the setup's until then; NULL: there will be no line */
	char *why;                    /* words for the log; NULL: the end says it all */
	uint64_t bytes_in, bytes_out; /* client to server, server to client */
	uint32_t listener;            /* index in conf->listeners */
	uint32_t backend;             /* index in conf->backends, by SNI perhaps */
	uint32_t slot;                /* on the board, or CONN_NO_SERVER */
	uint32_t moved_ms;            /* RELAY: when the last bytes came; low bits of loop_now */
	uint8_t state;                /* enum conn_state */
	uint8_t end, end_state;       /* enum conn_end, and the state in which that was said */
	uint8_t expired;              /* the timer has fired */
	uint8_t leaving;              /* asked to end from outside: conn_end */
	uint8_t again;                /* in the list of those with more to do */
	uint8_t alert;                /* the client's, with END_TLS_REFUSED */
	uint8_t first_eof;            /* 1: the client, 2: the server ended its direction first */
};

/* The frontend and backend that a connection belongs to. */
uint32_t conn_frontend_index(const struct conn *c);
const struct conf_frontend *conn_frontend(const struct conn *c);
const struct conf_backend *conn_backend(const struct conn *c);

/*
 * Note why the connection ends; the first reason stays.  why: words for the log, or NULL.
 */
void conn_reason(struct conn *c, enum conn_end end, const char *why);

/* The same, for what another state than the present one brought about. */
void conn_reason_in(struct conn *c, enum conn_end end, enum conn_state state, const char *why);

/* As conn_reason, for what tls_facts_why found. */
void conn_reason_tls(struct conn *c, int fault, const char *why);

/* Start, or move, the deadline of the present state. */
void conn_deadline(struct conn *c, uint32_t ms);

const char *conn_state_text(enum conn_state state);
const char *conn_end_text(enum conn_end end);

#endif
