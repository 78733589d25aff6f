/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Server states, carried from configuration to configuration.  Master; reads its own state. */
#include "master/servers/carry.h"

#include "master/servers/boards.h"
#include "master/servers/checked.h"

#include <string.h>

static int
same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Whether a reload has left this server what it was: backend, name, address, and its check. */
static int
is_same(const struct servers *sa, const struct server *a, const struct servers *sb,
    const struct server *b)
{
	const struct conf_backend *ba = servers_backend(sa, a), *bb = servers_backend(sb, b);
	const struct conf_check *ca = &ba->check, *cb = &bb->check;

	return strcmp(a->conf->name, b->conf->name) == 0 && strcmp(ba->name, bb->name) == 0 &&
	    a - sa->slots - a->conf->slot == b - sb->slots - b->conf->slot &&
	    same_text(a->conf->host, b->conf->host) && addr_equal(&a->conf->addr, &b->conf->addr) &&
	    a->conf->check_port == b->conf->check_port && ca->type == cb->type &&
	    ca->port == cb->port && ca->tls.on == cb->tls.on;
}

/* The search begins at slot *at: mostly the servers stand in the same order in both. */
static struct server *
find_same(
    const struct servers *s, const struct servers *old, const struct server *server, uint32_t *at)
{
	uint32_t count = s->conf->slot_count;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t slot = (*at + i) % count;

		if (is_same(s, &s->slots[slot], old, server)) {
			*at = slot + 1;
			return &s->slots[slot];
		}
	}
	return NULL;
}

static void
carry(struct server *to, const struct server *from)
{
	const struct conf_server *conf = to->conf;
	uint32_t admin = to->admin;

	*to = *from;
	if (conf->disabled != from->conf->disabled)
		to->admin = admin;
	to->conf = conf;
	to->heir = NULL;
	to->elsewhere = 0;
}

void
carry_states(struct servers *s, const struct servers *from)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < from->conf->slot_count; i++) {
		struct server *heir = find_same(s, from, &from->slots[i], &at);

		if (heir)
			carry(heir, &from->slots[i]);
	}
}

void
carry_heirs(struct servers *s)
{
	struct servers *old;

	TAILQ_FOREACH(old, &s->all->list, link)
	{
		uint32_t at = 0;

		for (uint32_t i = 0; old->is_past && i < old->conf->slot_count; i++)
			old->slots[i].heir = find_same(s, old, &old->slots[i], &at);
	}
	for (uint32_t i = 0; i < s->conf->slot_count; i++)
		checked_settle(s, &s->slots[i]);
	/* Before the first connection comes: max_connections holds for all of them together. */
	boards_count(s);
	boards_publish_all(s);
}
