/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Who gets the next client: tables of boards and tallies, and the distributions that follow. */
#include "common/tally.h"
#include "worker/conn/balance.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { SERVERS = 8, WORKERS = 2 };

static struct board_server on_board[SERVERS];
static struct tally_server counts[WORKERS][SERVERS];
static struct tally tallies[WORKERS];
static struct tally *tally_list[WORKERS] = { &tallies[0], &tallies[1] };
static struct conf_server servers[SERVERS];
static const char *const names[SERVERS] = { "a1", "a2", "a3", "a4", "b1", "b2", "b3", "b4" };
static struct conf_backend backend;
static struct conf conf = { .backends = &backend, .servers = servers };
static int64_t turns[SERVERS];
static uint64_t shun[SERVERS];
static struct balancer balancer = { &conf, NULL, tally_list, WORKERS, turns, shun, 0, { 0, 0 } };
static const struct addr nobody;

void
board_read(const struct board *b, uint32_t slot, struct board_server *s_r)
{
	(void)b;
	*s_r = on_board[slot];
}

void
board_read_state(const struct board *b, uint32_t slot, struct board_server *s_r)
{
	(void)b;
	*s_r = on_board[slot];
	memset(s_r->addrs, 0xee, sizeof(s_r->addrs)); /* not to be looked at */
}

/* n servers that are up, of the same weight. */
static void
setup(void)
{
	backend = (struct conf_backend){ .servers = 4 };
	memset(counts, 0, sizeof(counts));
	memset(turns, 0, sizeof(turns));
	memset(shun, 0, sizeof(shun));
	balancer.now = 1000;
	balancer.dice[0] = 1; /* the same throws in every test */
	balancer.dice[1] = 2;
	for (uint32_t i = 0; i < SERVERS; i++) {
		servers[i] = (struct conf_server){ .name = names[i], .slot = i, .slots = 1 };
		on_board[i] = (struct board_server){
			.health = HEALTH_UP,
			.weight = 256,
			.addr_count = 2,
			.addrs = { { .port = (uint16_t)(100 + i) },
			    { .port = (uint16_t)(200 + i) } },
		};
	}
	for (int i = 0; i < WORKERS; i++)
		tallies[i].servers = counts[i];
}

/* A client comes and stays: with worker 0 or 1 in turn. */
static enum pick
come(struct choice *c_r)
{
	static unsigned worker;
	const struct tried none = { .count = 0 };
	enum pick pick = balance_pick(&balancer, 0, &nobody, &none, c_r);

	if (pick == PICK_SERVER)
		counts[worker++ % WORKERS][c_r->slot].active++;
	return pick;
}

static uint32_t
active(uint32_t slot)
{
	return counts[0][slot].active + counts[1][slot].active;
}

/* leastconn and roundrobin both follow the weights exactly when everybody stays. */
static const struct {
	enum balance balance;
	uint32_t weights[4];
	uint32_t clients;
	uint32_t expect[4];
} shares[] = {
	{ BALANCE_LEASTCONN, { 256, 256, 256, 256 }, 400, { 100, 100, 100, 100 } },
	{ BALANCE_LEASTCONN, { 512, 256, 256, 0 }, 400, { 200, 100, 100, 0 } },
	{ BALANCE_LEASTCONN, { 768, 256, 0, 0 }, 400, { 300, 100, 0, 0 } },
	{ BALANCE_ROUNDROBIN, { 256, 256, 256, 256 }, 400, { 100, 100, 100, 100 } },
	{ BALANCE_ROUNDROBIN, { 1280, 256, 256, 256 }, 800, { 500, 100, 100, 100 } },
	{ BALANCE_ROUNDROBIN, { 0, 0, 256, 0 }, 10, { 0, 0, 10, 0 } },
};

START_TEST(follows_weights)
{
	struct choice c;

	backend.balance = shares[_i].balance;
	for (uint32_t i = 0; i < 4; i++)
		on_board[i].weight = shares[_i].weights[i];
	for (uint32_t n = 0; n < shares[_i].clients; n++)
		ck_assert_int_eq(come(&c), PICK_SERVER);
	for (uint32_t i = 0; i < 4; i++)
		ck_assert_uint_eq(active(i), shares[_i].expect[i]);
}
END_TEST

