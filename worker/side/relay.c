/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The relay.  Runs in the worker, on bytes that it never looks at: what comes in goes out, unchanged
 * and in order.  One scratch buffer serves every connection; what a peer does not take at once waits
 * in its side's spill, and reading from the other side stops until that is gone.
 */
#include "worker/side/relay.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Pipes of a worker: this many connections can move bulk data without copying at a time. */
#define PIPES 16

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

void
relay_init(struct relay *r)
{
	for (int i = 0; i < PIPES; i++) {
		struct pipe *p = calloc(1, sizeof(*p));
		int fds[2];

		if (!p || pipe2(fds, O_NONBLOCK | O_CLOEXEC) == -1) {
			free(p);
			return;
		}
		(void)fcntl(fds[0], F_SETPIPE_SZ, 1 << SIDE_WINDOW_MAX);
		*p = (struct pipe){ .out = fds[0], .in = fds[1], .home = &r->pipes };
		p->next = r->pipes;
		r->pipes = p;
	}
}

/* What reading came to, where it was not data. */
static enum flow
not_read(struct side *from, struct side *to, enum io io)
{
	switch (io) {
	case IO_WAIT:
		return FLOW_WAIT;
	case IO_EOF:
		return from_ended(from, to);
	case IO_CUT:
		return FLOW_CUT;
	case IO_RESET:
		return FLOW_FROM_RESET;
	default:
		return FLOW_FROM_FAILED;
	}
}

/* Data flows in bulk between two plain sides, and there is a pipe: it need not be copied. */
static int
may_splice(const struct relay *r, const struct side *from, const struct side *to)
{
	return r->pipes && !side_has_tls(from) && !side_has_tls(to) &&
	    to->window == SIDE_WINDOW_MAX;
}

/* Move one buffer's worth by either way; FLOW_MORE: *n_r bytes went out, there may be more. */
static enum flow
move(struct relay *r, struct side *from, struct side *to, size_t *n_r)
{
	enum io io;

	if (may_splice(r, from, to)) {
		struct pipe *p = r->pipes;

		if ((io = side_pull(from, p)) != IO_DONE)
			return not_read(from, to, io);
		*n_r = p->held;
		r->pipes = p->next;
		to->pipe = p;
		return written(from, side_flush(to));
	}
	if ((io = side_read(from, r->scratch, (size_t)1 << to->window, n_r)) != IO_DONE)
		return not_read(from, to, io);
	r->last = *n_r;
	return written(from, side_write(to, r->scratch, *n_r));
}

enum flow
relay_flow(struct relay *r, struct side *from, struct side *to, uint64_t *count)
{
	enum flow flow;
	size_t n, size;

	if (side_blocked(to) && (flow = written(from, side_flush(to))) != FLOW_MORE)
		return flow;
	if (from->ended)
		return from_ended(from, to);
	for (int turn = 0; turn < TURN; turn++) {
		size = (size_t)1 << to->window;
		n = 0;
		flow = move(r, from, to, &n);
		*count += n;
		if (flow != FLOW_MORE)
			return flow;
		/* A peer that takes about half a window gets larger ones (of whole records only
		 * one fits into the smallest); side_write makes them small again, so that a slow
		 * peer costs little memory. */
		if (n >= size / 8 * 3) {
			if (to->window < SIDE_WINDOW_MAX)
				to->window++;
			continue;
		}
		if (n < size / 8 && to->window > SIDE_WINDOW_MIN)
			to->window--;
		if (!side_pending(from))
			return FLOW_WAIT; /* that was all for now; epoll says when there is more */
	}
	return FLOW_MORE;
}
