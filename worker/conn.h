/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * One proxied connection.  An idle one holds this struct, the keys of its TLS records (record.h,
 * one for each side with TLS) and the names that its log line will tell: what only the beginning
 * needs is in struct setup, which is freed when the relaying starts.
 */
#ifndef CONN_H
#define CONN_H

#include "../common/addr.h"
#include "../common/loop.h"
#include "../common/msg.h"
#include "side.h"

#include <stdint.h>

struct worker;
struct setup;

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
	struct worker *worker;
	struct side client, server;
	struct timer timer;        /* the one deadline of the present state */
	struct conn *next, **prev; /* all connections of the worker */
	struct conn *again_next;   /* those with more to do than one pass allows */
	struct setup *setup;       /* NULL from RELAY on */
	struct addr peer, local;
	uint32_t listener;     /* index in conf->listeners */
	uint32_t backend;      /* index in conf->backends, by SNI perhaps */
	uint32_t slot;         /* on the board, or CONN_NO_SERVER */
	uint32_t server_index; /* in conf->servers; valid with slot */
	uint16_t out_port;     /* of our own socket towards the server */
	uint8_t tries;
	uint8_t state;          /* enum conn_state */
	uint8_t end, end_state; /* enum conn_end, and the state in which that was said */
	uint8_t expired;        /* the timer has fired */
	uint8_t leaving;        /* somebody else wants it to end: conn_end */
	uint8_t again;          /* in the list of those with more to do */
	uint8_t first_eof;      /* 1: the client, 2: the server ended its direction first */
	uint8_t resumed, cert_sent;
	uint32_t verify;
	uint32_t ms_tls, ms_connect;
	uint64_t accepted_ms;                         /* CLOCK_REALTIME */
	uint64_t began_ms;                            /* loop_now at hand-over */
	uint64_t bytes_in, bytes_out;                 /* client to server, server to client */
	const char *tls_version, *cipher, *cert_name; /* static, or the tls_ctx's */
	char *notes;                                  /* conn_log_notes */
	char *why; /* words for the log; NULL: the end says it all */
};

/* What the struct itself may hold at most, beside the kernel's socket memory. */
#define CONN_IDLE_BYTES 512
static_assert(sizeof(struct conn) <= CONN_IDLE_BYTES, "an idle connection is small");

/*
 * Begin with a connection that was handed over; fd becomes its own.  Returns -1 when there is no
 * memory: fd is closed then.
 */
int conn_begin(struct worker *w, const struct msg_handover *h, int fd);

/* Go as far as possible without blocking; the connection may be gone afterwards. */
void conn_run(struct conn *c);

/* End it politely for a reason that is not its own: END_DRAIN, END_STOP, END_SERVER_DOWN. */
void conn_end(struct conn *c, enum conn_end end);
/* It is ending already: its peers get no more than a moment. */
void conn_hurry(struct conn *c);

const char *conn_state_text(enum conn_state state);
const char *conn_end_text(enum conn_end end);

#endif
