/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Working out how we are, for the service manager.  Master. */
#include "master/life/manager.h"

#include "master/host/notify.h"
#include "master/life/counts.h"
#include "master/life/master.h"
#include "master/servers/missing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATUS_MS 1000

/* "3 of 4 servers up, 120 connections", and the last reload's error. */
static void
say_status(struct master *m)
{
	struct server_count c = { 0 };
	char text[sizeof(m->manager.status)], brief[160];
	char *missing = NULL, up[64], lack[64] = "";

	if (m->current) {
		c = servers_count(&m->current->servers, UINT32_MAX);
		missing = missing_servers(&m->current->servers);
	}
	snprintf(up, sizeof(up), "STATUS=%u of %u servers up", c.serving, c.all);
	if (missing)
		snprintf(lack, sizeof(lack), "; no server for %.40s%s", missing,
		    strlen(missing) > 40 ? "..." : "");
	free(missing);
	if (m->reloads[RELOAD_FILE].errors.count && !m->stopping)
		snprintf(text, sizeof(text), "%s%s; not reloaded: %s", up, lack,
		    errors_brief(&m->reloads[RELOAD_FILE].errors, brief, sizeof(brief)));
	else
		snprintf(text, sizeof(text), "%s, %zu connections%s%s", up, counts_all(m),
		    m->stopping ? ", stopping" : "", lack);
	if (strcmp(text, m->manager.status) == 0)
		return;
	memcpy(m->manager.status, text, sizeof(text));
	notify_send(m->notify, text, -1);
}

/*
 * The loop runs, or we would not be here; and of each kind there is a child that serves.  One that
 * does not answer is killed by watchdog_tick, and serves no more.
 */
static int
is_alive(const struct master *m)
{
	const struct generation *g = m->current;

	if (m->stopping)
		return 1;
	if (!g || g->keeper.state != PROC_SERVING || g->checker.state != PROC_SERVING)
		return 0;
	for (uint32_t i = 0; i < g->worker_count; i++)
		if (g->workers[i].p.state == PROC_SERVING)
			return 1;
	return 0;
}

void
manager_tick(struct master *m)
{
	uint64_t now = loop_now(m->loop), watchdog = notify_watchdog(m->notify);

	if (!m->notify)
		return;
	if (watchdog && now - m->manager.alive >= watchdog && is_alive(m)) {
		m->manager.alive = now;
		notify_send(m->notify, "WATCHDOG=1", -1);
	}
	if (now - m->manager.looked >= STATUS_MS) {
		m->manager.looked = now;
		say_status(m);
	}
}
