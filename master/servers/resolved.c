/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Addresses of names.  Master.  Works on records that from_checker.c has validated and on numbers of
 * the workers' tallies, which may be wrong but only delay when a place is free.
 */
#include "master/servers/resolved.h"

#include "master/servers/boards.h"
#include "master/servers/checked.h"
#include "master/servers/tell.h"

#include <stdio.h>

static void
down_without_address(struct servers *s, struct server *server, const struct report *r)
{
	server->health = (struct health){ HEALTH_DOWN, 0 };
	server->status = CHECK_SOCKERR;
	server->passed = 0;
	reason_words(servers_backend(s, server), &r->found, server->why, sizeof(server->why));
	if (!server->why[0])
		snprintf(server->why, sizeof(server->why), "the name has no address");
	checked_settle(s, server);
}

static int
has_addr(const struct addr *list, uint32_t count, const struct addr *a)
{
	for (uint32_t i = 0; i < count; i++)
		if (addr_same_ip(&list[i], a))
			return 1;
	return 0;
}

/* resolve = "one": the address is kept as long as the answer has it. */
static void
resolved_one(struct servers *s, struct server *server, const struct report *r)
{
	if (r->count == 0) {
		/* The last good answer is kept; without one there is nothing to connect to. */
		if (server->addr_count == 0)
			down_without_address(s, server, r);
	} else if (server->addr_count == 0 || !has_addr(r->addrs, r->count, &server->addrs[0])) {
		tell_address(
		    s, server, &r->addrs[0], server->addr_count ? &server->addrs[0] : NULL);
		server->addrs[0] = r->addrs[0];
		server->addr_count = 1;
	}
	boards_publish(s, server);
}

static void
take_place(struct servers *s, struct server *server, const struct addr *a)
{
	const struct conf_server *cs = server->conf;
	char text[ADDR_TEXT];
	uint32_t close = server->close;
	int crowded = server->crowded;

	server_init(server, s->conf, cs);
	server->crowded = crowded;
	server->addrs[0] = *a;
	server->addr_count = 1;
	server->close = close;
	snprintf(server->name, sizeof(server->name), "%s-%s", cs->name, addr_ip_text(a, text));
	tell_address(s, server, a, NULL);
}

/* Addresses that are not listed any more drain; a place is free once nobody is on it. */
static void
leave_places(struct servers *s, struct server *first, const struct report *r)
{
	for (struct server *at = first; at < first + first->conf->slots; at++) {
		int listed = at->addr_count && has_addr(r->addrs, r->count, &at->addrs[0]);

		if (at->addr_count == 0)
			continue;
		if (at->left == listed)
			tell_address(
			    s, at, listed ? &at->addrs[0] : NULL, listed ? NULL : &at->addrs[0]);
		at->left = !listed;
		if (!listed && servers_active(s, (uint32_t)(at - s->slots)) == 0)
			at->addr_count = 0;
	}
}

/* Into a free place, if it has none.  Returns 0, or -1 when all are taken. */
static int
give_place(struct servers *s, struct server *first, const struct addr *a)
{
	struct server *free_place = NULL;

	for (struct server *at = first; at < first + first->conf->slots; at++) {
		if (at->addr_count && addr_same_ip(&at->addrs[0], a))
			return 0;
		if (!at->addr_count && !free_place)
			free_place = at;
	}
	if (!free_place)
		return -1;
	take_place(s, free_place, a);
	return 0;
}

/*
 * resolve = "all": an address keeps its slot; a new one gets a free slot, one that has left the
 * answer drains, and its slot is free when its last connection has ended.
 */
static void
resolved_all(struct servers *s, struct server *first, const struct report *r)
{
	int crowded = 0;

	if (r->count == 0) {
		if (first->addr_count == 0)
			down_without_address(s, first, r);
		boards_publish(s, first);
		return;
	}
	leave_places(s, first, r);
	for (uint32_t i = 0; i < r->count; i++) {
		if (give_place(s, first, &r->addrs[i]) == 0)
			continue;
		/* Said when it begins: it is found again with every answer until a place is free. */
		if (!crowded && !first->crowded)
			tell_crowded(s, first, &r->addrs[i]);
		crowded = 1;
	}
	first->crowded = crowded;
	for (struct server *at = first; at < first + first->conf->slots; at++)
		boards_publish(s, at);
}

void
resolved_addresses(struct servers *s, uint32_t slot, const struct report *r)
{
	struct server *server = &s->slots[slot];

	if (server->conf->resolve == RESOLVE_ALL)
		resolved_all(s, server, r);
	else
		resolved_one(s, server, r);
}