/* Smooth: the heavy server's turns are spread between the others'. */
START_TEST(roundrobin_is_smooth)
{
	const uint32_t expect[] = { 0, 0, 1, 0, 2, 0, 0 };
	struct choice c;

	backend.balance = BALANCE_ROUNDROBIN;
	backend.servers = 3;
	on_board[0].weight = 5 * 256;
	for (size_t i = 0; i < 7; i++) {
		ck_assert_int_eq(come(&c), PICK_SERVER);
		ck_assert_uint_eq(c.slot, expect[i]);
	}
}
END_TEST

START_TEST(other_workers_and_generations_count)
{
	struct choice c;

	backend.servers = 3;
	counts[1][0].active = 10;
	on_board[1].elsewhere = 10;
	counts[0][2].active = 9;
	ck_assert_int_eq(come(&c), PICK_SERVER);
	ck_assert_uint_eq(c.slot, 2);
}
END_TEST

enum what {
	UP,
	DOWN,
	GOING_DOWN,
	CHECKING,
	DRAINED,
	MAINT,
	NO_ADDRESS,
	FULL,
	BACKUP,
	BACKUP_DOWN,
	END
};

/* What a backend of such servers answers; slot: the one that is taken. */
static const struct {
	enum what servers[5];
	enum pick expect;
	uint32_t slot;
} boards[] = {
	{ { UP, DOWN, END }, PICK_SERVER, 0 },
	{ { DOWN, UP, END }, PICK_SERVER, 1 },
	{ { DOWN, DOWN, END }, PICK_NONE, 0 },
	{ { DRAINED, MAINT, UP, END }, PICK_SERVER, 2 },
	{ { NO_ADDRESS, UP, END }, PICK_SERVER, 1 },
	{ { NO_ADDRESS, END }, PICK_NONE, 0 },
	{ { CHECKING, CHECKING, END }, PICK_CHECKING, 0 },
	{ { CHECKING, DOWN, END }, PICK_NONE, 0 },
	{ { CHECKING, UP, END }, PICK_SERVER, 1 },
	{ { GOING_DOWN, UP, END }, PICK_SERVER, 1 },
	{ { GOING_DOWN, DOWN, END }, PICK_SERVER, 0 },
	{ { GOING_DOWN, FULL, END }, PICK_SERVER, 0 },
	{ { GOING_DOWN, BACKUP, END }, PICK_SERVER, 0 },
	{ { FULL, UP, END }, PICK_SERVER, 1 },
	{ { FULL, DOWN, END }, PICK_FULL, 0 },
	{ { UP, BACKUP, END }, PICK_SERVER, 0 },
	{ { DOWN, BACKUP, END }, PICK_SERVER, 1 },
	{ { FULL, BACKUP, END }, PICK_FULL, 0 },
	{ { DOWN, BACKUP_DOWN, END }, PICK_NONE, 0 },
	{ { CHECKING, BACKUP, END }, PICK_SERVER, 1 },
	{ { END }, PICK_NONE, 0 },
};

START_TEST(state_of_the_board)
{
	struct choice c;
	uint32_t n;

	for (n = 0; boards[_i].servers[n] != END; n++) {
		struct board_server *s = &on_board[n];

		switch (boards[_i].servers[n]) {
		case DOWN:
		case BACKUP_DOWN:
			s->health = HEALTH_DOWN;
			break;
		case GOING_DOWN:
			s->health = HEALTH_GOING_DOWN;
			break;
		case CHECKING:
			s->health = HEALTH_CHECKING;
			break;
		case DRAINED:
			s->admin = ADMIN_DRAIN;
			break;
		case MAINT:
			s->admin = ADMIN_MAINT;
			break;
		case NO_ADDRESS:
			s->addr_count = 0;
			break;
		case FULL:
			servers[n].max_connections = 2;
			counts[0][n].active = counts[1][n].active = 1;
			break;
		default:
			break;
		}
		servers[n].backup = boards[_i].servers[n] >= BACKUP;
	}
	backend.servers = n;
	ck_assert_int_eq(come(&c), boards[_i].expect);
	if (boards[_i].expect == PICK_SERVER)
		ck_assert_uint_eq(c.slot, boards[_i].slot);
}
END_TEST

