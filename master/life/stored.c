/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Running on with the configuration that a crash or a restart has left in the service manager's
 * store.  Master.  Reads what it has written itself; no file is opened.
 */
#include "master/life/stored.h"

#include "common/clock.h"
#include "common/log.h"
#include "master/bundle/bundles.h"
#include "master/door/listen.h"
#include "master/host/ids.h"
#include "master/life/say.h"
#include "master/life/status.h"
#include "master/life/succession.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* When its bundles were made: nobody has written to them since. */
static uint64_t
made_at(int bundle)
{
	struct stat st;

	if (fstat(bundle, &st) == -1)
		return real_ms();
	return (uint64_t)st.st_mtim.tv_sec * 1000 + (uint64_t)st.st_mtim.tv_nsec / 1000000;
}

/* What a generation needs beside its bundles.  Returns 0 or -1. */
static int
gather(struct master *m, const struct conf *conf, struct identity *ids)
{
	struct problems p = { 0 };
	int result;

	ids_find(conf, m->drop, &p, ids);
	listeners_prepare(&m->door, conf, &p);
	say_all(m, &p);
	result = p.errors ? -1 : 0;
	problems_clear(&p);
	if (result == -1)
		listeners_rollback(&m->door);
	return result;
}

void
stored_drop(struct master *m)
{
	bundles_close(m->stored);
}

int
stored_run(struct master *m, const char *why)
{
	struct generation last = { .m = m }, *g;
	struct identity ids[HELPER_COUNT];
	char at[STATUS_TIME];

	for (int i = 0; i < HELPER_COUNT; i++) {
		if (m->stored[i] == -1)
			return -1;
		last.bundles[i] = m->stored[i];
		m->stored[i] = -1;
	}
	last.made = made_at(last.bundles[HELPER_WORKER]);
	if (generation_read(&last) == -1 || gather(m, last.conf, ids) == -1) {
		conf_free(&last.conf);
		free(last.text);
		bundles_close(last.bundles);
		return -1;
	}
	log_say(LOG_WARNING, "running the configuration of %s; the file is refused: %s",
	    status_time(last.made, at), why);
	g = succession_begin(m, last.conf, last.text, ids, last.bundles);
	if (!g) {
		listeners_rollback(&m->door);
		return -1;
	}
	g->made = last.made;
	g->stored = 1;
	succession_progress(g);
	return 0;
}
