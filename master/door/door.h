/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The door: open ports, the connections that came in by them, and who takes these.  What a worker
 * is to everybody else is no business of the door's: to it a worker is a taker.
 */
#ifndef MASTER_DOOR_DOOR_H
#define MASTER_DOOR_DOOR_H

#include "common/chan.h"
#include "common/conf.h"
#include "common/loop.h"
#include "master/door/conns.h"

#include <stdint.h>
#include <sys/queue.h>

struct door;

/* Whoever takes connections, over the death of its process and beyond. */
struct taker {
	TAILQ_ENTRY(taker) link; /* while it is given connections */
	struct door *door;
	struct chan *chan;
	uint32_t slot;
	int is_joined;
	struct holder has;
	uint64_t handed, taken; /* connections, in its process's life */
	uint64_t waiting;       /* since when it owes us a TAKEN; 0: it owes none */
	int stuck;              /* its channel took no more: no credit until it has read */
	struct conn *batch[HANDOVER_MAX]; /* given to it in this burst, not yet sent */
	uint32_t batched;
};
TAILQ_HEAD(taker_list, taker);

/* An open port.  It outlives configurations. */
struct listener {
	TAILQ_ENTRY(listener) link;
	struct door *door;
	struct addr addr;
	struct watch watch; /* its socket */
	uint32_t index;     /* in the current configuration's listeners */
	int is_new;         /* bound for the generation that is being built */
	int wanted;         /* ... and that one keeps it */
	int is_kept;        /* polled: belongs to the current generation */
	int any;            /* bound to no one address: the local one must be asked for */
	int given;          /* by the service manager, who keeps it open: never closed for good */
	int stored;         /* by the master before us, and no generation of ours has it yet */
	int waits;          /* for the end of one that it overlaps: bound, but it does not listen */
};
TAILQ_HEAD(listener_list, listener);

/* What the door asks of whoever runs it. */
struct door_owner {
	int (*signs)(struct door *d);     /* whether a keeper serves */
	void (*handing)(struct taker *t); /* its batch is about to be sent to it */
	void (*handed)(struct taker *t);  /* ... and was */
	/* This port's socket is to outlive us (is_kept), or no more. */
	void (*keeps)(struct door *d, const struct listener *l, int is_kept);
};

struct door {
	struct loop *loop;
	const struct door_owner *owner;
	const struct conf *conf; /* of the current generation; NULL: there is none */
	struct listener_list listeners;
	struct listener_list given; /* sockets of the service manager that nobody wants yet */
	struct taker_list takers;
	struct conns conns;
	uint32_t taker_most; /* connections that one taker has descriptors for */
	int closed;          /* nothing is accepted any more, though the ports stay open */
	int paused;          /* no descriptors: until the timer */
	struct timer again;
	uint64_t pause_told;     /* when the log last said so */
	uint64_t keeper_missed;  /* since when none serves (loop_now); 0: one does */
	uint64_t keeper_refused; /* connections, for want of it */
	uint64_t next_id;
	uint64_t accepted; /* connections, ever */
};

/*
 * Without a port or a taker.  held_most: descriptors that may be held for takers at a time.  The
 * caller sets loop and taker_most.
 */
void door_init(struct door *d, const struct door_owner *owner, size_t held_most);

/* A place for a taker that sends by *chan; it takes nothing yet. */
void taker_init(struct taker *t, struct door *d, struct chan *chan, uint32_t slot);

/* From now on it is given connections, or not any more.  Twice is as good as once. */
void door_join(struct taker *t);
void door_leave(struct taker *t);

#endif