/* Those that were tried in vain come last, and then with their next address. */
START_TEST(tried_come_last)
{
	struct tried tried = { .count = 0 };
	struct choice c;
	uint32_t seen = 0;

	backend.servers = 3;
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(balance_pick(&balancer, 0, &nobody, &tried, &c), PICK_SERVER);
		seen |= 1u << c.slot;
		tried.slots[tried.count++] = c.slot;
	}
	ck_assert_uint_eq(seen, 7);
	ck_assert_int_eq(balance_pick(&balancer, 0, &nobody, &tried, &c), PICK_SERVER);
	ck_assert_uint_eq(c.addr.port, 200 + c.slot);
}
END_TEST

/* A server that has just failed is left alone for a while, unless there is no other. */
START_TEST(failed_comes_later)
{
	struct choice c;

	backend.servers = 2;
	counts[0][1].active = 50;
	balance_failed(&balancer, 0);
	ck_assert_int_eq(come(&c), PICK_SERVER);
	ck_assert_uint_eq(c.slot, 1);
	balance_failed(&balancer, 1);
	ck_assert_int_eq(come(&c), PICK_SERVER);
	ck_assert_uint_eq(c.slot, 0);
	balancer.now += 10000;
	ck_assert_int_eq(come(&c), PICK_SERVER);
	ck_assert_uint_eq(c.slot, 0);
}
END_TEST

/* Clients that do not stay: equals share them, and none is the first by habit. */
START_TEST(leastconn_of_idle_servers)
{
	const struct tried none = { .count = 0 };
	uint32_t got[4] = { 0 };
	struct choice c;

	for (int n = 0; n < 4000; n++) {
		ck_assert_int_eq(balance_pick(&balancer, 0, &nobody, &none, &c), PICK_SERVER);
		got[c.slot]++;
	}
	for (int i = 0; i < 4; i++)
		ck_assert(got[i] > 900 && got[i] < 1100);
}
END_TEST

/* The first server that has room. */
START_TEST(first_fills_up)
{
	const uint32_t expect[] = { 0, 0, 1, 1, 1, 2 };
	struct choice c;

	backend.balance = BALANCE_FIRST;
	servers[0].max_connections = 2;
	servers[1].max_connections = 3;
	for (size_t i = 0; i < 6; i++) {
		ck_assert_int_eq(come(&c), PICK_SERVER);
		ck_assert_uint_eq(c.slot, expect[i]);
	}
	counts[0][0].active = 0;
	ck_assert_int_eq(come(&c), PICK_SERVER);
	ck_assert_uint_eq(c.slot, 0);
}
END_TEST

enum { CLIENTS = 20000 };

/* Where a source address goes: client n of 20,000, in a block of addresses or of IPv6 networks. */
static uint32_t
home(uint32_t n, uint8_t family)
{
	const struct tried none = { .count = 0 };
	struct addr a = { .family = family };
	struct choice c;
	size_t low = family == ADDR_V6 ? 5 : 1;

	a.ip[0] = family == ADDR_V6 ? 0x20 : 10;
	a.ip[low] = (uint8_t)(n >> 16);
	a.ip[low + 1] = (uint8_t)(n >> 8);
	a.ip[low + 2] = (uint8_t)n;
	ck_assert_int_eq(balance_pick(&balancer, 0, &a, &none, &c), PICK_SERVER);
	return c.slot;
}

/* Whatever the port, and of one site's IPv6 network whatever the host: the same server. */
START_TEST(source_of_a_site)
{
	const struct tried none = { .count = 0 };
	struct addr a = { .family = ADDR_V6, .ip = { 0x20, 1 } };
	struct choice c, first;

	backend.balance = BALANCE_SOURCE;
	ck_assert_int_eq(balance_pick(&balancer, 0, &a, &none, &first), PICK_SERVER);
	for (int n = 0; n < 100; n++) {
		a.ip[8 + n % 8]++;
		a.port++;
		ck_assert_int_eq(balance_pick(&balancer, 0, &a, &none, &c), PICK_SERVER);
		ck_assert_uint_eq(c.slot, first.slot);
	}
}
END_TEST

