/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Choosing a server.  Runs in the worker and reads two things that others write: the board (the
 * master) and the tallies (the other workers).  Their numbers are believed, indexes and sizes are
 * our own configuration's.
 */
#include "worker/conn/balance.h"

#include "common/health.h"

#include <math.h>
#include <string.h>

#define SHUN_MS 2000 /* about what the checker needs to find out itself */

/* A server that may be taken, and what speaks for it. */
struct candidate {
	uint32_t slot, server;
	uint32_t weight; /* of this moment, never 0; 0: no candidate */
	uint64_t active;
	uint64_t equals; /* leastconn: the weights of all that are as good as this one */
	double lot;      /* source, random: drawn for this client, the smallest wins */
	int doubtful;
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
server_key(const struct balancer *b, const struct conf_server *s, uint32_t slot)
{
	uint64_t h = mix_bytes(0, s->name, strlen(s->name));
	struct board_server state;

	if (s->slots == 1)
		return h;
	board_read(b->board, slot, &state);
	return mix_bytes(h, state.addrs[0].ip, sizeof(state.addrs[0].ip));
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
	struct board_server state;

	board_read_state(b->board, slot, &state);
	survey->all++;
	if (state.health == HEALTH_CHECKING && !state.admin)
		survey->checking++;
	if (!health_usable(state.health) || state.admin || !state.weight || !state.addr_count ||
	    state.addr_count > BOARD_ADDRS)
		return 0;
	survey->usable++;
	*c_r = (struct candidate){
		.slot = slot,
		.weight = state.weight,
		.equals = state.weight,
		.active = active_on(b, slot, state.elsewhere),
		.doubtful = state.health == HEALTH_GOING_DOWN || b->shun[slot] > b->now,
	};
	if (s->max_connections && c_r->active >= s->max_connections) {
		survey->full++;
		return 0;
	}
	return 1;
}

/* Below 0: a has fewer connections for its weight than b; 0: as many. */
static int
compare_load(const struct candidate *a, const struct candidate *b)
{
	uint64_t mine = (a->active + 1) * b->weight, others = (b->active + 1) * a->weight;

	return mine < others ? -1 : mine > others;
}

/*
 * The less loaded; of equals each by chance, as often as its weight says: the next one takes the
 * place of all before it with its share of their sum.
 */
static int
less_loaded(struct balancer *b, struct candidate *c, struct candidate *best)
{
	int how = best->weight ? compare_load(c, best) : -1;

	if (how != 0)
		return how < 0;
	c->equals = best->equals += c->weight;
	return throw_dice(b->dice) % c->equals < c->weight;
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
better(struct balancer *b, enum balance how, struct candidate *c, struct candidate *best)
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
	return less_loaded(b, c, best);
}

/* Where chance, or the client's address, decides; 0 where it does not. */
static double
lot_of(struct balancer *b, enum balance how, const struct wanted *wanted,
    const struct conf_server *s, const struct candidate *c)
{
	if (how == BALANCE_SOURCE)
		return draw(mix(wanted->client ^ server_key(b, s, c->slot)), c->weight);
	return how == BALANCE_RANDOM ? draw(throw_dice(b->dice), c->weight) : 0;
}

/* The best of the wanted servers; of random's two, the less loaded. */
static struct candidate
choose(struct balancer *b, const struct conf_backend *back, const struct wanted *wanted,
    const struct tried *tried, struct survey *survey)
{
	struct candidate best = { .weight = 0 }, second = { .weight = 0 }, c;
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
			c.lot = lot_of(b, back->balance, wanted, s, &c);
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
	if (back->balance == BALANCE_RANDOM && second.weight && compare_load(&second, &best) < 0)
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
	struct board_server state;
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
	board_read(b->board, best.slot, &state);
	if (!state.addr_count) /* since then its name has come to mean no address */
		return PICK_NONE;
	choice_r->addr = state.addrs[tried->count % state.addr_count];
	return PICK_SERVER;
}

void
balance_failed(struct balancer *b, uint32_t slot)
{
	b->shun[slot] = b->now + SHUN_MS;
}
