/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What a mail server should say when it is well: greetings and farewells as tables, read a byte
 * at a time.  Pure: no I/O, no clock.  The bytes are the server's; it may be anybody.
 */
#ifndef COMMON_MAIL_EXPECT_H
#define COMMON_MAIL_EXPECT_H

#include "common/conf.h"

#include <stddef.h>
#include <stdint.h>

#define EXPECT_MAX  4096 /* bytes of an answer; more is a server that streams */
#define EXPECT_LINE 160  /* bytes of a line that are kept, to be quoted */

enum expect_phase { PHASE_GREETING, PHASE_FAREWELL };

enum expect_answer {
	ANSWER_MORE,    /* not all of it is here */
	ANSWER_YES,     /* all of it is here: the server serves, or says goodbye */
	ANSWER_NO,      /* the protocol, saying no */
	ANSWER_STRANGE, /* not the protocol */
	ANSWER_LONG,    /* EXPECT_MAX bytes and no end of it */
};

struct expect {
	const struct dialect *dialect; /* NULL: search for needle */
	enum expect_phase phase;
	const char *needle;
	char *kept;       /* the caller's: the present line, or all that came before the needle */
	size_t room;      /* size of kept */
	size_t len;       /* bytes in kept */
	size_t total;     /* bytes of this answer */
	uint32_t literal; /* ManageSieve: bytes left of one */
	uint32_t literal_size; /* ... the number in its braces */
	size_t literal_at;     /* ... where its brace stands in kept */
	enum { BRACE_NONE, BRACE_OPEN, BRACE_PLUS, BRACE_SHUT } brace;
};

/* How much memory for kept an answer of this type needs. */
size_t expect_room(enum check_type type);

/*
 * Begin one answer of a server: IMAP to ManageSieve, or CHECK_EXPECT with the needle to look for.
 * kept (expect_room bytes) and needle stay the caller's.
 */
void expect_start(struct expect *e, enum check_type type, enum expect_phase phase,
    const char *needle, char *kept);

/*
 * Take n more bytes.  *used_r says how many belong to this answer; what follows an answer of YES
 * is the beginning of the next.  After anything but ANSWER_MORE the line that decided stands in
 * kept (len bytes).
 */
enum expect_answer expect_feed(struct expect *e, const char *bytes, size_t n, size_t *used_r);

/* What we say when we leave: "QUIT\r\n"; NULL where the type has no words. */
const char *expect_goodbye(enum check_type type);

/* "IMAP", "SMTP": how a protocol is called in a reason; NULL for types without one. */
const char *expect_protocol(enum check_type type);

#endif
