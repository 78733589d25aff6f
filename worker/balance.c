/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Choosing a server.  Runs in the worker and reads two things that others write: the board (the
 * master) and the tallies (the other workers).  Their numbers are believed, indexes and sizes are
 * our own configuration's.
 */
#include "balance.h"

#include "../common/health.h"

#include <math.h>
#include <string.h>

#define SHUN_MS 2000 /* about what the checker needs to find out itself */

/* A server that may be taken, and what speaks for it. */
struct candidate {
	uint32_t slot, server;
	uint32_t weight; /* of this moment, never 0; 0: no candidate */
	uint64_t active;
	double lot; /* drawn for this client: the smallest wins */
	int doubtful;
	struct board_server state;
};

/* Which servers a look at a backend is for. */
struct wanted {
	int backup, tried;
	int doubtful;    /* those too */
	uint64_t client; /* source: what the client's address comes to */
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

/* splitmix64: every bit of the outcome hangs on every bit of x. */
static uint64_t
mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static uint64_t
mix_bytes(uint64_t h, const void *bytes, size_t n)
{
	const unsigned char *p = bytes;

	for (size_t i = 0; i < n; i++)
		h = mix(h ^ p[i]);
	return h;
}

/* xorshift128+. */
static uint64_t
throw_dice(uint64_t dice[2])
{
	uint64_t a = dice[0], b = dice[1];

	a ^= a << 23;
	dice[0] = b;
	dice[1] = a ^ b ^ a >> 17 ^ b >> 26;
	return dice[1] + b;
}

/*
 * source: the client's address; of IPv6 the network that one site has.
 */
static uint64_t
client_key(const struct addr *client)
{
	return mix_bytes(client->family, client->ip, client->family == ADDR_V6 ? 8 : 4);
}

/* The same server on every host and after every reload: by its name, in a family its address. */
static uint64_t
server_key(const struct conf_server *s, const struct board_server *state)
{
	uint64_t h = mix_bytes(0, s->name, strlen(s->name));

	return s->slots > 1 ? mix_bytes(h, state->addrs[0].ip, sizeof(state->addrs[0].ip)) : h;
}

/*
 * Drawing lots by weight: of exponentially distributed lots the smallest is a server's as often
 * as its weight says.  Where the lot hangs on client and server alone (rendezvous hashing), a
 * server that leaves moves its own clients only.
 */
static double
draw(uint64_t random, uint32_t weight)
{
	return -log(((double)(random >> 11) + 0.5) / 9007199254740992.0) / weight;
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
	c_r->doubtful = c_r->state.health == HEALTH_GOING_DOWN || b->shun[slot] > b->now;
	c_r->active = active_on(b, slot, c_r->state.elsewhere);
	if (s->max_connections && c_r->active >= s->max_connections) {
		survey->full++;
		return 0;
	}
	return 1;
}

/* Fewer connections for its weight; of equals the one that has drawn the smaller lot. */
static int
less_loaded(const struct candidate *a, const struct candidate *best)
{
	uint64_t mine = (a->active + 1) * best->weight, others = (best->active + 1) * a->weight;

	return mine < others || (mine == others && a->lot < best->lot);
}

/*
 * Smooth weighted turns (nginx's way): everybody gains its weight, the one that has most is taken
 * and pays the sum.
 */
static int
turn_of(struct balancer *b, const struct candidate *c, const struct candidate *best)
{
	b->turns[c->slot] += c->weight;
	return b->turns[c->slot] > b->turns[best->slot];
}

/* Whether c is a better choice than the best so far. */
static int
better(
    struct balancer *b, enum balance how, const struct candidate *c, const struct candidate *best)
{
	switch (how) {
	case BALANCE_ROUNDROBIN:
		return turn_of(b, c, best) || !best->weight;
	case BALANCE_SOURCE:
	case BALANCE_RANDOM:
		return !best->weight || c->lot < best->lot;
	case BALANCE_FIRST:
		return !best->weight;
	case BALANCE_LEASTCONN:
		break;
	}
	return !best->weight || less_loaded(c, best);
}

/* The best of the wanted servers; of random's two, the less loaded. */
static struct candidate
choose(struct balancer *b, const struct conf_backend *back, const struct wanted *wanted,
    const struct tried *tried, struct survey *survey)
{
	struct candidate best = { .weight = 0 }, second = { .weight = 0 }, c = { .weight = 0 };
	uint64_t sum = 0;

	for (uint32_t i = back->server; i < back->server + back->servers; i++) {
		const struct conf_server *s = &b->conf->servers[i];

		if (!s->backup != !wanted->backup)
			continue;
		for (uint32_t slot = s->slot; slot < s->slot + s->slots; slot++) {
			if (!survey_slot(b, s, slot, survey, &c) ||
			    was_tried(tried, slot) != wanted->tried ||
			    (c.doubtful && !wanted->doubtful))
				continue;
			c.server = i;
			c.lot = draw(back->balance == BALANCE_SOURCE ?
				mix(wanted->client ^ server_key(s, &c.state)) :
				throw_dice(b->dice),
			    c.weight);
			sum += c.weight;
			if (better(b, back->balance, &c, &best)) {
				second = best;
				best = c;
			} else if (!second.weight || c.lot < second.lot) {
				second = c;
			}
		}
	}
	if (best.weight && back->balance == BALANCE_ROUNDROBIN)
		b->turns[best.slot] -= (int64_t)sum;
	if (back->balance == BALANCE_RANDOM && second.weight && less_loaded(&second, &best))
		return second;
	return best;
}

/* Of the servers that are, or are not, backups: well and fresh ones first. */
static struct candidate
choose_group(struct balancer *b, const struct conf_backend *back, struct wanted wanted,
    const struct tried *tried, struct survey *survey)
{
	struct survey again;
	struct candidate best = choose(b, back, &wanted, tried, survey);

	if (!best.weight && survey->usable > survey->full) {
		wanted.doubtful = 1;
		again = (struct survey){ 0 };
		best = choose(b, back, &wanted, tried, &again);
	}
	return best;
}

enum pick
balance_pick(struct balancer *b, uint32_t backend, const struct addr *client,
    const struct tried *tried, struct choice *choice_r)
{
	const struct conf_backend *back = &b->conf->backends[backend];
	struct survey main = { 0 }, backup = { 0 };
	struct wanted wanted = { .client = client_key(client) };
	struct candidate best;

	best = choose_group(b, back, wanted, tried, &main);
	/* No other server can: there is none, or this client has been to all of them. */
	if (!best.weight && (main.usable == 0 || (tried->count > 0 && main.usable > main.full))) {
		wanted.backup = 1;
		best = choose_group(b, back, wanted, tried, &backup);
	}
	/* Everybody was tried: once more from the beginning, the trouble may be over. */
	if (!best.weight && tried->count > 0) {
		wanted.backup = main.usable == 0;
		wanted.tried = 1;
		best = choose_group(b, back, wanted, tried, &(struct survey){ 0 });
	}
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

void
balance_failed(struct balancer *b, uint32_t slot)
{
	b->shun[slot] = b->now + SHUN_MS;
}