/* Shares of source follow the weights within a few in a hundred. */
static const struct {
	uint8_t family;
	uint32_t weights[4];
} sources[] = {
	{ ADDR_V4, { 1, 1, 1, 1 } },
	{ ADDR_V6, { 1, 1, 1, 1 } },
	{ ADDR_V4, { 4, 2, 1, 1 } },
	{ ADDR_V4, { 1, 0, 1, 0 } },
};

START_TEST(source_shares)
{
	uint32_t got[4] = { 0 }, sum = 0;

	backend.balance = BALANCE_SOURCE;
	for (int i = 0; i < 4; i++) {
		on_board[i].weight = 256 * sources[_i].weights[i];
		sum += sources[_i].weights[i];
	}
	for (uint32_t n = 0; n < CLIENTS; n++)
		got[home(n, sources[_i].family)]++;
	for (int i = 0; i < 4; i++) {
		double expected = (double)CLIENTS * sources[_i].weights[i] / sum;

		ck_assert_double_ge(got[i], 0.95 * expected);
		ck_assert_double_le(got[i], 1.05 * expected);
	}
}
END_TEST

/*
 * A server leaves, another comes: whoever moves, moves from the one or to the other, and the
 * share of those that move is the share of that server.
 */
START_TEST(source_is_stable)
{
	static uint32_t before[CLIENTS];
	uint32_t moved = 0, at;

	backend.balance = BALANCE_SOURCE;
	for (uint32_t n = 0; n < CLIENTS; n++)
		before[n] = home(n, ADDR_V4);
	on_board[2].health = HEALTH_DOWN;
	for (uint32_t n = 0; n < CLIENTS; n++) {
		at = home(n, ADDR_V4);
		ck_assert(at == before[n] || before[n] == 2);
		moved += at != before[n];
	}
	ck_assert_double_eq_tol((double)moved / CLIENTS, 0.25, 0.01);
	on_board[2].health = HEALTH_UP;
	backend.servers = 5;
	moved = 0;
	for (uint32_t n = 0; n < CLIENTS; n++) {
		at = home(n, ADDR_V4);
		ck_assert(at == before[n] || at == 4);
		moved += at != before[n];
	}
	ck_assert_double_eq_tol((double)moved / CLIENTS, 0.2, 0.01);
}
END_TEST

/* The choice hangs on names, not on places: another order in the file moves nobody. */
START_TEST(source_goes_by_name)
{
	uint32_t before[1000];

	backend.balance = BALANCE_SOURCE;
	for (uint32_t n = 0; n < 1000; n++)
		before[n] = home(n, ADDR_V4);
	for (uint32_t i = 0; i < 4; i++)
		servers[i].name = names[3 - i];
	for (uint32_t n = 0; n < 1000; n++)
		ck_assert_uint_eq(home(n, ADDR_V4), 3 - before[n]);
}
END_TEST

/* A family of addresses under one name: its members share, by address. */
START_TEST(source_in_a_family)
{
	uint32_t before[1000], got[4] = { 0 };

	backend.balance = BALANCE_SOURCE;
	backend.servers = 1;
	servers[0].slots = 4;
	for (int i = 0; i < 4; i++)
		on_board[i].addrs[0] =
		    (struct addr){ .family = ADDR_V4, .ip = { 10, 0, 0, (uint8_t)i } };
	for (uint32_t n = 0; n < 1000; n++)
		got[before[n] = home(n, ADDR_V4)]++;
	for (int i = 0; i < 4; i++)
		ck_assert(got[i] > 200 && got[i] < 300);
	/* The same addresses in other places. */
	for (int i = 0; i < 4; i++)
		on_board[i].addrs[0].ip[3] = (uint8_t)(3 - i);
	for (uint32_t n = 0; n < 1000; n++)
		ck_assert_uint_eq(home(n, ADDR_V4), 3 - before[n]);
}
END_TEST

