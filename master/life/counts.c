/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Open connections, added up.  Master; a worker's numbers are believed, its layout is not. */
#include "master/life/counts.h"

#include "common/tally.h"
#include "master/life/generation.h"

size_t
counts_worker(const struct worker *w)
{
	size_t sum = 0;

	if (!gen_of(&w->p)->orphaned)
		return w->t.has.count;
	for (size_t i = 0; w->tally && i < gen_of(&w->p)->conf->frontend_count; i++)
		sum += atomic_load_explicit(&w->tally->frontends[i].active, memory_order_relaxed);
	return sum;
}

size_t
counts_all(const struct master *m)
{
	size_t sum = m->door.conns.count;
	const struct generation *g;

	TAILQ_FOREACH(g, &m->generations, link)
	for (uint32_t i = 0; g->orphaned && i < g->worker_count; i++)
		sum += counts_worker(&g->workers[i]);
	return sum;
}
