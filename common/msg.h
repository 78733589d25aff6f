/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Everything that crosses a process wall.
 *
 * One line of MESSAGES is one message: its number on the wire, who sends it, who receives it,
 * its fixed part, the items that follow, at most how many items and which descriptors travel
 * with it.  The numbers, the names in the log, the checks in chan.c and the hostile tests are all
 * made from this list, so a message that is not here can be neither sent nor received.
 *
 * Numbers are never reused: workers of an older version outlive an upgrade and go on speaking.
 * RETIRE, END, TAKEN, TOUCHED and CLOSED are frozen; other messages may change with
 * MSG_VERSION, which every child says in its READY.
 *
 * Nothing here holds a pointer or padding (the asserts below), because it is copied as bytes out
 * of a process that may be in an attacker's hands.  Who is speaking is known from the channel,
 * never from a field.
 */
#ifndef COMMON_MSG_H
#define COMMON_MSG_H

#include "common/addr.h"

#include <assert.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#define MSG_VERSION 2

/* The processes, one bit each, so that a message may have several senders. */
enum role {
	ROLE_MASTER = 1 << 0,
	ROLE_WORKER = 1 << 1,
	ROLE_CHECKER = 1 << 2,
	ROLE_KEEPER = 1 << 3,
};
#define ROLE_CHILD  (ROLE_WORKER | ROLE_CHECKER | ROLE_KEEPER)
#define ROLE_SIGNER (ROLE_WORKER | ROLE_CHECKER) /* those that ask the keeper for signatures */

/* Which descriptors a message carries. */
enum msg_fds { FDS_NONE, FDS_ONE, FDS_EACH /* one per item */ };

#define HANDOVER_MAX 32           /* items of a HANDOVER, and so its descriptors */
#define IDS_MAX      64           /* connection ids in one report */
#define TBS_MAX      (128 * 1024) /* bytes to be signed: a TLS 1.2 client's transcript */
#define TICKET_KEYS  3            /* enum msg_ticket_keys */
#define SIG_MAX      1024         /* bytes of a signature: RSA with 8192 bits */
#define CERT_TEXT    3072         /* bytes of names, or of a reason */

