/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Who gets the next client: tables of boards and tallies, and the distributions that follow. */
#include "../../worker/balance.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { SERVERS = 8, WORKERS = 2 };

static struct board_server on_board[SERVERS];
static struct tally_server counts[WORKERS][SERVERS];
static struct tally tallies[WORKERS];
static struct tally *tally_list[WORKERS] = { &tallies[0], &tallies[1] };
static struct conf_server servers[SERVERS];
static struct conf_backend backend;
static struct conf conf = { .backends = &backend, .servers = servers };
static int64_t turns[SERVERS];
static struct balancer balancer = { &conf, NULL, tally_list, WORKERS, turns };
static const struct addr nobody;

void
board_read(const struct board *b, uint32_t slot, struct board_server *s_r)
{
	(void)b;
	*s_r = on_board[slot];
}

/* n servers that are up, of the same weight. */
static void
setup(void)
{
	backend = (struct conf_backend){ .servers = 4 };
	memset(counts, 0, sizeof(counts));
	memset(turns, 0, sizeof(turns));
	for (uint32_t i = 0; i < SERVERS; i++) {
		servers[i] = (struct conf_server){ .slot = i, .slots = 1 };
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

enum what { UP, DOWN, CHECKING, DRAINED, MAINT, NO_ADDRESS, FULL, BACKUP, BACKUP_DOWN, END };

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
	tcase_add_test(t, impossible_address_count);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
