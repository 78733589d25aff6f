/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What happens to a child, and what the door asks, goes from here to those whose business it is.
 * Master.
 */
#include "master/life/children.h"

#include "common/container.h"
#include "common/tally.h"
#include "master/door/accept.h"
#include "master/door/handover.h"
#include "master/door/keep.h"
#include "master/life/budget.h"
#include "master/life/from_checker.h"
#include "master/life/from_keeper.h"
#include "master/life/from_worker.h"
#include "master/life/kept.h"
#include "master/life/outfit.h"
#include "master/life/succession.h"

static struct worker *
worker_of(struct proc *p)
{
	return CONTAINER(p, struct worker, p);
}

static void
on_serves(struct proc *p)
{
	succession_serves(gen_of(p), p);
}

static void
on_complains(struct proc *p, const char *text, int contents)
{
	if (contents)
		gen_of(p)->m->wrong = 1;
	generation_complain(gen_of(p), text);
}

static void
on_rebirth(struct proc *p)
{
	succession_progress(gen_of(p));
}

static void
on_nothing(struct proc *p)
{
	(void)p;
}

/* ---- Workers ---- */

static void
on_worker_heard(struct proc *p)
{
	accept_resume(&gen_of(p)->m->door);
}

static void
on_worker_ending(struct proc *p)
{
	door_leave(&worker_of(p)->t);
}

/* Its tally goes on with its successor: what it had open is closed now. */
static void
forget_active(const struct worker *w)
{
	const struct conf *conf = gen_of(&w->p)->conf;
	struct tally *t =
	    tally_map(w->tally_fd, (uint32_t)conf->frontend_count, conf->slot_count, 1);

	if (!t)
		return;
	for (uint32_t i = 0; i < conf->slot_count; i++)
		atomic_store(&t->servers[i].active, 0);
	for (size_t i = 0; i < conf->frontend_count; i++)
		atomic_store(&t->frontends[i].active, 0);
	tally_unmap(&t);
}

static void
on_worker_died(struct proc *p)
{
	struct worker *w = worker_of(p);

	door_leave(&w->t);
	kept_forget_worker(w);
	handover_lost(&w->t);
	forget_active(w);
	succession_died(gen_of(p), p);
}

static const struct proc_owner worker = {
	.outfit = outfit_worker,
	.receive = from_worker,
	.serves = on_serves,
	.heard = on_worker_heard,
	.complains = on_complains,
	.ending = on_worker_ending,
	.died = on_worker_died,
	.rebirth = on_rebirth,
};

/* ---- Checker and keeper ---- */

static void
on_checker_died(struct proc *p)
{
	reports_close(gen_of(p));
	succession_died(gen_of(p), p);
}

static void
on_keeper_died(struct proc *p)
{
	succession_died(gen_of(p), p);
}

static const struct proc_owner checker = {
	.outfit = outfit_checker,
	.receive = from_checker,
	.serves = on_serves,
	.heard = on_nothing,
	.complains = on_complains,
	.ending = on_nothing,
	.died = on_checker_died,
	.rebirth = on_rebirth,
};

static const struct proc_owner keeper = {
	.outfit = outfit_keeper,
	.receive = from_keeper,
	.serves = on_serves,
	.heard = on_nothing,
	.complains = on_complains,
	.ending = on_nothing,
	.died = on_keeper_died,
	.rebirth = on_rebirth,
};

const struct proc_owner *const children[HELPER_COUNT] = {
	[HELPER_WORKER] = &worker,
	[HELPER_CHECKER] = &checker,
	[HELPER_KEEPER] = &keeper,
};

/* ---- The door ---- */

static int
on_signs(struct door *d)
{
	const struct generation *g = CONTAINER(d, struct master, door)->current;

	return g && g->keeper.state == PROC_SERVING;
}

static void
on_handing(struct taker *t)
{
	budget_before(CONTAINER(t, struct worker, t));
}

static void
on_handed(struct taker *t)
{
	budget_after(CONTAINER(t, struct worker, t));
}

static void
on_keeps(struct door *d, const struct listener *l, int is_kept)
{
	struct master *m = CONTAINER(d, struct master, door);

	if (is_kept)
		keep_listener(m->notify, l);
	else
		keep_forget_listener(m->notify, l);
}

const struct door_owner children_door = {
	.signs = on_signs,
	.handing = on_handing,
	.handed = on_handed,
	.keeps = on_keeps,
};

/* ---- Servers ---- */

static uint32_t
on_active(const struct servers *s, uint32_t slot)
{
	const struct generation *g = s->of;
	uint32_t sum = 0;

	for (uint32_t i = 0; i < g->worker_count; i++)
		if (g->workers[i].tally)
			sum += atomic_load_explicit(
			    &g->workers[i].tally->servers[slot].active, memory_order_relaxed);
	return sum;
}

const struct servers_owner children_servers = {
	.active = on_active,
};
