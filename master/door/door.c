/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Who takes connections, in the order of their slots.  Master. */
#include "master/door/door.h"

void
door_init(struct door *d, const struct door_owner *owner, size_t held_most)
{
	*d = (struct door){ .owner = owner };
	TAILQ_INIT(&d->listeners);
	TAILQ_INIT(&d->given);
	TAILQ_INIT(&d->takers);
	conns_init(&d->conns, held_most);
}

void
taker_init(struct taker *t, struct door *d, struct chan *chan, uint32_t slot)
{
	*t = (struct taker){ .door = d, .chan = chan, .slot = slot };
	holder_init(&t->has);
}

void
door_join(struct taker *t)
{
	struct taker *other;

	if (t->is_joined)
		return;
	t->is_joined = 1;
	TAILQ_FOREACH(other, &t->door->takers, link)
	if (other->slot > t->slot) {
		TAILQ_INSERT_BEFORE(other, t, link);
		return;
	}
	TAILQ_INSERT_TAIL(&t->door->takers, t, link);
}

void
door_leave(struct taker *t)
{
	if (!t->is_joined)
		return;
	t->is_joined = 0;
	TAILQ_REMOVE(&t->door->takers, t, link);
}
