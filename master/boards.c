/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Writing server states to the boards of all generations.  Master; nobody else writes there. */
#include "boards.h"

#include "servers.h"

#include <string.h>

void
boards_count(struct generation *g)
{
	const struct generation *old;

	for (uint32_t i = 0; i < g->conf->slot_count; i++)
		g->servers[i].elsewhere = 0;
	TAILQ_FOREACH(old, &g->m->generations, link)
	if (old->state == GEN_OLD)
		for (uint32_t i = 0; i < old->conf->slot_count; i++)
			if (old->servers[i].heir)
				old->servers[i].heir->elsewhere += servers_active(old, i);
}

/* Open connections that all but this generation have on s, which is its own or its slot's heir. */
static uint32_t
elsewhere(const struct generation *g, uint32_t slot, const struct server *s)
{
	const struct generation *current = g->m->current;
	uint32_t all, own;

	if (s == &g->servers[slot] || !current)
		return s->elsewhere;
	all = s->elsewhere + servers_active(current, (uint32_t)(s - current->servers));
	own = servers_active(g, slot);
	return all > own ? all - own : 0;
}

/* The state of s in a slot of this generation's board; its weight there is the slot's own. */
static void
publish_as(struct generation *g, uint32_t slot, const struct server *s)
{
	const struct server *own = &g->servers[slot];
	struct board_server b = {
		.health = s->health.state,
		.admin = s->admin | (s->left ? ADMIN_DRAIN : 0),
		.weight = own->conf->weight * s->slowstart,
		.elsewhere = elsewhere(g, slot, s),
		.addr_count = s->addr_count,
		.close = s->close,
	};

	memcpy(b.addrs, s->addrs, sizeof(b.addrs));
	board_write(g->board, slot, &b);
}

void
boards_publish(struct generation *g, struct server *s)
{
	struct generation *old;

	publish_as(g, (uint32_t)(s - g->servers), s);
	if (g != g->m->current)
		return;
	TAILQ_FOREACH(old, &g->m->generations, link)
	if (old->state == GEN_OLD && old->board)
		for (uint32_t i = 0; i < old->conf->slot_count; i++)
			if (old->servers[i].heir == s)
				publish_as(old, i, s);
}

void
boards_start(struct generation *g)
{
	for (uint32_t i = 0; i < g->conf->slot_count; i++)
		publish_as(g, i, &g->servers[i]);
}

void
boards_publish_all(struct generation *g)
{
	struct generation *old;

	boards_start(g);
	TAILQ_FOREACH(old, &g->m->generations, link)
	if (old->state == GEN_OLD && old->board)
		for (uint32_t i = 0; i < old->conf->slot_count; i++)
			if (old->servers[i].heir)
				publish_as(old, i, old->servers[i].heir);
}
