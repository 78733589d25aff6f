/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Which frontends have clients for whom there is no server.  Master; reads its own state. */
#include "master/servers/missing.h"

#include <stdio.h>
#include <stdlib.h>

/* What is known of a backend while frontends are looked at. */
struct reach {
	int serves;
	int checks;  /* one of its servers waits for its first check */
	size_t told; /* the last frontend, from 1, that was found to lack it */
};

/* Whether this backend is what is asked for: one without a server, or one that may soon have one. */
static int
lacks(const struct reach *r, int waiting)
{
	return !r->serves && r->checks == waiting;
}

/* Nothing is known of it yet, and nobody has taken it out. */
static int
is_checking(const struct servers *s, const struct server *server)
{
	/* A name that may stand for several waits in the first of its places. */
	int unresolved = server == &s->slots[server->conf->slot] && server->status == CHECK_INI;

	return server->health.state == HEALTH_CHECKING && !(server->admin & ADMIN_MAINT) &&
	    (!server_is_free(server) || unresolved);
}

static void
missing_of(const struct conf *conf, size_t n, struct reach *backends, int waiting, FILE *f)
{
	const struct conf_frontend *front = &conf->frontends[n];

	if (lacks(&backends[front->backend], waiting)) {
		fprintf(f, "%s%s", ftell(f) > 0 ? ", " : "", front->name);
		backends[front->backend].told = n + 1;
	}
	for (size_t i = 0; i < front->route_count; i++) {
		struct reach *r = &backends[front->routes[i].backend];

		if (!lacks(r, waiting) || r->told == n + 1)
			continue;
		fprintf(f, "%s%s (backend %s)", ftell(f) > 0 ? ", " : "", front->name,
		    conf->backends[front->routes[i].backend].name);
		r->told = n + 1;
	}
}

static char *
without(const struct servers *s, int waiting)
{
	const struct conf *conf = s->conf;
	struct reach *backends = calloc(conf->backend_count + 1, sizeof(*backends));
	char *text = NULL;
	size_t size = 0;
	FILE *f = backends ? open_memstream(&text, &size) : NULL;

	if (!f) {
		free(backends);
		return NULL;
	}
	for (uint32_t i = 0; i < conf->slot_count; i++) {
		const struct server *server = &s->slots[i];
		struct reach *r = &backends[server->conf->backend];

		if (server_serves(server))
			r->serves = 1;
		else if (is_checking(s, server))
			r->checks = 1;
	}
	for (size_t i = 0; i < conf->frontend_count; i++)
		missing_of(conf, i, backends, waiting, f);
	fclose(f);
	free(backends);
	if (size > 0)
		return text;
	free(text);
	return NULL;
}

char *
missing_servers(const struct servers *s)
{
	return without(s, 0);
}

char *
missing_checks(const struct servers *s)
{
	return without(s, 1);
}
