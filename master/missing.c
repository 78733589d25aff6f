/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Which frontends have clients for whom there is no server.  Master; reads its own state. */
#include "servers.h"

#include <stdio.h>
#include <stdlib.h>

/* What is known of a backend while frontends are looked at. */
struct reach {
	int serves;
	size_t told; /* the last frontend, from 1, that was found to lack it */
};

static void
missing_of(const struct conf *conf, size_t n, struct reach *backends, FILE *f)
{
	const struct conf_frontend *front = &conf->frontends[n];

	if (!backends[front->backend].serves) {
		fprintf(f, "%s%s", ftell(f) > 0 ? ", " : "", front->name);
		backends[front->backend].told = n + 1;
	}
	for (size_t i = 0; i < front->route_count; i++) {
		struct reach *r = &backends[front->routes[i].backend];

		if (r->serves || r->told == n + 1)
			continue;
		fprintf(f, "%s%s (backend %s)", ftell(f) > 0 ? ", " : "", front->name,
		    conf->backends[front->routes[i].backend].name);
		r->told = n + 1;
	}
}

char *
servers_missing(const struct generation *g)
{
	const struct conf *conf = g->conf;
	struct reach *backends = calloc(conf->backend_count + 1, sizeof(*backends));
	char *text = NULL;
	size_t size = 0;
	FILE *f = backends ? open_memstream(&text, &size) : NULL;

	if (!f) {
		free(backends);
		return NULL;
	}
	for (uint32_t i = 0; i < conf->slot_count; i++)
		if (server_serves(&g->servers[i]))
			backends[g->servers[i].conf->backend].serves = 1;
	for (size_t i = 0; i < conf->frontend_count; i++)
		missing_of(conf, i, backends, f);
	fclose(f);
	free(backends);
	if (size > 0)
		return text;
	free(text);
	return NULL;
}
