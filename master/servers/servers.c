/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Server states.  Master.  Works on records that from_checker.c has validated and on numbers of
 * the workers' tallies, which may be wrong but are only ever added up.
 */
#include "master/servers/servers.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/mail/reason.h"
#include "common/tally.h"
#include "master/servers/boards.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT(n)    #n
#define TEXT_OF(n) TEXT(n)

static const struct conf_backend *
backend_of(const struct generation *g, const struct server *s)
{
	return &g->conf->backends[s->conf->backend];
}

static void
server_init(struct server *s, const struct conf *conf, const struct conf_server *cs)
{
	const struct conf_check *check = &conf->backends[cs->backend].check;
	int checked = conf_is_checked(conf, cs);

	s->conf = cs;
	s->admin = cs->disabled ? ADMIN_MAINT : 0;
	snprintf(s->name, sizeof(s->name), "%s", cs->name);
	s->health = health_start(!checked || check->initial_up);
	s->said = s->health.state;
	s->since = real_ms();
	s->status = checked ? CHECK_INI : CHECK_UNKNOWN;
	s->cert_days = INT32_MIN;
	s->slowstart = BOARD_WEIGHT;
	if (!cs->host) {
		s->addrs[0] = cs->addr;
		s->addr_count = 1;
	}
}

struct server *
servers_new(const struct conf *conf)
{
	struct server *all = calloc(conf->slot_count ? conf->slot_count : 1, sizeof(*all));

	if (!all)
		return NULL;
	for (size_t i = 0; i < conf->server_count; i++)
		for (uint32_t n = 0; n < conf->servers[i].slots; n++)
			server_init(&all[conf->servers[i].slot + n], conf, &conf->servers[i]);
	return all;
}

static int
same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Whether a reload has left this server what it was: backend, name, address, and its check. */
static int
is_same(const struct generation *ga, const struct server *a, const struct generation *gb,
    const struct server *b)
{
	const struct conf_check *ca = &backend_of(ga, a)->check, *cb = &backend_of(gb, b)->check;

	return strcmp(a->conf->name, b->conf->name) == 0 &&
	    strcmp(backend_of(ga, a)->name, backend_of(gb, b)->name) == 0 &&
	    a - ga->servers - a->conf->slot == b - gb->servers - b->conf->slot &&
	    same_text(a->conf->host, b->conf->host) && addr_equal(&a->conf->addr, &b->conf->addr) &&
	    a->conf->check_port == b->conf->check_port && ca->type == cb->type &&
	    ca->port == cb->port && ca->tls.on == cb->tls.on;
}

/* The search begins at slot *at: mostly the servers stand in the same order in both. */
static struct server *
find_same(
    const struct generation *g, const struct generation *old, const struct server *s, uint32_t *at)
{
	uint32_t count = g->conf->slot_count;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t slot = (*at + i) % count;

		if (is_same(g, &g->servers[slot], old, s)) {
			*at = slot + 1;
			return &g->servers[slot];
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
servers_carry(struct generation *g, const struct generation *current)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < current->conf->slot_count; i++) {
		const struct server *s = &current->servers[i];
		struct server *heir = find_same(g, current, s, &at);

		if (heir)
			carry(heir, s);
	}
}

int
server_serves(const struct server *s)
{
	return s->admin == 0 && !s->left && s->addr_count > 0 && health_usable(s->health.state);
}

uint32_t
servers_active(const struct generation *g, uint32_t slot)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < g->worker_count; i++)
		if (g->workers[i].tally)
			sum += atomic_load_explicit(
			    &g->workers[i].tally->servers[slot].active, memory_order_relaxed);
	return sum;
}

struct server_count
servers_count(const struct generation *g, uint32_t backend)
{
	struct server_count c = { 0 };

	for (uint32_t i = 0; i < g->conf->slot_count; i++) {
		const struct server *s = &g->servers[i];

		if (backend != UINT32_MAX && s->conf->backend != backend)
			continue;
		/* The free places of a family are no servers. */
		if (s->conf->slots > 1 && s->addr_count == 0)
			continue;
		c.all++;
		c.serving += (uint32_t)server_serves(s);
	}
	return c;
}

int
servers_settled(const struct generation *g)
{
	for (uint32_t i = 0; i < g->conf->slot_count; i++) {
		const struct server *s = &g->servers[i];

		if (s->conf->slots > 1 && s->addr_count == 0 && s->conf->slot != i)
			continue;
		if (s->status == CHECK_INI && !(s->admin & ADMIN_MAINT))
			return 0;
	}
	return 1;
}

/* BACKEND/SERVER: how lines call it. */
static void
begin_line(const struct generation *g, const struct server *s, int level, struct log_line *l)
{
	char name[2 * CONF_NAME + ADDR_TEXT + 4];

	snprintf(name, sizeof(name), "%s/%s", backend_of(g, s)->name, s->name);
	log_begin(l, level);
	log_text(l, "server", name);
}