/* clang-format off */
/*    no  name         from         to            fixed part              items                  most          descriptors */
#define MESSAGES(X) \
	X( 1, HANDOVER,    ROLE_MASTER, ROLE_WORKER,  struct msg_empty,       struct msg_handover,   HANDOVER_MAX, FDS_EACH) \
	X( 2, TAKEN,       ROLE_WORKER, ROLE_MASTER,  struct msg_taken,       struct msg_none,       0,            FDS_NONE) \
	X( 3, TOUCHED,     ROLE_WORKER, ROLE_MASTER,  struct msg_empty,       struct msg_id,         IDS_MAX,      FDS_NONE) \
	X( 4, SHAKEN,      ROLE_WORKER, ROLE_MASTER,  struct msg_empty,       struct msg_id,         IDS_MAX,      FDS_NONE) \
	X( 5, CLOSED,      ROLE_WORKER, ROLE_MASTER,  struct msg_empty,       struct msg_id,         IDS_MAX,      FDS_NONE) \
	X( 6, READY,       ROLE_CHILD,  ROLE_MASTER,  struct msg_ready,       struct msg_none,       0,            FDS_NONE) \
	X( 7, FAILED,      ROLE_CHILD,  ROLE_MASTER,  struct msg_failed,      struct msg_none,       0,            FDS_NONE) \
	X( 8, RETIRE,      ROLE_MASTER, ROLE_WORKER,  struct msg_empty,       struct msg_none,       0,            FDS_NONE) \
	X( 9, END,         ROLE_MASTER, ROLE_WORKER,  struct msg_end,         struct msg_none,       0,            FDS_NONE) \
	X(10, PING,        ROLE_MASTER, ROLE_CHILD,   struct msg_ping,        struct msg_none,       0,            FDS_NONE) \
	X(11, PONG,        ROLE_CHILD,  ROLE_MASTER,  struct msg_ping,        struct msg_none,       0,            FDS_NONE) \
	X(12, KEEPER,      ROLE_MASTER, ROLE_SIGNER,  struct msg_empty,       struct msg_none,       0,            FDS_ONE) \
	X(13, SIGNER,      ROLE_MASTER, ROLE_KEEPER,  struct msg_signer,      struct msg_none,       0,            FDS_ONE) \
	X(14, SUSPECT,     ROLE_WORKER, ROLE_MASTER,  struct msg_server,      struct msg_none,       0,            FDS_NONE) \
	X(15, CHECK_NOW,   ROLE_MASTER, ROLE_CHECKER, struct msg_server,      struct msg_none,       0,            FDS_NONE) \
	X(16, ASK_KEY,     ROLE_SIGNER, ROLE_KEEPER,  struct msg_ask_key,     struct msg_none,       0,            FDS_NONE) \
	X(17, KEY,         ROLE_KEEPER, ROLE_SIGNER,  struct msg_key,         struct msg_none,       0,            FDS_NONE) \
	X(18, SIGN,        ROLE_SIGNER, ROLE_KEEPER,  struct msg_sign,        struct msg_byte,       TBS_MAX,      FDS_NONE) \
	X(19, SIGNED,      ROLE_KEEPER, ROLE_SIGNER,  struct msg_signed,      struct msg_byte,       SIG_MAX,      FDS_NONE) \
	X(20, GRANT,       ROLE_MASTER, ROLE_KEEPER,  struct msg_grant,       struct msg_none,       0,            FDS_NONE) \
	X(21, ASK_TICKETS, ROLE_WORKER, ROLE_KEEPER,  struct msg_ask_tickets, struct msg_none,       0,            FDS_NONE) \
	X(22, TICKETS,     ROLE_KEEPER, ROLE_WORKER,  struct msg_tickets,     struct msg_ticket_key, TICKET_KEYS,  FDS_NONE) \
	X(23, RESOLVE,     ROLE_MASTER, ROLE_CHECKER, struct msg_empty,       struct msg_none,       0,            FDS_NONE) \
	X(24, CERT,        ROLE_WORKER, ROLE_MASTER,  struct msg_cert,        struct msg_byte,       CERT_TEXT,    FDS_NONE) \
	X(25, BUDGET,      ROLE_MASTER, ROLE_KEEPER,  struct msg_budget,      struct msg_none,       0,            FDS_NONE)
/* clang-format on */

enum msg_type {
#define X(no, name, from, to, fixed, items, most, fds) MSG_##name = no,
	MESSAGES(X)
#undef X
	    MSG_COUNT = 26 /* one more than the highest number */
};

/* What stands before every fixed part. */
struct msg_head {
	uint32_t type;  /* enum msg_type, not yet checked */
	uint32_t count; /* items that follow the fixed part */
};
static_assert(sizeof(struct msg_head) == 8, "padding");

/* For messages without a fixed part of their own, and for those without items. */
struct msg_empty {
	uint64_t zero;
};
struct msg_none {
	uint8_t never;
};
struct msg_byte {
	uint8_t b;
};

/* An accepted connection; its socket is the descriptor with the item's number. */
struct msg_handover {
	uint64_t id;          /* unique, also across restarts of the master */
	uint64_t accepted_ms; /* CLOCK_REALTIME, milliseconds */
	struct addr peer;
	struct addr local;
	uint32_t listener; /* index in conf->listeners */
	uint32_t zero;
};
static_assert(sizeof(struct msg_handover) == 72, "padding");

/* "These are in my loop": gives credit back; the watchdog looks at this alone. */
struct msg_taken {
	uint64_t upto; /* connections taken in this process's life, all told */
};

/* TOUCHED: bytes were looked at.  SHAKEN: the handshake is done.  CLOSED: it is over. */
struct msg_id {
	uint64_t id;
};

struct msg_ready {
	uint32_t version; /* MSG_VERSION of the sender */
	uint32_t layers; /* enum sandbox_layer, or-ed: the walls around it, for log and show info */
};

/* Why a child cannot start: words for the administrator, without a final newline. */
struct msg_failed {
	char text[504];    /* NUL-terminated */
	uint32_t contents; /* 1: a file that was read is wrong; 0: all else, which may pass */
	uint32_t zero;
};
static_assert(sizeof(struct msg_failed) == 512, "padding");

