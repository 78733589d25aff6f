/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Writing server states to the boards of all generations.  Master; nobody else writes there. */
#include "master/servers/boards.h"

#include "master/servers/servers.h"

#include <stdio.h>
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

/* A state between two others counts as the one that it came from. */
static enum health_state
settled(uint32_t health)
{
	switch (health) {
	case HEALTH_UP:
	case HEALTH_GOING_DOWN:
		return HEALTH_UP;
	case HEALTH_DOWN:
	case HEALTH_GOING_UP:
		return HEALTH_DOWN;
	default:
		return HEALTH_CHECKING;
	}
}

static void
recall(struct server *s, const struct board_server *b)
{
	uint32_t parts = s->conf->weight ? b->weight / s->conf->weight : BOARD_WEIGHT;
	int family = s->conf->slots > 1;

	s->health = (struct health){ settled(b->health), 0 };
	s->said = s->health.state;
	if (s->said != HEALTH_CHECKING && s->status == CHECK_INI)
		s->status = CHECK_UNKNOWN;
	s->slowstart = parts < 1 ? 1 : parts > BOARD_WEIGHT ? BOARD_WEIGHT : parts;
	s->close = b->close;
	/* What has left a family drains on the board; only there is that no word of anybody's. */
	s->left = family && (b->admin & ADMIN_DRAIN);
	s->admin = b->admin & ~(uint32_t)(s->left ? ADMIN_DRAIN : 0);
	if (s->conf->host) {
		memcpy(s->addrs, b->addrs, sizeof(s->addrs));
		s->addr_count = b->addr_count;
	}
}

void
boards_recall(struct generation *g)
{
	for (uint32_t i = 0; i < g->conf->slot_count; i++) {
		struct server *s = &g->servers[i];
		struct board_server b;
		char ip[ADDR_TEXT];

		board_read(g->board, i, &b);
		recall(s, &b);
		if (s->conf->slots > 1 && s->addr_count)
			snprintf(s->name, sizeof(s->name), "%s-%s", s->conf->name,
			    addr_ip_text(&s->addrs[0], ip));
	}
}