/* An address that a server's name now has, or has no more; NULL for none. */
static void
tell_address(const struct generation *g, const struct server *s, const struct addr *a,
    const struct addr *was)
{
	char text[ADDR_TEXT];
	struct log_line l;

	if (g->m->current && g->m->current != g)
		return;
	begin_line(g, s, LOG_NOTICE, &l);
	log_text(&l, "address", a ? addr_text(a, text) : NULL);
	log_text(&l, "was", was ? addr_text(was, text) : NULL);
	log_text(&l, "name", s->conf->host);
	log_end(&l);
}

static void
tell(const struct generation *g, const struct server *s, enum health_state was)
{
	struct server_count c = servers_count(g, s->conf->backend);
	struct log_line l;
	char up[32];

	snprintf(up, sizeof(up), "%u/%u", c.serving, c.all);
	begin_line(g, s, s->health.state == HEALTH_UP ? LOG_NOTICE : LOG_WARNING, &l);
	log_text(&l, "state", health_name(s->health.state));
	log_text(&l, "was", health_name(was));
	log_quoted(&l, "why", s->why);
	log_number(&l, "ms", s->check_ms);
	log_text(&l, "up", up);
	log_end(&l);
}

/* Connections of these servers end: on_down of a server, on_up of the backups. */
static void
close_where(struct generation *g, const struct server *s)
{
	const struct conf_backend *b = backend_of(g, s);

	for (uint32_t i = 0; i < g->conf->slot_count; i++) {
		struct server *other = &g->servers[i];

		if (other->conf->backend != s->conf->backend)
			continue;
		if ((s->health.state == HEALTH_DOWN && other == s && b->on_down_close) ||
		    (s->health.state == HEALTH_UP && !s->conf->backup && other->conf->backup &&
			b->on_up_close_backup)) {
			other->close++;
			boards_publish(g, other);
		}
	}
}

/* The log and everybody who waits learn of a state that is final: up or down. */
static void
settle(struct generation *g, struct server *s)
{
	enum health_state was = s->said;

	/* One that does not serve yet tells when it does what the others have not told. */
	if (g->m->current && g->m->current != g)
		return;
	if ((s->health.state != HEALTH_UP && s->health.state != HEALTH_DOWN) ||
	    was == s->health.state)
		return;
	s->said = s->health.state;
	s->since = real_ms();
	if (s->health.state == HEALTH_UP && was == HEALTH_DOWN && backend_of(g, s)->slowstart > 0)
		s->slowstart = 1;
	tell(g, s, was);
	close_where(g, s);
}

void
servers_inherit(struct generation *g, struct generation_list *all)
{
	struct generation *old;

	TAILQ_FOREACH(old, all, link)
	{
		uint32_t at = 0;

		for (uint32_t i = 0; old->state == GEN_OLD && i < old->conf->slot_count; i++)
			old->servers[i].heir = find_same(g, old, &old->servers[i], &at);
	}
	for (uint32_t i = 0; i < g->conf->slot_count; i++)
		settle(g, &g->servers[i]);
	/* Before the first connection comes: max_connections holds for all generations together. */
	boards_count(g);
	boards_publish_all(g);
}

static void
down_without_address(struct generation *g, struct server *s, const struct report *r)
{
	s->health = (struct health){ HEALTH_DOWN, 0 };
	s->status = CHECK_SOCKERR;
	s->passed = 0;
	reason_words(backend_of(g, s), &r->found, s->why, sizeof(s->why));
	if (!s->why[0])
		snprintf(s->why, sizeof(s->why), "the name has no address");
	settle(g, s);
}

