/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * A server that is configured by name, as resolve.c (when to ask) and name.c (what follows from
 * the answer) know it.
 */
#ifndef CHECKER_NAME_H
#define CHECKER_NAME_H

#include "checker/dns.h"
#include "checker/names.h"
#include "checker/outbox.h"

#include "common/board.h"
#include "common/conf.h"
#include "common/loop.h"

#include <stddef.h>
#include <stdint.h>

struct resolver;

enum name_state {
	NAME_ASKING,  /* no answer yet */
	NAME_KNOWN,   /* an answer, perhaps an old one */
	NAME_UNKNOWN, /* no address, and there never was one */
};

struct name {
	struct note note;   /* REPORT_ADDRESSES */
	struct timer timer; /* when to ask again; while we ask, when that is slow */
	struct resolver *r;
	size_t server; /* index in conf->servers */
	enum name_state state;
	uint64_t asked;     /* when, last of all */
	int fixed;          /* from hosts: never asked for */
	int failing;        /* the last attempt failed: logged once */
	unsigned candidate; /* which full name we ask for */
	int exists;         /* one of them does, though without an address */
	int pending;        /* questions without an answer */
	int early;          /* one answer was reported before the other came */
	int counted;        /* in the resolver's asking */
	struct dns_question questions[2];
	struct addr had[REPORT_ADDRS]; /* on the board when we asked */
	size_t had_count;
	struct addr addrs[NAMES_MOST]; /* reported to the master: REPORT_ADDRS of them */
	size_t count;
	struct addr beyond; /* the first that has no place: logged once */
	uint32_t ttl;
	char why[REPORT_TEXT];
	struct name *next; /* waiting for its turn */
};

struct resolver {
	struct loop *loop;
	const struct conf *conf;
	const struct board *board;
	struct outbox *outbox;
	struct resolv resolv;
	struct dns *dns;   /* NULL: no server has a name */
	struct dns *early; /* the same with short time-outs, for the first seconds */
	uint64_t began;
	struct name **by_server; /* NULL where a server has a literal address */
	struct name **by_host;   /* sorted by host name, for hosts */
	size_t count;
	size_t asking;  /* names with questions under way, the slow ones left out */
	int proceeding; /* proceed is at work further up the stack */
	struct name *head, **tail;
	uint32_t spread; /* grows with every setting of a timer */
};

/* The host name that the configuration has. */
const char *name_host(const struct name *n);

/* Writes REPORT_ADDRESSES into a record: a note's fill. */
void name_fill(struct note *note, struct report *r_r);

/* New addresses for a server: chosen, with their port, and reported where they are news. */
void name_settle(struct name *n, const struct addr *got, size_t got_count, uint32_t ttl);

/*
 * The answers so far, and where a question has failed or is still open, the addresses of its
 * family as they were, settled.  Returns for how many seconds they are valid.
 */
uint32_t name_settle_answers(struct name *n);

/* One line when a name stops or begins to be answered. */
void name_log_turn(struct name *n, int failing);

#endif
