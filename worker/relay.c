/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The relay.  Runs in the worker, on bytes that it never looks at: what goes in comes out, unchanged and
 * in order.  One scratch buffer serves every connection; what a peer does not take at once waits
 * in its side's spill, and reading from the other side stops until that is gone.
 */
#include "relay.h"

/* Buffers' worth that one direction may move before others get their turn. */
#define TURN 4

static enum flow
from_ended(struct side *from, struct side *to)
{
	from->ended = 1;
	switch (side_finish(to, 1)) {
	case IO_DONE:
		return FLOW_ENDED;
	case IO_RESET:
		return FLOW_TO_RESET;
	case IO_WAIT:
		return FLOW_WAIT;
	default:
		return FLOW_TO_FAILED;
	}
}

/* The sink is full.  Whether the source still lives shows only in its hang-up now. */
static enum flow
sink_full(const struct side *from)
{
	return side_broken(from) ? FLOW_FROM_RESET : FLOW_WAIT;
}

/* After a write or flush: what its answer means for the flow; FLOW_MORE is "go on". */
static enum flow
written(const struct side *from, enum io io)
{
	switch (io) {
	case IO_DONE:
		return FLOW_MORE;
	case IO_WAIT:
		return sink_full(from);
	case IO_RESET:
		return FLOW_TO_RESET;
	default:
		return FLOW_TO_FAILED;
	}
}

enum flow
relay_flow(struct side *from, struct side *to, uint8_t *scratch, uint64_t *count)
{
	enum flow flow;
	size_t n, size;

	if (to->spill && (flow = written(from, side_flush(to))) != FLOW_MORE)
		return flow;
	if (from->ended)
		return from_ended(from, to);
	for (int turn = 0; turn < TURN; turn++) {
		size = (size_t)1 << to->window;
		switch (side_read(from, scratch, size, &n)) {
		case IO_DONE:
			break;
		case IO_WAIT:
			return FLOW_WAIT;
		case IO_EOF:
			return from_ended(from, to);
		case IO_CUT:
			return FLOW_CUT;
		case IO_RESET:
			return FLOW_FROM_RESET;
		case IO_FAILED:
			return FLOW_FROM_FAILED;
		}
		*count += n;
		if ((flow = written(from, side_write(to, scratch, n))) != FLOW_MORE)
			return flow;
		/* A peer that takes whole windows gets larger ones; side_write makes them small
		 * again, so that a slow peer costs little memory. */
		if (n > size / 2 && to->window < SIDE_WINDOW_MAX)
			to->window++;
		else if (n < size / 2 && !side_pending(from))
			return FLOW_WAIT; /* that was all for now; epoll says when there is more */
	}
	return FLOW_MORE;
}