/* End every connection politely, spread over so much time; 0: at once. */
enum msg_stopping {
	MSG_END_DRAINED = 0, /* the time to drain is over */
	MSG_END_STOPS = 1,   /* the service stops */
	MSG_END_NOW = 2,     /* ... and waits for nobody */
	MSG_END_RESTING = 3, /* ... but now only for sessions at rest, those to come included */
};

struct msg_end {
	uint32_t spread_ms;
	uint32_t stopping; /* enum msg_stopping; one that is not known is as STOPS */
};

struct msg_ping {
	uint64_t cookie; /* comes back in the PONG */
};

/* The descriptor is the keeper's end of a new channel to this process. */
struct msg_signer {
	uint32_t role; /* ROLE_WORKER or ROLE_CHECKER: which keys and directions are permitted */
	uint32_t slot; /* which of them; a new channel replaces the old one of the same slot */
	uint32_t connections; /* of a worker, for keepers of version 1; others get a BUDGET next */
	uint32_t zero;
};

/*
 * What a worker may have signed, so that whoever takes it over cannot have the keeper sign for a
 * farm of his own: once for each connection that ends TLS, as long as its handshake is not done.
 * Absolute numbers: the latest message is all that counts, and `ever` only grows while the slot
 * exists.  A new channel begins with nothing left.  For each of the two:
 *
 *   left = min(left + growth of `ever`, open), one less with each signature
 *
 * An honest worker always has enough: the numbers count what it has not been handed yet, sent
 * before the HANDOVER; and what is in `open` too much is taken back by the next message.
 */
struct msg_allowance {
	uint64_t ever; /* signatures that all its connections so far may have needed */
	uint64_t open; /* ... that those may still need which it has now */
};

struct msg_budget {
	uint32_t slot;
	uint32_t zero;
	struct msg_allowance as_server; /* one for each connection that ends TLS, until SHAKEN */
	struct msg_allowance as_client; /* one for each attempt to reach a server, until CLOSED */
};
static_assert(sizeof(struct msg_budget) == 40, "padding");

/* Version 1: so many signatures more as a server, and 101 times as many as a client. */
struct msg_grant {
	uint32_t slot;
	uint32_t connections;
};

struct msg_server {
	uint32_t server; /* slot on the board */
	uint32_t zero;
};

#define MSG_KEY_ID 32 /* SHA-256 of the public key's SubjectPublicKeyInfo, in DER */

/*
 * The keeper answers in the order asked and repeats the serial number, so that an answer which
 * comes after its asker has given up is not taken for the next one.
 *
 * "What is the n-th PIECE_KEY of your bundle, from 0?"; answered by KEY.
 */
struct msg_ask_key {
	uint32_t number;
	uint32_t serial;
};

enum msg_known {
	KEY_NONE, /* there is no such number */
	KEY_GOOD,
	KEY_UNREADABLE, /* no key can be read in that file */
	KEY_ENCRYPTED,  /* ... without a password */
	KEY_UNUSABLE,   /* TLS can do nothing with that kind */
};

struct msg_key {
	uint8_t id[MSG_KEY_ID];
	char kind[24];  /* "EC P-256", "RSA 2048", "Ed25519": for the error text; NUL-terminated */
	uint32_t known; /* enum msg_known */
	uint32_t serial;
};
static_assert(sizeof(struct msg_key) == 64, "padding");

/* TLS SignatureScheme code points, RFC 8446 section 4.2.3, say digest and padding. */
struct msg_sign {
	uint8_t id[MSG_KEY_ID];
	uint32_t scheme;
	uint32_t purpose; /* enum msg_purpose: what the bytes claim to be */
	uint32_t serial;
	uint32_t zero;
};
static_assert(sizeof(struct msg_sign) == 48, "padding");

enum msg_purpose {
	SIGN_TLS13_SERVER = 1, /* CertificateVerify, RFC 8446 section 4.4.3 */
	SIGN_TLS13_CLIENT = 2,
	SIGN_TLS12_SERVER = 3, /* ServerKeyExchange, RFC 8422 section 5.4 */
	SIGN_TLS12_CLIENT = 4, /* CertificateVerify: the whole transcript, RFC 5246 section 7.4.8 */
};

struct msg_signed {
	uint32_t refused; /* 0, or enum msg_refusal; the items are the signature */
	uint32_t serial;
};

