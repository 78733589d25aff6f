/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Why a server does not serve, for the administrator: what was seen, what it probably comes from,
 * and the key that mends it, on our side and on the server's.  The one table of these words: the
 * checker and the workers find, the master writes.  Pure: no I/O.
 */
#ifndef COMMON_MAIL_REASON_H
#define COMMON_MAIL_REASON_H

#include "common/conf.h"
#include "common/msg.h"

#include <stddef.h>

/* What probably lies behind it, and so what to do. */
enum cause {
	CAUSE_NONE,
	CAUSE_HEADER, /* PROXY header: sent and not expected, or the other way round */
};

/* clang-format off */
/*
 * Number (as reports carry it), name, words and cause.  In the words %t is the finding's text, %p
 * the protocol, %s the time that a check may take, %w what was waited for.
 */
#define REASONS(X) \
	X( 1, CONNECTED,   "connected", CAUSE_NONE) \
	X( 2, SHAKEN,      "TLS handshake done", CAUSE_NONE) \
	X( 3, SERVES,      "%p server serves", CAUSE_NONE) \
	X( 4, FOUND,       "found what is expected", CAUSE_NONE) \
	X( 5, OTHER,       "%t", CAUSE_NONE) \
	X( 6, OURS,        "cannot connect from here: %t", CAUSE_NONE) \
	X( 7, NO_CONNECT,  "no answer to our connect within %s", CAUSE_NONE) \
	X( 8, BROKE,       "%t", CAUSE_HEADER) \
	X( 9, TLS,         "%t", CAUSE_NONE) \
	X(10, TLS_NAME,    "%t; set server_name", CAUSE_NONE) \
	X(11, TLS_ISSUER,  "%t; set ca_file to that CA's certificate", CAUSE_NONE) \
	X(12, TLS_SELF,    "%t; set ca_file to that certificate", CAUSE_NONE) \
	X(13, TLS_ASKS,    "asks for a certificate of ours; set certificate", CAUSE_NONE) \
	X(14, TLS_LATE,    "TLS handshake not done within %s; is it a TLS port? Use that one, or no tls", CAUSE_HEADER) \
	X(15, TLS_CLOSED,  "closed the connection in the TLS handshake", CAUSE_HEADER) \
	X(16, TLS_RESET,   "reset the connection in the TLS handshake", CAUSE_HEADER) \
	X(17, NOT_TLS,     "answered in plain text: is this a TLS port? Use that one, or no tls", CAUSE_NONE) \
	X(18, TLS_PORT,    "answers in TLS: it is a TLS port; set tls, or use the plain port", CAUSE_NONE) \
	X(19, SILENT,      "connected, but not a word within %s", CAUSE_HEADER) \
	X(20, MUTE,        "connected, but not %w within %s", CAUSE_HEADER) \
	X(21, SLOW,        "not all of %w within %s: '%t'", CAUSE_HEADER) \
	X(22, CLOSED,      "closed without a word", CAUSE_HEADER) \
	X(23, CUT,         "closed before the end of %w: '%t'", CAUSE_HEADER) \
	X(24, REFUSES,     "refuses: '%t'", CAUSE_NONE) \
	X(25, BAFFLED,     "refuses: '%t'", CAUSE_HEADER) \
	X(26, GOODBYE,     "at our goodbye: '%t'", CAUSE_HEADER) \
	X(27, STRANGE,     "not %p: '%t'", CAUSE_NONE) \
	X(28, STREAMS,     "4096 bytes and not all of %w: '%t'", CAUSE_NONE) \
	X(29, DEAF,        "does not read what we send", CAUSE_NONE) \
	X(30, UNHEARD,     "the server had not said a word", CAUSE_HEADER) \
	X(31, UNHEARD_YET, "the server had not said a word yet", CAUSE_NONE) \
	X(32, RESET,       "reset without a word", CAUSE_HEADER) \
	X(33, LAST,        "the server said no more than '%t'", CAUSE_NONE) \
	X(34, LAST_BAFFLED, "the server said no more than '%t'", CAUSE_HEADER)
/* clang-format on */

enum reason {
#define X(no, name, words, cause) REASON_##name = no,
	REASONS(X)
#undef X
};

/* How the connection was begun (struct finding's `with`). */
enum reason_with {
	WITH_HEADER = 1 << 0,   /* our PROXY header was sent */
	WITH_TLS = 1 << 1,      /* TLS was up, so what came before it was understood */
	WITH_FAREWELL = 1 << 2, /* the server had greeted, and so was content */
	WITH_ALL = (1 << 3) - 1,
};

/* Set a finding; text is quoted, cut and made harmless for logs and terminals. */
void reason_set(struct finding *f_r, enum reason reason, uint32_t with, const char *text);

/*
 * Whether a server's first line is a refusal that says why: what stood for commands was our header
 * (500, 502, BAD), or the server failed to find one (Postfix: smtpd 421 4.3.0, postscreen 421 4.3.2).
 */
int reason_baffled(int header_sent, const char *line);

/* Whether a number is one of ours. */
int reason_known(uint32_t reason);

/* In words, the remedy included; a server of this backend.  A buffer of REASON_WORDS cuts none. */
#define REASON_WORDS 512
void reason_words(const struct conf_backend *b, const struct finding *f, char *buf_r, size_t size);

/*
 * What must be set where the servers of this backend run, so that they expect our PROXY header:
 * "haproxy = yes and haproxy_trusted_networks".
 */
const char *reason_receiver_keys(const struct conf_backend *b);

#endif
