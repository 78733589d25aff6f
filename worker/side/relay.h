/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Moving bytes from one side of a connection to the other, one direction at a time. */
#ifndef WORKER_SIDE_RELAY_H
#define WORKER_SIDE_RELAY_H

#include "worker/side/side.h"

/* How a direction stands after a pass. */
enum flow {
	FLOW_WAIT,        /* nothing more to do until an event */
	FLOW_MORE,        /* there is more, but others want their turn */
	FLOW_ENDED,       /* the source ended, and so has the sink's direction */
	FLOW_CUT,         /* the source's TLS ended without close_notify; all that came is out */
	FLOW_FROM_RESET,  /* the source was reset */
	FLOW_FROM_FAILED, /* with errno, or 0: a TLS error; the same with FLOW_TO_FAILED */
	FLOW_TO_RESET,
	FLOW_TO_FAILED,
};

/* What the relay of a worker shares between all connections. */
struct relay {
	struct pipe *pipes;                            /* those that are not in use */
	size_t last;                                   /* bytes of the last reading into scratch */
	uint8_t scratch[(size_t)1 << SIDE_WINDOW_MAX]; /* bytes on their way */
};

/*
 * Make the pool of pipes; before the system calls are restricted.  With less than it wanted, or
 * none, the relay copies.  Pipes are the relay's as long as the process lives.
 */
void relay_init(struct relay *r);

/*
 * Move what is there.  Reads nothing while the sink still has bytes to get rid of.  *count grows
 * by the bytes that the source gave.
 */
enum flow relay_flow(struct relay *r, struct side *from, struct side *to, uint64_t *count);

#endif
