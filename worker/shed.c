/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Connections whose server is to be emptied.  Runs in the worker; reads one number of each slot of
 * the board, which only ever changes when the slot's connections are to end.
 */
#include "worker/shed.h"

#include "common/container.h"
#include "worker/conn/conn.h"

#include <stddef.h>
#include <stdlib.h>

#define LOOK_MS 1000

/* All of them at once: they are one server's, not everybody's. */
static void
empty(struct service *s, uint32_t slot)
{
	struct conn *c, *next;

	for (c = s->conns; c; c = next) {
		next = c->next;
		if (c->slot == slot && !c->leaving)
			conn_end(c, END_SERVER_DOWN);
	}
}

static int
has_changed(const struct shed *shed, uint32_t slot, uint32_t *now_r)
{
	struct board_server s;

	board_read_state(shed->service->balancer.board, slot, &s);
	*now_r = s.close;
	return s.close != shed->seen[slot];
}

static void
look(struct timer *t)
{
	struct shed *shed = CONTAINER(t, struct shed, timer);
	uint32_t now;

	for (uint32_t slot = 0; slot < shed->service->conf->slot_count; slot++) {
		if (!has_changed(shed, slot, &now))
			continue;
		shed->seen[slot] = now;
		empty(shed->service, slot);
	}
	timer_set(shed->service->loop, t, LOOK_MS);
}

int
shed_begin(struct shed *shed, struct service *s)
{
	uint32_t count = s->conf->slot_count;

	shed->service = s;
	shed->seen = calloc(count ? count : 1, sizeof(*shed->seen));
	if (!shed->seen)
		return -1;
	/* What was closed before our time is not ours to close. */
	for (uint32_t slot = 0; slot < count; slot++)
		(void)has_changed(shed, slot, &shed->seen[slot]);
	shed->timer.fn = look;
	timer_set(s->loop, &shed->timer, LOOK_MS);
	return 0;
}
