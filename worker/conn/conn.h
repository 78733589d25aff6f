/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * One proxied connection: what relaying needs, and nothing else.  What only the beginning needs is
 * in struct setup, which is freed when the relaying starts; what the log line at the end will tell
 * of the beginning is in struct notes, which is kept if there will be such a line (steps.h).
 */
#ifndef WORKER_CONN_CONN_H
#define WORKER_CONN_CONN_H

#include "common/addr.h"
#include "common/loop.h"
#include "common/msg.h"
#include "worker/side/side.h"

#include <stdint.h>

/*
 * What an idle connection costs in bytes of the worker's memory, with TLS 1.3 and AES-128, on a
 * 64-bit machine, all that malloc itself adds included; test_idle.c counts it.  On top comes the
 * master's record of it, 80 bytes (master/door/conns.h), and the kernel's two sockets.
 */
#define CONN_IDLE_BYTES     448 /* TLS to plain */
#define CONN_IDLE_BYTES_TLS 608 /* TLS on both sides */
#define CONN_IDLE_BYTES_LOG 144 /* more, with a line in the log at its end */

struct worker;
struct setup;
struct notes;

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
	X(TLS_REFUSED,        "tls-refused") /* by an alert of the client's */ \
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
	struct worker *worker;
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
	uint8_t leaving;              /* somebody else wants it to end: conn_end */
	uint8_t again;                /* in the list of those with more to do */
	uint8_t alert;                /* the client's, with END_TLS_REFUSED */
	uint8_t first_eof;            /* 1: the client, 2: the server ended its direction first */
};

/*
 * Begin with a connection that was handed over; fd becomes its own.  Returns -1 when there is no
 * memory: fd is closed then.
 */
int conn_begin(struct worker *w, const struct msg_handover *h, int fd);

/* Go as far as possible without blocking; the connection may be gone afterwards. */
void conn_run(struct conn *c);

/* End it politely for a reason that is not its own: END_DRAIN, END_STOP, END_SERVER_DOWN. */
void conn_end(struct conn *c, enum conn_end end);

/*
 * Whether it is a session at rest of a protocol whose clients come back by themselves (imap, pop3,
 * sieve): no byte for a second, and none that waits.  Before the client has begun, the same.
 */
int conn_rests(const struct conn *c);

/* It is ending already: its peers get no more than a moment. */
void conn_hurry(struct conn *c);

const char *conn_state_text(enum conn_state state);
const char *conn_end_text(enum conn_end end);

#endif
