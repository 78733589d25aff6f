/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Servers of configurations: made, asked about, forgotten.  Master; reads its own state. */
#include "master/servers/servers.h"

#include "common/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- Birth and end ---- */

void
servers_all_init(struct servers_all *all, const struct servers_owner *owner)
{
	*all = (struct servers_all){ .owner = owner };
	TAILQ_INIT(&all->list);
}

void
server_init(struct server *server, const struct conf *conf, const struct conf_server *cs)
{
	const struct conf_check *check = &conf->backends[cs->backend].check;
	int checked = conf_is_checked(conf, cs);

	*server = (struct server){ .conf = cs };
	server->admin = cs->disabled ? ADMIN_MAINT : 0;
	snprintf(server->name, sizeof(server->name), "%s", cs->name);
	server->health = health_start(!checked || check->initial_up);
	server->said = server->health.state;
	server->since = real_ms();
	server->status = checked ? CHECK_INI : CHECK_UNKNOWN;
	server->cert_days = INT32_MIN;
	server->slowstart = BOARD_WEIGHT;
	if (!cs->host) {
		server->addrs[0] = cs->addr;
		server->addr_count = 1;
	}
}

static struct server *
slots_new(const struct conf *conf)
{
	struct server *slots = calloc(conf->slot_count ? conf->slot_count : 1, sizeof(*slots));

	if (!slots)
		return NULL;
	for (size_t i = 0; i < conf->server_count; i++)
		for (uint32_t n = 0; n < conf->servers[i].slots; n++)
			server_init(&slots[conf->servers[i].slot + n], conf, &conf->servers[i]);
	return slots;
}

static void
join(struct servers *s, struct servers_all *all)
{
	s->all = all;
	TAILQ_INSERT_TAIL(&all->list, s, link);
}

int
servers_make(struct servers *s, struct servers_all *all, const void *of, const struct conf *conf)
{
	*s = (struct servers){ .of = of, .conf = conf, .board_fd = -1 };
	s->slots = slots_new(conf);
	s->board = s->slots ? board_new(conf->slot_count, &s->board_fd) : NULL;
	if (!s->board)
		return -1;
	join(s, all);
	return 0;
}

int
servers_adopt(struct servers *s, struct servers_all *all, const void *of, const struct conf *conf,
    int is_past)
{
	*s =
	    (struct servers){ .of = of, .conf = conf, .board_fd = s->board_fd, .is_past = is_past };
	s->slots = slots_new(conf);
	s->board = s->slots ? board_adopt(s->board_fd, conf->slot_count) : NULL;
	if (!s->board) {
		free(s->slots);
		s->slots = NULL;
		return -1;
	}
	join(s, all);
	return 0;
}

/* Nobody may go on to know its servers. */
static void
leave(struct servers *s)
{
	struct servers *other;

	TAILQ_REMOVE(&s->all->list, s, link);
	if (s->all->current == s)
		s->all->current = NULL;
	TAILQ_FOREACH(other, &s->all->list, link)
	for (uint32_t i = 0; i < other->conf->slot_count; i++)
		if (other->slots[i].heir >= s->slots &&
		    other->slots[i].heir < s->slots + s->conf->slot_count)
			other->slots[i].heir = NULL;
	s->all = NULL;
}

void
servers_free(struct servers *s)
{
	if (s->all)
		leave(s);
	if (s->board)
		board_unmap(&s->board);
	if (s->board_fd != -1)
		close(s->board_fd);
	s->board_fd = -1;
	free(s->slots);
	s->slots = NULL;
}

/* ---- Which of them serve ---- */

void
servers_serve(struct servers_all *all, struct servers *s)
{
	if (all->current && all->current != s)
		all->current->is_past = 1;
	all->current = s;
}

int
servers_are_heard(const struct servers *s)
{
	return !s->all->current || s->all->current == s;
}

/* ---- Questions ---- */

int
server_serves(const struct server *server)
{
	return server->admin == 0 && !server->left && server->addr_count > 0 &&
	    health_usable(server->health.state);
}

int
server_is_free(const struct server *server)
{
	return server->conf->slots > 1 && server->addr_count == 0;
}

const struct conf_backend *
servers_backend(const struct servers *s, const struct server *server)
{
	return &s->conf->backends[server->conf->backend];
}

uint32_t
servers_active(const struct servers *s, uint32_t slot)
{
	return s->all->owner->active(s, slot);
}

struct server_count
servers_count(const struct servers *s, uint32_t backend)
{
	struct server_count c = { 0 };

	for (uint32_t i = 0; i < s->conf->slot_count; i++) {
		const struct server *server = &s->slots[i];

		if (backend != UINT32_MAX && server->conf->backend != backend)
			continue;
		if (server_is_free(server))
			continue;
		c.all++;
		c.serving += (uint32_t)server_serves(server);
	}
	return c;
}

int
servers_settled(const struct servers *s)
{
	for (uint32_t i = 0; i < s->conf->slot_count; i++) {
		const struct server *server = &s->slots[i];

		/* A name that has no address yet is waited for in the first of its places. */
		if (server_is_free(server) && server->conf->slot != i)
			continue;
		if (server->status == CHECK_INI && !(server->admin & ADMIN_MAINT))
			return 0;
	}
	return 1;
}
