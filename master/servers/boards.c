/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Writing server states to the boards of all configurations.  Master; nobody else writes there. */
#include "master/servers/boards.h"

#include <stdio.h>
#include <string.h>

void
boards_count(struct servers *s)
{
	const struct servers *old;

	for (uint32_t i = 0; i < s->conf->slot_count; i++)
		s->slots[i].elsewhere = 0;
	TAILQ_FOREACH(old, &s->all->list, link)
	for (uint32_t i = 0; old->is_past && i < old->conf->slot_count; i++)
		if (old->slots[i].heir)
			old->slots[i].heir->elsewhere += servers_active(old, i);
}

/* Open connections that all but these servers have on one, which is theirs or its slot's heir. */
static uint32_t
elsewhere(const struct servers *s, uint32_t slot, const struct server *server)
{
	const struct servers *current = s->all->current;
	uint32_t all, own;

	if (server == &s->slots[slot] || !current)
		return server->elsewhere;
	all = server->elsewhere + servers_active(current, (uint32_t)(server - current->slots));
	own = servers_active(s, slot);
	return all > own ? all - own : 0;
}

/* The state of a server in a slot of this board; its weight there is the slot's own. */
static void
publish_as(struct servers *s, uint32_t slot, const struct server *server)
{
	const struct server *own = &s->slots[slot];
	struct board_server b = {
		.health = server->health.state,
		.admin = server->admin | (server->left ? ADMIN_DRAIN : 0),
		.weight = own->conf->weight * server->slowstart,
		.elsewhere = elsewhere(s, slot, server),
		.addr_count = server->addr_count,
		.close = server->close,
	};

	memcpy(b.addrs, server->addrs, sizeof(b.addrs));
	board_write(s->board, slot, &b);
}

void
boards_publish(struct servers *s, struct server *server)
{
	struct servers *old;

	publish_as(s, (uint32_t)(server - s->slots), server);
	if (s != s->all->current)
		return;
	TAILQ_FOREACH(old, &s->all->list, link)
	for (uint32_t i = 0; old->is_past && i < old->conf->slot_count; i++)
		if (old->slots[i].heir == server)
			publish_as(old, i, server);
}

void
boards_start(struct servers *s)
{
	for (uint32_t i = 0; i < s->conf->slot_count; i++)
		publish_as(s, i, &s->slots[i]);
}

void
boards_publish_all(struct servers *s)
{
	struct servers *old;

	boards_start(s);
	TAILQ_FOREACH(old, &s->all->list, link)
	for (uint32_t i = 0; old->is_past && i < old->conf->slot_count; i++)
		if (old->slots[i].heir)
			publish_as(old, i, old->slots[i].heir);
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
boards_recall(struct servers *s)
{
	for (uint32_t i = 0; i < s->conf->slot_count; i++) {
		struct server *server = &s->slots[i];
		struct board_server b;
		char ip[ADDR_TEXT];

		board_read(s->board, i, &b);
		recall(server, &b);
		if (server->conf->slots > 1 && server->addr_count)
			snprintf(server->name, sizeof(server->name), "%s-%s", server->conf->name,
			    addr_ip_text(&server->addrs[0], ip));
	}
}
