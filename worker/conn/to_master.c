/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Reports from the worker to the master, in batches.  Order matters in one way only: a connection
 * is never told closed before it was told touched.
 */
#include "worker/conn/to_master.h"

#include "common/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BATCH (IDS_MAX / 4)

/* Grow an array of items for one more; a worker without memory for this cannot go on. */
static void *
room_for_one(void *array, size_t count, size_t *room, size_t item)
{
	if (count < *room)
		return array;
	*room = *room ? *room * 2 : IDS_MAX;
	if ((array = reallocarray(array, *room, item)) == NULL)
		fatal("no memory for reports to the master");
	return array;
}

static void
queue_add(struct id_queue *q, uint64_t id)
{
	q->ids = room_for_one(q->ids, q->count, &q->room, sizeof(*q->ids));
	q->ids[q->count++].id = id;
}

void
to_master_taken(struct to_master *t)
{
	t->taken++;
}

void
to_master_touched(struct to_master *t, uint64_t id)
{
	queue_add(&t->touched, id);
}

void
to_master_shaken(struct to_master *t, uint64_t id)
{
	queue_add(&t->shaken, id);
}

void
to_master_closed(struct to_master *t, uint64_t id)
{
	queue_add(&t->closed, id);
}

void
to_master_suspect(struct to_master *t, uint32_t slot)
{
	for (size_t i = 0; i < t->suspect_count; i++)
		if (t->suspects[i] == slot)
			return;
	t->suspects =
	    room_for_one(t->suspects, t->suspect_count, &t->suspect_room, sizeof(*t->suspects));
	t->suspects[t->suspect_count++] = slot;
}

int
to_master_waiting(const struct to_master *t)
{
	return t->taken != t->taken_said || t->touched.count || t->shaken.count ||
	    t->closed.count || t->suspect_count;
}

int
to_master_urgent(const struct to_master *t)
{
	/* long before credit runs out, and before a message is full */
	return t->taken - t->taken_said >= BATCH || t->touched.count >= BATCH ||
	    t->closed.count >= BATCH || t->suspect_count;
}

/* Returns 0 when a message went out or will never have to, -1 when it must wait. */
static int
sent(struct to_master *t, int result)
{
	if (result == 0)
		return 0;
	if (errno == EAGAIN || errno == ENOBUFS)
		return -1;
	t->gone = 1; /* EPIPE: the loop sees the end of the channel by itself */
	return 0;
}

static int
flush_ids(struct to_master *t, enum msg_type type, struct id_queue *q)
{
	size_t done = 0;

	while (done < q->count && !t->gone) {
		size_t n = q->count - done < IDS_MAX ? q->count - done : IDS_MAX;

		if (sent(t,
			chan_send(t->chan, type, &(struct msg_empty){ 0 }, q->ids + done,
			    (uint32_t)n, NULL, 0)) == -1)
			break;
		done += n;
	}
	if (t->gone)
		done = q->count;
	q->count -= done;
	memmove(q->ids, q->ids + done, q->count * sizeof(*q->ids));
	return q->count > 0;
}

int
to_master_flush(struct to_master *t)
{
	if (t->taken != t->taken_said && !t->gone) {
		struct msg_taken m = { .upto = t->taken };

		if (sent(t, chan_tell(t->chan, MSG_TAKEN, &m)) == -1)
			return 1;
		t->taken_said = t->taken;
	}
	if ((t->touched.count && flush_ids(t, MSG_TOUCHED, &t->touched)) ||
	    (t->shaken.count && flush_ids(t, MSG_SHAKEN, &t->shaken)) ||
	    (t->closed.count && flush_ids(t, MSG_CLOSED, &t->closed)))
		return 1;
	while (t->suspect_count > 0 && !t->gone) {
		struct msg_server m = { .server = t->suspects[t->suspect_count - 1] };

		if (sent(t, chan_tell(t->chan, MSG_SUSPECT, &m)) == -1)
			return 1;
		t->suspect_count--;
	}
	if (t->gone) {
		t->taken_said = t->taken;
		t->suspect_count = 0;
	}
	return 0;
}
