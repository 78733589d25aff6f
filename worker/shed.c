/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Connections whose server is to be emptied.  Runs in the worker; reads one number of each slot of
 * the board, which only ever changes when the slot's connections are to end.
 */
#include "worker/shed.h"

#include "common/container.h"
#include "worker/conn/base.h"

#include <stddef.h>
#include <stdlib.h>

#define LOOK_MS 1000

/* All of them at once: they are one server's, not everybody's. */
static void
empty(struct worker *w, uint32_t slot)
{
	struct conn *c, *next;

	for (c = w->conns; c; c = next) {
		next = c->next;
		if (c->slot == slot && !c->leaving)
			conn_end(c, END_SERVER_DOWN);
	}
}

static int
has_changed(const struct worker *w, uint32_t slot, uint32_t *now_r)
{
	struct board_server s;

	board_read_state(w->balancer.board, slot, &s);
	*now_r = s.close;
	return s.close != w->shed.seen[slot];
}

static void
look(struct timer *t)
{
	struct worker *w = CONTAINER(t, struct worker, shed.timer);
	uint32_t now;

	for (uint32_t slot = 0; slot < w->conf->slot_count; slot++) {
		if (!has_changed(w, slot, &now))
			continue;
		w->shed.seen[slot] = now;
		empty(w, slot);
	}
	timer_set(w->loop, t, LOOK_MS);
}

int
shed_begin(struct worker *w)
{
	uint32_t count = w->conf->slot_count;

	w->shed.seen = calloc(count ? count : 1, sizeof(*w->shed.seen));
	if (!w->shed.seen)
		return -1;
	/* What was closed before our time is not ours to close. */
	for (uint32_t slot = 0; slot < count; slot++)
		(void)has_changed(w, slot, &w->shed.seen[slot]);
	w->shed.timer.fn = look;
	timer_set(w->loop, &w->shed.timer, LOOK_MS);
	return 0;
}
