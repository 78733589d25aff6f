/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Choosing a server.  Runs in the worker and reads two things that others write: the board (the
 * master) and the tallies (the other workers).  Their numbers are believed, indexes and sizes are
 * our own configuration's.
 */
#include "balance.h"

#include "../common/health.h"

/* A server that may be taken, and what speaks for it. */
struct candidate {
	uint32_t slot, server;
	uint32_t weight; /* of this moment, never 0 */
	uint64_t active;
	struct board_server state;
};

/* What is known of a backend after looking at all of its servers. */
struct survey {
	uint32_t usable, full, checking, all;
};

static uint64_t
active_on(const struct balancer *b, uint32_t slot, uint32_t elsewhere)
{
	uint64_t sum = elsewhere;

	for (size_t i = 0; i < b->tally_count; i++)
		sum += atomic_load_explicit(
		    &b->tallies[i]->servers[slot].active, memory_order_relaxed);
	return sum;
}

static int
was_tried(const struct tried *t, uint32_t slot)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->slots[i] == slot)
			return 1;
	return 0;
}

/*
 * Look at one slot.  Returns 1 if it may be taken now: healthy, not in drain or maintenance, with a
 * weight, an address and room.
 */
static int
survey_slot(const struct balancer *b, const struct conf_server *s, uint32_t slot,
    struct survey *survey, struct candidate *c_r)
{
	board_read(b->board, slot, &c_r->state);
	survey->all++;
	if (c_r->state.health == HEALTH_CHECKING && !c_r->state.admin)
		survey->checking++;
	if (!health_usable(c_r->state.health) || c_r->state.admin || !c_r->state.weight ||
	    !c_r->state.addr_count || c_r->state.addr_count > BOARD_ADDRS)
		return 0;
	survey->usable++;
	c_r->slot = slot;
	c_r->weight = c_r->state.weight;
	c_r->active = active_on(b, slot, c_r->state.elsewhere);
	if (s->max_connections && c_r->active >= s->max_connections) {
		survey->full++;
		return 0;
	}
	return 1;
}

/* Whether a is the better choice than the best so far: fewer connections for its weight. */
static int
less_loaded(const struct candidate *a, const struct candidate *best)
{
	return (a->active + 1) * best->weight < (best->active + 1) * a->weight;
}

/*
 * Smooth weighted turns (nginx's way): everybody gains its weight, the one that has most is taken
 * and pays the sum.
 */
static int
turn_of(struct balancer *b, const struct candidate *c, const struct candidate *best)
{
	b->turns[c->slot] += c->weight;
	return !best->weight || b->turns[c->slot] > b->turns[best->slot];
}

/* The best of the servers that are, or are not, backups and were, or were not, tried. */
static struct candidate
choose(struct balancer *b, const struct conf_backend *back, int backup, const struct tried *tried,
    int retry, struct survey *survey)
{
	struct candidate best = { .weight = 0 }, c;
	uint64_t sum = 0;

	for (uint32_t i = back->server; i < back->server + back->servers; i++) {
		const struct conf_server *s = &b->conf->servers[i];

		if (!s->backup != !backup)
			continue;
		for (uint32_t slot = s->slot; slot < s->slot + s->slots; slot++) {
			if (!survey_slot(b, s, slot, survey, &c) || was_tried(tried, slot) != retry)
				continue;
			c.server = i;
			sum += c.weight;
			if (back->balance == BALANCE_ROUNDROBIN ?
				turn_of(b, &c, &best) :
				!best.weight || less_loaded(&c, &best))
				best = c;
		}
	}
	if (best.weight && back->balance == BALANCE_ROUNDROBIN)
		b->turns[best.slot] -= (int64_t)sum;
	return best;
}

enum pick
balance_pick(struct balancer *b, uint32_t backend, const struct addr *client,
    const struct tried *tried, struct choice *choice_r)
{
	const struct conf_backend *back = &b->conf->backends[backend];
	struct survey main = { 0 }, backup = { 0 };
	struct candidate best;

	(void)client;
	best = choose(b, back, 0, tried, 0, &main);
	if (!best.weight && main.usable == 0)
		best = choose(b, back, 1, tried, 0, &backup);
	/* Everybody was tried: once more from the beginning, the trouble may be over. */
	if (!best.weight && tried->count > 0)
		best = choose(b, back, main.usable == 0, tried, 1, &(struct survey){ 0 });
	if (!best.weight) {
		if (main.checking + backup.checking > 0 &&
		    main.checking + backup.checking == main.all + backup.all)
			return PICK_CHECKING;
		return main.full + backup.full > 0 ? PICK_FULL : PICK_NONE;
	}
	choice_r->slot = best.slot;
	choice_r->server = best.server;
	choice_r->addr = best.state.addrs[tried->count % best.state.addr_count];
	return PICK_SERVER;
}