enum msg_refusal {
	REFUSED_KEY = 1,
	REFUSED_SCHEME,
	REFUSED_SHAPE,
	REFUSED_PURPOSE,
	REFUSED_FAILED,
	REFUSED_BUDGET, /* nothing is left of it */
};

/*
 * The keys of session tickets, which change with the clock, so that hosts with the same seed
 * change them at once.  A ticket is made with the key of now and read with any of the three: it
 * is good for one period at least, and hosts' clocks may differ.
 */
#define TICKET_PERIOD (6 * 3600) /* seconds */

enum msg_ticket_keys { TICKET_BEFORE, TICKET_NOW, TICKET_NEXT };

struct msg_ask_tickets {
	uint32_t serial;
	uint32_t zero;
};

/* All three keys follow, or none: there are no tickets. */
struct msg_tickets {
	uint32_t serial;
	uint32_t left; /* seconds to the next period */
};

struct msg_ticket_key {
	uint8_t name[16]; /* as it stands in the ticket, RFC 5077 section 4 */
	uint8_t cipher[32];
	uint8_t mac[32];
};
static_assert(sizeof(struct msg_ticket_key) == 80, "derived as one string of bytes");

/*
 * Of the first worker, before READY, and so before it has seen a byte of the network: what became
 * of a certificate in its bundle.  The items are text: names, each with a newline (further ones
 * may follow in further messages), or the reason why it was left out.
 */
enum msg_cert_kind { CERT_SHOWN = 1, CERT_LEFT_OUT = 2 };

struct msg_cert {
	uint32_t piece; /* its number in the bundle */
	uint32_t kind;  /* enum msg_cert_kind */
	uint64_t until; /* SHOWN: seconds since 1970 */
	uint8_t key_id[MSG_KEY_ID];
	uint8_t print[32]; /* SHA-256 of the certificate */
	char key[24];      /* kind of key, as in struct msg_key */
};
static_assert(sizeof(struct msg_cert) == 104, "padding");

/*
 * The checker's pipe to the master: records of one size, written whole (below PIPE_BUF).
 */
#define REPORT_TEXT 192

/* What was found at a server; reason.h has the words for it. */
struct finding {
	uint32_t reason;        /* enum reason; 0: none */
	uint32_t with;          /* enum reason_with, or-ed */
	char text[REPORT_TEXT]; /* quoted in them: printable ASCII, NUL-terminated */
};
static_assert(sizeof(struct finding) == 8 + REPORT_TEXT, "padding");

enum report_type { REPORT_RESULT = 1, REPORT_ADDRESSES = 2, REPORT_CERT_DAYS = 3 };

/* HAProxy's words for how far a check came; `show servers state` prints the number. */
enum check_status {
	CHECK_UNKNOWN = 0,
	CHECK_INI = 1, /* not yet checked */
	CHECK_SOCKERR = 5,
	CHECK_L4OK = 6,
	CHECK_L4TOUT = 7,
	CHECK_L4CON = 8, /* refused, unreachable, reset before a byte */
	CHECK_L6OK = 9,
	CHECK_L6TOUT = 10,
	CHECK_L6RSP = 11, /* the TLS handshake failed */
	CHECK_L7TOUT = 12,
	CHECK_L7RSP = 13, /* not the protocol */
	CHECK_L7OK = 15,
	CHECK_L7STS = 17, /* the protocol, saying no */
};

#define REPORT_ADDRS 32 /* of one name: with resolve = "all" so many servers */

struct report {
	uint32_t type;   /* enum report_type */
	uint32_t server; /* slot on the board */
	uint32_t status; /* RESULT: enum check_status */
	uint32_t ok;     /* RESULT: 0 or 1 */
	uint32_t ms;     /* RESULT: how long the check took */
	int32_t days;    /* CERT_DAYS: left on the server's certificate */
	uint32_t count;  /* ADDRESSES: how many of addrs */
	uint32_t ttl;    /* ADDRESSES: seconds */
	struct addr addrs[REPORT_ADDRS];
	struct finding found; /* RESULT: why; ADDRESSES: why there is none */
};
static_assert(sizeof(struct report) == 32 + REPORT_ADDRS * 24 + 8 + REPORT_TEXT, "padding");
static_assert(sizeof(struct report) <= PIPE_BUF, "one atomic write");

/* The message's name for the log, "(unknown)" for a number that is none. */
const char *msg_name(uint32_t type);

#endif
