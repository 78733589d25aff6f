/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* What checks make of a server.  Master.  Works on records that from_checker.c has validated. */
#include "master/servers/checked.h"

#include "common/clock.h"
#include "master/servers/boards.h"
#include "master/servers/tell.h"

#define CERT_WARN_DAYS 14
#define CERT_WARN_MS   (20u * 3600 * 1000) /* the number of days changes daily, at any hour */

/* Connections of these servers end: on_down of a server, on_up of the backups. */
static void
close_where(struct servers *s, const struct server *server)
{
	const struct conf_backend *b = servers_backend(s, server);

	for (uint32_t i = 0; i < s->conf->slot_count; i++) {
		struct server *other = &s->slots[i];

		if (other->conf->backend != server->conf->backend)
			continue;
		if ((server->health.state == HEALTH_DOWN && other == server && b->on_down_close) ||
		    (server->health.state == HEALTH_UP && !server->conf->backup &&
			other->conf->backup && b->on_up_close_backup)) {
			other->close++;
			boards_publish(s, other);
		}
	}
}

void
checked_settle(struct servers *s, struct server *server)
{
	enum health_state was = server->said, is = server->health.state;

	/* One that does not serve yet tells when it does what the others have not told. */
	if (!servers_are_heard(s))
		return;
	if ((is != HEALTH_UP && is != HEALTH_DOWN) || was == is)
		return;
	server->said = is;
	server->since = real_ms();
	if (is == HEALTH_UP && was == HEALTH_DOWN && servers_backend(s, server)->slowstart > 0)
		server->slowstart = 1;
	tell_state(s, server, was);
	close_where(s, server);
}

void
checked_result(struct servers *s, uint32_t slot, const struct report *r)
{
	struct server *server = &s->slots[slot];
	const struct conf_backend *b = servers_backend(s, server);

	server->status = (enum check_status)r->status;
	server->passed = r->ok;
	server->check_ms = r->ms;
	reason_words(b, &r->found, server->why, sizeof(server->why));
	server->health = health_next(server->health,
	    (struct health_rules){ .rise = b->check.rise, .fall = b->check.fall }, (int)r->ok);
	checked_settle(s, server);
	boards_publish(s, server);
}

void
checked_days(struct servers *s, uint32_t slot, int32_t days)
{
	struct server *server = &s->slots[slot];
	uint64_t now = real_ms();

	server->cert_days = days;
	if (days >= CERT_WARN_DAYS ||
	    (server->cert_warned && now - server->cert_warned < CERT_WARN_MS))
		return;
	server->cert_warned = now;
	tell_certificate(s, server, days);
}

/* How much of its weight a server has that came up this many milliseconds ago. */
static uint32_t
slowstart_now(uint64_t ms, uint32_t whole)
{
	uint64_t part = whole ? ms * BOARD_WEIGHT / whole : BOARD_WEIGHT;

	return part >= BOARD_WEIGHT ? BOARD_WEIGHT : part < 1 ? 1 : (uint32_t)part;
}

void
checked_tick(struct servers *s)
{
	const struct servers_list *list = &s->all->list;
	int changes = TAILQ_FIRST(list) != TAILQ_LAST(list, servers_list);
	uint64_t now = real_ms();

	boards_count(s);
	for (uint32_t i = 0; i < s->conf->slot_count; i++) {
		struct server *server = &s->slots[i];

		if (server->slowstart >= BOARD_WEIGHT)
			continue;
		server->slowstart =
		    slowstart_now(now - server->since, servers_backend(s, server)->slowstart);
		changes = 1;
	}
	if (changes)
		boards_publish_all(s);
}