void
servers_checked(struct generation *g, uint32_t slot, const struct report *r)
{
	struct server *s = &g->servers[slot];
	const struct conf_check *c = &backend_of(g, s)->check;

	s->status = (enum check_status)r->status;
	s->passed = r->ok;
	s->check_ms = r->ms;
	reason_words(backend_of(g, s), &r->found, s->why, sizeof(s->why));
	s->health = health_next(
	    s->health, (struct health_rules){ .rise = c->rise, .fall = c->fall }, (int)r->ok);
	settle(g, s);
	boards_publish(g, s);
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
resolved_one(struct generation *g, struct server *s, const struct report *r)
{
	if (r->count == 0) {
		/* The last good answer is kept; without one there is nothing to connect to. */
		if (s->addr_count == 0)
			down_without_address(g, s, r);
	} else if (s->addr_count == 0 || !has_addr(r->addrs, r->count, &s->addrs[0])) {
		tell_address(g, s, &r->addrs[0], s->addr_count ? &s->addrs[0] : NULL);
		s->addrs[0] = r->addrs[0];
		s->addr_count = 1;
	}
	boards_publish(g, s);
}

static void
take_place(struct generation *g, struct server *s, const struct addr *a)
{
	const struct conf_server *cs = s->conf;
	char text[ADDR_TEXT];
	uint32_t close = s->close;
	int crowded = s->crowded;

	memset(s, 0, sizeof(*s));
	server_init(s, g->conf, cs);
	s->crowded = crowded;
	s->addrs[0] = *a;
	s->addr_count = 1;
	s->close = close;
	snprintf(s->name, sizeof(s->name), "%s-%s", cs->name, addr_ip_text(a, text));
	tell_address(g, s, a, NULL);
}

/* Addresses that are not listed any more drain; a place is free once nobody is on it. */
static void
leave_places(struct generation *g, struct server *first, const struct report *r)
{
	for (struct server *s = first; s < first + first->conf->slots; s++) {
		int listed = s->addr_count && has_addr(r->addrs, r->count, &s->addrs[0]);

		if (s->addr_count == 0)
			continue;
		if (s->left == listed)
			tell_address(
			    g, s, listed ? &s->addrs[0] : NULL, listed ? NULL : &s->addrs[0]);
		s->left = !listed;
		if (!listed && servers_active(g, (uint32_t)(s - g->servers)) == 0)
			s->addr_count = 0;
	}
}

/* Into a free place, if it has none.  Returns 0, or -1 when all are taken. */
static int
give_place(struct generation *g, struct server *first, const struct addr *a)
{
	struct server *free_place = NULL;

	for (struct server *s = first; s < first + first->conf->slots; s++) {
		if (s->addr_count && addr_same_ip(&s->addrs[0], a))
			return 0;
		if (!s->addr_count && !free_place)
			free_place = s;
	}
	if (!free_place)
		return -1;
	take_place(g, free_place, a);
	return 0;
}

/* Said when it begins: it is told again with every answer, until a place is free. */
static void
tell_crowded(const struct generation *g, const struct server *first, const struct addr *a)
{
	char text[ADDR_TEXT], name[2 * CONF_NAME + 2];
	struct log_line l;

	if (g->m->current && g->m->current != g)
		return;
	snprintf(name, sizeof(name), "%s/%s", backend_of(g, first)->name, first->conf->name);
	log_begin(&l, LOG_WARNING);
	log_text(&l, "server", name);
	log_text(&l, "address", addr_text(a, text));
	log_quoted(&l, "why",
	    "a new address, but all " TEXT_OF(
		CONF_FAMILY) " places of the name are taken by old ones "
			     "that still have clients: it serves when these have gone");
	log_end(&l);
}

/*
 * resolve = "all": an address keeps its slot; a new one gets a free slot, one that has left the
 * answer drains, and its slot is free when its last connection has ended.
 */
static void
resolved_all(struct generation *g, struct server *first, const struct report *r)
{
	int crowded = 0;

	if (r->count == 0) {
		if (first->addr_count == 0)
			down_without_address(g, first, r);
		boards_publish(g, first);
		return;
	}
	leave_places(g, first, r);
	for (uint32_t i = 0; i < r->count; i++) {
		if (give_place(g, first, &r->addrs[i]) == 0)
			continue;
		if (!crowded && !first->crowded)
			tell_crowded(g, first, &r->addrs[i]);
		crowded = 1;
	}
	first->crowded = crowded;
	for (struct server *s = first; s < first + first->conf->slots; s++)
		boards_publish(g, s);
}

void
servers_resolved(struct generation *g, uint32_t slot, const struct report *r)
{
	struct server *s = &g->servers[slot];

	if (s->conf->resolve == RESOLVE_ALL)
		resolved_all(g, s, r);
	else
		resolved_one(g, s, r);
}

void
servers_ask(struct generation *g)
{
	const struct msg_empty none = { 0 };

	/* A checker of version 1 would take it for a broken protocol; it asks by itself, later. */
	if (g->checker.state == PROC_SERVING && g->checker.version >= 2)
		(void)chan_tell(&g->checker.chan, MSG_RESOLVE, &none);
}

/* How much of its weight a server has that came up so many milliseconds ago. */
static uint32_t
slowstart_now(uint64_t ms, uint32_t whole)
{
	uint64_t part = whole ? ms * BOARD_WEIGHT / whole : BOARD_WEIGHT;

	return part >= BOARD_WEIGHT ? BOARD_WEIGHT : part < 1 ? 1 : (uint32_t)part;
}

void
servers_tick(struct generation *g, struct generation_list *all)
{
	uint64_t now = real_ms();
	int changes = TAILQ_FIRST(all) != TAILQ_LAST(all, generation_list);

	boards_count(g);
	for (uint32_t i = 0; i < g->conf->slot_count; i++) {
		struct server *s = &g->servers[i];

		if (s->slowstart >= BOARD_WEIGHT)
			continue;
		s->slowstart = slowstart_now(now - s->since, backend_of(g, s)->slowstart);
		changes = 1;
	}
	if (changes)
		boards_publish_all(g);
}
