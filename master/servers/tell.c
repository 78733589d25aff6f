/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Lines about servers.  Master.  Their values have been validated before they came here. */
#include "master/servers/tell.h"

#include "common/log.h"

#include <stdio.h>

#define TEXT(n)    #n
#define TEXT_OF(n) TEXT(n)

/* server=BACKEND/SERVER begins them all. */
static void
begin_line(const struct servers *s, const struct server *server, const char *its_name, int level,
    struct log_line *l)
{
	char name[2 * CONF_NAME + ADDR_TEXT + 4];

	snprintf(name, sizeof(name), "%s/%s", servers_backend(s, server)->name, its_name);
	log_begin(l, level);
	log_text(l, "server", name);
}

void
tell_address(const struct servers *s, const struct server *server, const struct addr *a,
    const struct addr *was)
{
	char text[ADDR_TEXT];
	struct log_line l;

	if (!servers_are_heard(s))
		return;
	begin_line(s, server, server->name, LOG_NOTICE, &l);
	log_text(&l, "address", a ? addr_text(a, text) : NULL);
	log_text(&l, "was", was ? addr_text(was, text) : NULL);
	log_text(&l, "name", server->conf->host);
	log_end(&l);
}

void
tell_state(const struct servers *s, const struct server *server, enum health_state was)
{
	struct server_count c = servers_count(s, server->conf->backend);
	struct log_line l;
	char up[32];

	if (!servers_are_heard(s))
		return;
	snprintf(up, sizeof(up), "%u/%u", c.serving, c.all);
	begin_line(s, server, server->name,
	    server->health.state == HEALTH_UP ? LOG_NOTICE : LOG_WARNING, &l);
	log_text(&l, "state", health_name(server->health.state));
	log_text(&l, "was", health_name(was));
	log_quoted(&l, "why", server->why);
	log_number(&l, "ms", server->check_ms);
	log_text(&l, "up", up);
	log_end(&l);
}

void
tell_crowded(const struct servers *s, const struct server *first, const struct addr *a)
{
	char text[ADDR_TEXT];
	struct log_line l;

	if (!servers_are_heard(s))
		return;
	begin_line(s, first, first->conf->name, LOG_WARNING, &l);
	log_text(&l, "address", addr_text(a, text));
	log_quoted(&l, "why",
	    "a new address, but all " TEXT_OF(
		CONF_FAMILY) " places of the name are taken by old ones "
			     "that still have clients: it serves when these have gone");
	log_end(&l);
}

void
tell_certificate(const struct servers *s, const struct server *server, int32_t days)
{
	struct log_line l;
	char why[80];

	snprintf(why, sizeof(why),
	    days < 0 ? "the server's certificate has expired" :
		       "the server's certificate expires in %d day%s",
	    days, days == 1 ? "" : "s");
	begin_line(s, server, server->name, LOG_WARNING, &l);
	log_quoted(&l, "why", why);
	log_end(&l);
}
