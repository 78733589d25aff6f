/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Moving bytes from one side of a connection to the other, one direction at a time. */
#ifndef RELAY_H
#define RELAY_H

#include "side.h"

/* How a direction stands after a pass. */
enum flow {
	FLOW_WAIT,       /* nothing more to do until an event */
	FLOW_MORE,       /* there is more, but others want their turn */
	FLOW_ENDED,      /* the source ended, and so has the sink's direction */
	FLOW_CUT,        /* the source's TLS ended without close_notify; all that came is out */
	FLOW_FROM_RESET, /* the source was reset */
	FLOW_FROM_FAILED,
	FLOW_TO_RESET,
	FLOW_TO_FAILED,
};

/*
 * Move what is there; scratch has room for 1 << SIDE_WINDOW_MAX bytes.  Reads nothing while the
 * sink still has bytes to get rid of.  *count grows by the bytes that the source gave.
 */
enum flow relay_flow(struct side *from, struct side *to, uint8_t *scratch, uint64_t *count);

#endif