/* Two random servers, the less loaded of them: far more even than one random server. */
START_TEST(random_is_even)
{
	uint32_t least = UINT32_MAX, most = 0;
	struct choice c;

	backend.balance = BALANCE_RANDOM;
	backend.servers = 8;
	for (int n = 0; n < 8000; n++)
		ck_assert_int_eq(come(&c), PICK_SERVER);
	for (uint32_t i = 0; i < 8; i++) {
		least = active(i) < least ? active(i) : least;
		most = active(i) > most ? active(i) : most;
	}
	/* One random choice would be about 180 apart (three standard deviations each way). */
	ck_assert_uint_le(most - least, 10);
}
END_TEST

/* The less loaded is the one with fewer connections for its weight. */
START_TEST(random_by_weight)
{
	const struct tried none = { .count = 0 };
	uint32_t got[2] = { 0 };
	struct choice c;

	backend.balance = BALANCE_RANDOM;
	backend.servers = 1;
	ck_assert_int_eq(balance_pick(&balancer, 0, &nobody, &none, &c), PICK_SERVER);
	backend.servers = 3;
	on_board[0].weight = 3 * 256;
	on_board[2].weight = 0;
	for (int n = 0; n < 400; n++) {
		ck_assert_int_eq(come(&c), PICK_SERVER);
		got[c.slot]++;
	}
	ck_assert_double_eq_tol(got[0], 300, 2);
	ck_assert_double_eq_tol(got[1], 100, 2);
}
END_TEST

/* Whoever has been to all servers in vain is taken by a backup. */
START_TEST(backup_after_all_others)
{
	struct tried tried = { .count = 0 };
	struct choice c;

	backend.servers = 3;
	servers[2].backup = 1;
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(balance_pick(&balancer, 0, &nobody, &tried, &c), PICK_SERVER);
		ck_assert_uint_lt(c.slot, 2);
		tried.slots[tried.count++] = c.slot;
	}
	ck_assert_int_eq(balance_pick(&balancer, 0, &nobody, &tried, &c), PICK_SERVER);
	ck_assert_uint_eq(c.slot, 2);
	tried.slots[tried.count++] = c.slot;
	ck_assert_int_eq(balance_pick(&balancer, 0, &nobody, &tried, &c), PICK_SERVER);
	ck_assert_uint_lt(c.slot, 2);
	/* One that is full is no reason to use a backup. */
	servers[0].max_connections = servers[1].max_connections = 1;
	counts[0][0].active = counts[0][1].active = 1;
	ck_assert_int_eq(balance_pick(&balancer, 0, &nobody, &tried, &c), PICK_FULL);
}
END_TEST

/* A board that was written over cannot lead outside an array. */
START_TEST(impossible_address_count)
{
	struct choice c;

	backend.servers = 1;
	on_board[0].addr_count = BOARD_ADDRS + 1;
	ck_assert_int_eq(come(&c), PICK_NONE);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("balance");
	TCase *t = tcase_create("balance");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_loop_test(t, follows_weights, 0, sizeof(shares) / sizeof(shares[0]));
	tcase_add_test(t, roundrobin_is_smooth);
	tcase_add_test(t, other_workers_and_generations_count);
	tcase_add_loop_test(t, state_of_the_board, 0, sizeof(boards) / sizeof(boards[0]));
	tcase_add_test(t, tried_come_last);
	tcase_add_test(t, backup_after_all_others);
	tcase_add_test(t, failed_comes_later);
	tcase_add_test(t, leastconn_of_idle_servers);
	tcase_add_test(t, first_fills_up);
	tcase_add_test(t, source_of_a_site);
	tcase_add_loop_test(t, source_shares, 0, sizeof(sources) / sizeof(sources[0]));
	tcase_add_test(t, source_is_stable);
	tcase_add_test(t, source_goes_by_name);
	tcase_add_test(t, source_in_a_family);
	tcase_add_test(t, random_is_even);
	tcase_add_test(t, random_by_weight);
	tcase_add_test(t, impossible_address_count);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
