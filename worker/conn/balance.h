/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Choosing a server: by the board (who takes clients, and with what weight) and the tallies (how
 * many connections each has, in all workers).  Costs no message.
 */
#ifndef WORKER_CONN_BALANCE_H
#define WORKER_CONN_BALANCE_H

#include "common/board.h"
#include "common/conf.h"
#include "common/tally.h"

struct balancer {
	const struct conf *conf;
	const struct board *board;
	struct tally **tallies; /* of every worker of this generation */
	size_t tally_count;
	int64_t *turns;   /* roundrobin: by slot */
	uint64_t *shun;   /* by slot: until when a server that has failed is only taken at need */
	uint64_t now;     /* loop_now; the caller sets it */
	uint64_t dice[2]; /* of random and of ties; not both 0 */
};

enum pick {
	PICK_SERVER,   /* *choice_r is filled */
	PICK_CHECKING, /* none yet, but no server has had its first check */
	PICK_FULL,     /* those that are up have as many connections as they may */
	PICK_NONE,
};

struct choice {
	uint32_t slot;
	uint32_t server; /* index in conf->servers */
	struct addr addr;
};

/* Slots that were tried for this client already, in vain. */
struct tried {
	uint32_t slots[8];
	size_t count;
};

/*
 * A server of this backend for this client.  Those whose last check or last connection of ours
 * failed come after all others, and servers in tried come last: only when no other is left.
 * Which of several addresses of a server is taken goes by turns with tried->count.
 */
enum pick balance_pick(struct balancer *b, uint32_t backend, const struct addr *client,
    const struct tried *tried, struct choice *choice_r);

/* A connection to this server did not work out: for a while others are preferred. */
void balance_failed(struct balancer *b, uint32_t slot);

#endif
