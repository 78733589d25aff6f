/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * One small record per live connection: from this alone, never from a worker's numbers, the
 * door knows whose connections they are and what it still holds of them.
 *
 * A record is parked (nobody has it yet) or a holder's, a worker's.  As long as that has not said
 * TOUCHED we hold the connection's descriptor too, so that its death does not lose
 * it.  Held descriptors are bounded: the oldest goes first.
 */
#ifndef MASTER_DOOR_CONNS_H
#define MASTER_DOOR_CONNS_H

#include "common/addr.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct conn;
struct listener;

/* What giving a connection to a taker takes, for the first time or again. */
struct held {
	TAILQ_ENTRY(held) link; /* while a taker has it */
	struct conn *conn;
	struct listener *listener; /* NULL: closed since */
	uint64_t accepted;         /* CLOCK_REALTIME, milliseconds */
	struct addr peer, local;
	int fd; /* our own descriptor of it */
};
TAILQ_HEAD(held_list, held);

struct conn {
	TAILQ_ENTRY(conn) link; /* in its holder's list, or among the parked */
	struct conn *hash_next;
	struct holder *holder; /* NULL: parked */
	struct held *held;     /* NULL: given up */
	uint64_t id;
	uint8_t touched;  /* the taker said so */
	uint8_t shaken;   /* so did it of this */
	uint8_t ends_tls; /* its taker still needs the keeper for it: until shaken */
};
/* What the master keeps of an idle connection, malloc's part and the table included: at most. */
#define CONNS_IDLE_BYTES 80
TAILQ_HEAD(conn_list, conn);

/* Whoever has connections. */
struct holder {
	struct conn_list conns;
	uint32_t count;
	uint32_t unshaken; /* that end TLS, and whose handshake is not done */
};

struct conns {
	struct conn **buckets;
	size_t size; /* of buckets: a power of two */
	size_t count;
	struct conn_list parked;
	size_t parked_count;
	struct held_list held; /* the oldest first */
	size_t held_count, held_most;
};

/* It has none. */
void holder_init(struct holder *h);

/* The table, empty; held_most: how many descriptors may be held for takers at a time. */
void conns_init(struct conns *c, size_t held_most);

/*
 * A new record, parked; it owns fd from now on, and the caller fills in the rest of what is held.
 * fd -1: nothing is.  NULL with errno when there is no memory: fd is still the caller's.
 */
struct conn *conns_add(struct conns *c, uint64_t id, int fd);
struct conn *conns_find(const struct conns *c, uint64_t id);

/* Somebody has it from now on; its descriptor counts as held. */
void conns_give(struct conns *c, struct conn *conn, struct holder *h);
/* Take it away from its holder; it is parked, before all others. */
void conns_park(struct conns *c, struct conn *conn);

/*
 * Give up the oldest descriptors until no more are held than may be: when all of them have been
 * sent to their takers, since those who have not got theirs cannot do without ours.
 */
void conns_trim(struct conns *c);

/*
 * Give up our descriptor: the taker has looked at the connection, or has closed it.  Never
 * sleeps, whatever the taker did to the socket before.
 */
void conns_release(struct conns *c, struct conn *conn);
/* The same with a reset for the client: nobody serves this connection any more. */
void conns_reset(struct conns *c, struct conn *conn);

/* The connection is over: close what we hold and free the record. */
void conns_free(struct conns *c, struct conn *conn);

/* Its handshake is done: it needs the keeper no more. */
void conns_shaken(struct conn *conn);

/*
 * Whether nobody has read from or written to this socket: no TCP_NODELAY, which workers set before
 * they look at a byte, and by TCP_INFO nothing was sent and all that came is still there.
 */
int conn_untouched(int fd);

#endif
