/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * How often the keeper may sign for each worker.  Master; from its own records alone, never from a
 * worker's numbers.
 */
#include "master/life/budget.h"

#include "master/life/generation.h"

#define AHEAD HANDOVER_MAX

/* Client certificates that one connection may have to prove on its way to a server. */
static uint32_t
attempts(const struct conf *conf)
{
	uint32_t most = 0;

	for (size_t i = 0; i < conf->backend_count; i++) {
		const struct conf_backend *b = &conf->backends[i];

		if (b->tls.on && b->tls.certificate && b->retries + 1 > most)
			most = b->retries + 1;
	}
	return most;
}

static int
is_version_1(const struct proc *keeper)
{
	return keeper->version < 2;
}

/* A keeper of version 1 knows only "so many more". */
static int
tell_version_1(struct worker *w)
{
	struct msg_grant more = { .slot = w->p.slot, .connections = AHEAD };

	if (chan_tell(&gen_of(&w->p)->keeper.chan, MSG_GRANT, &more) == -1)
		return -1;
	w->budget.told_conns += AHEAD;
	w->budget.told_tls = w->budget.tls + AHEAD;
	return 0;
}

static int
tell(struct worker *w)
{
	struct budget *b = &w->budget;
	uint64_t tries = attempts(gen_of(&w->p)->conf);
	struct msg_budget m = {
		.slot = w->p.slot,
		.as_server = { b->tls + AHEAD, w->t.has.unshaken + AHEAD },
		.as_client = { (b->conns + AHEAD) * tries, (w->t.has.count + AHEAD) * tries },
	};

	/* A keeper that does not take it is about to be replaced; the next one is told everything. */
	if (chan_tell(&gen_of(&w->p)->keeper.chan, MSG_BUDGET, &m) == -1)
		return -1;
	b->told_conns = b->conns + AHEAD;
	b->told_tls = b->tls + AHEAD;
	b->open = w->t.has.count + AHEAD;
	b->open_tls = w->t.has.unshaken + AHEAD;
	return 0;
}

int
budget_begin(struct worker *w)
{
	if (!is_version_1(&gen_of(&w->p)->keeper))
		return tell(w);
	w->budget.told_conns = w->budget.conns + w->t.batched;
	w->budget.told_tls = w->budget.tls + AHEAD;
	return 0;
}

/* Of its batch. */
static uint32_t
count_tls(const struct worker *w)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < w->t.batched; i++)
		n += w->t.batch[i]->ends_tls;
	return n;
}

void
budget_before(struct worker *w)
{
	struct budget *b = &w->budget;
	int more_conns = b->conns + w->t.batched > b->told_conns;

	if (is_version_1(&gen_of(&w->p)->keeper)) {
		if (more_conns)
			(void)tell_version_1(w);
	} else if (b->tls + count_tls(w) > b->told_tls ||
	    (more_conns && attempts(gen_of(&w->p)->conf) > 0)) {
		(void)tell(w);
	}
}

void
budget_after(struct worker *w)
{
	w->budget.conns += w->t.batched;
	w->budget.tls += count_tls(w);
}

void
budget_tick(struct generation *g)
{
	if (g->keeper.state != PROC_SERVING || is_version_1(&g->keeper))
		return;
	for (uint32_t i = 0; i < g->worker_count; i++) {
		struct worker *w = &g->workers[i];
		const struct budget *b = &w->budget;

		if ((w->p.state & (PROC_SERVING | PROC_RETIRING)) &&
		    (b->open_tls > w->t.has.unshaken + 2 * AHEAD ||
			(b->open > w->t.has.count + 2 * AHEAD && attempts(g->conf) > 0)))
			(void)tell(w);
	}
}
