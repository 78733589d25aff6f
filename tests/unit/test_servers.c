/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Server states: what checks make of them, what the log says, what outlives a reload. */
#include "common/clock.h"
#include "common/log.h"
#include "common/mail/reason.h"
#include "common/tally.h"
#include "master/servers/servers.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t now = 1000000;

uint64_t
real_ms(void)
{
	return now;
}

uint64_t
mono_ms(void)
{
	return now;
}

/* ---- One backend: a literal server, a backup, a name with all its addresses ---- */

static struct conf_backend backends[] = {
	{ .name = "b",
	    .slowstart = 10000,
	    .on_down_close = 1,
	    .on_up_close_backup = 1,
	    .check = { .type = CHECK_IMAP, .rise = 2, .fall = 3 } },
};
static struct conf_server servers[] = {
	{ .name = "one", .addr = { .port = 143, .family = ADDR_V4 }, .weight = 100, .slots = 1 },
	{ .name = "two",
	    .addr = { .port = 143, .family = ADDR_V6 },
	    .weight = 50,
	    .backup = 1,
	    .slot = 1,
	    .slots = 1 },
	{ .name = "all",
	    .host = "x",
	    .addr = { .port = 143 },
	    .weight = 100,
	    .resolve = RESOLVE_ALL,
	    .slot = 2,
	    .slots = CONF_FAMILY },
};
#define SLOTS (2 + CONF_FAMILY)
static struct conf conf = { .backends = backends,
	.backend_count = 1,
	.servers = servers,
	.server_count = 3,
	.slot_count = SLOTS };

static struct master m;
static struct generation g;
static int log_fds[2], board_fd;

static void
setup(void)
{
	memset(&m, 0, sizeof(m));
	memset(&g, 0, sizeof(g));
	TAILQ_INIT(&m.generations);
	g.m = &m;
	g.conf = &conf;
	g.state = GEN_CURRENT;
	g.servers = servers_new(&conf);
	g.board = board_new(SLOTS, &board_fd);
	ck_assert(g.servers && g.board);
	TAILQ_INSERT_TAIL(&m.generations, &g, link);
	m.current = &g;
	ck_assert_int_eq(pipe2(log_fds, O_NONBLOCK), 0);
	log_open(log_fds[1], LOG_INFO, 0, 0);
}

static void
teardown(void)
{
	free(g.servers);
	board_unmap(&g.board);
	close(board_fd);
	close(log_fds[0]);
	close(log_fds[1]);
}

static const char *
logged(void)
{
	static char buf[8192];
	ssize_t n = read(log_fds[0], buf, sizeof(buf) - 1);

	buf[n > 0 ? n : 0] = '\0';
	return buf;
}

static void
result(uint32_t slot, int ok, const char *why)
{
	struct report r = { .type = REPORT_RESULT,
		.server = slot,
		.status = ok ? CHECK_L7OK : CHECK_L4CON,
		.ok = (uint32_t)ok,
		.ms = 7 };

	reason_set(&r.found, REASON_OTHER, 0, why);
	servers_checked(&g, slot, &r);
}

static struct board_server
board(uint32_t slot)
{
	struct board_server s;

	board_read(g.board, slot, &s);
	return s;
}

START_TEST(disabled_and_unchecked)
{
	struct server *again;
	struct generation next = { .m = &m, .conf = &conf };

	/* Neither is waited for, nor is there a check. */
	ck_assert(!servers_settled(&g));
	servers[0].unchecked = 1;
	servers[1].disabled = 1;
	again = servers_new(&conf);
	ck_assert(server_serves(&again[0]));
	ck_assert_int_eq(again[0].status, CHECK_UNKNOWN);
	ck_assert_uint_eq(again[1].admin, ADMIN_MAINT);
	ck_assert(!server_serves(&again[1]));
	next.servers = again;
	again[2].status = CHECK_L7OK;
	ck_assert(servers_settled(&next));
	free(again);
	servers[0].unchecked = servers[1].disabled = 0;
}
END_TEST

START_TEST(first_good_check_is_up)
{
	ck_assert_int_eq(servers_settled(&g), 0);
	ck_assert(!server_serves(&g.servers[0]));
	result(0, 1, "serves");
	ck_assert(server_serves(&g.servers[0]));
	ck_assert_str_eq(
	    logged(), "<5>server=b/one state=up was=checking why=\"serves\" ms=7 up=1/2\n");
	ck_assert_uint_eq(board(0).health, HEALTH_UP);
	ck_assert_uint_eq(board(0).addr_count, 1);
	/* One that was never down does not start slowly. */
	ck_assert_uint_eq(board(0).weight, 100 * 256);
}
END_TEST

START_TEST(falls_and_rises_as_configured)
{
	result(0, 1, "serves");
	(void)logged();
	result(0, 0, "connection refused");
	result(0, 0, "connection refused");
	ck_assert(server_serves(&g.servers[0]));
	ck_assert_str_eq(logged(), "");
	result(0, 0, "connection refused");
	ck_assert(!server_serves(&g.servers[0]));
	ck_assert_str_eq(
	    logged(), "<4>server=b/one state=down was=up why=\"connection refused\" ms=7 up=0/2\n");
	ck_assert_uint_eq(board(0).close, 1); /* on_down = "close" */
	result(0, 1, "serves");
	ck_assert(!server_serves(&g.servers[0]));
	result(0, 1, "serves");
	ck_assert(server_serves(&g.servers[0]));
	ck_assert_str_eq(
	    logged(), "<5>server=b/one state=up was=down why=\"serves\" ms=7 up=1/2\n");
	ck_assert_uint_eq(board(1).close, 2); /* the backup's, with each return of a server */
	ck_assert_uint_eq(board(0).close, 1);
}
END_TEST

START_TEST(starts_slowly_after_it_was_down)
{
	for (int i = 0; i < 3; i++)
		result(0, 0, "no");
	result(0, 1, "yes");
	result(0, 1, "yes");
	ck_assert_uint_eq(board(0).weight, 100);
	now += 5000;
	servers_tick(&g, &m.generations);
	ck_assert_uint_eq(board(0).weight, 100 * 128);
	now += 5000;
	servers_tick(&g, &m.generations);
	ck_assert_uint_eq(board(0).weight, 100 * 256);
}
END_TEST

static void
resolve(int count, const uint8_t *last)
{
	struct report r = { .type = REPORT_ADDRESSES, .server = 2, .count = (uint32_t)count };

	for (int i = 0; i < count; i++)
		r.addrs[i] =
		    (struct addr){ .ip = { 10, 0, 0, last[i] }, .port = 143, .family = ADDR_V4 };
	servers_resolved(&g, 2, &r);
}

START_TEST(a_family_keeps_its_places)
{
	resolve(2, (const uint8_t[]){ 1, 2 });
	ck_assert_str_eq(g.servers[2].name, "all-10.0.0.1");
	ck_assert_str_eq(g.servers[3].name, "all-10.0.0.2");
	ck_assert_uint_eq(servers_count(&g, 0).all, 4);
	result(3, 1, "serves");
	/* The answer in another order, and a new address: nobody moves. */
	resolve(3, (const uint8_t[]){ 3, 2, 1 });
	ck_assert_str_eq(g.servers[3].name, "all-10.0.0.2");
	ck_assert(server_serves(&g.servers[3]));
	ck_assert_str_eq(g.servers[4].name, "all-10.0.0.3");
	/* No answer: the last good one is kept. */
	resolve(0, NULL);
	ck_assert(server_serves(&g.servers[3]));
	/* Left the answer: drained, and its place is free once nobody is on it. */
	resolve(1, (const uint8_t[]){ 1 });
	ck_assert(!server_serves(&g.servers[3]));
	ck_assert_uint_eq(g.servers[3].addr_count, 0);
	resolve(2, (const uint8_t[]){ 9, 1 });
	ck_assert_str_eq(g.servers[3].name, "all-10.0.0.9");
	ck_assert_uint_eq(g.servers[3].health.state, HEALTH_CHECKING);
}
END_TEST

/* 32 addresses from this one on. */
static void
resolve_from(int first)
{
	uint8_t last[REPORT_ADDRS];

	for (int i = 0; i < REPORT_ADDRS; i++)
		last[i] = (uint8_t)(first + i);
	resolve(REPORT_ADDRS, last);
}

static void give_worker(struct generation *to, struct worker *w, uint32_t open);

/* All places drain: the log says once that new addresses wait, and they come in when one is free. */
START_TEST(new_addresses_wait_for_places)
{
	struct worker w = { 0 };
	const char *text;

	resolve_from(1);
	(void)logged();
	give_worker(&g, &w, 0);
	for (uint32_t i = 2; i < SLOTS; i++)
		atomic_store(&w.tally->servers[i].active, 1);
	resolve_from(101);
	text = logged();
	ck_assert_ptr_nonnull(strstr(text,
	    "<4>server=b/all address=10.0.0.101:143 why=\"a new "
	    "address, but all 32 places of the name are taken by old ones that still have clients: "
	    "it serves when these have gone\"\n"));
	ck_assert_ptr_null(strstr(text, "10.0.0.102"));
	resolve_from(101);
	ck_assert_str_eq(logged(), "");
	/* The first one's client goes, which frees that place and is not the end of the wait. */
	atomic_store(&w.tally->servers[2].active, 0);
	resolve_from(101);
	text = logged();
	ck_assert_ptr_nonnull(strstr(text, "server=b/all-10.0.0.101 address=10.0.0.101:143"));
	ck_assert_ptr_null(strstr(text, "why="));
	for (uint32_t i = 2; i < SLOTS; i++)
		atomic_store(&w.tally->servers[i].active, 0);
	resolve_from(101);
	ck_assert_str_eq(g.servers[SLOTS - 1].name, "all-10.0.0.132");
	ck_assert_int_eq(g.servers[2].crowded, 0);
	tally_unmap(&w.tally);
	close(w.tally_fd);
}
END_TEST

START_TEST(dns_is_asked_where_that_is_understood)
{
	struct chan checker;
	_Alignas(8) char buf[CHAN_BUF];
	struct msg got;

	ck_assert_int_eq(chan_pair(ROLE_MASTER, ROLE_CHECKER, &g.checker.chan, &checker), 0);
	g.checker.state = PROC_SERVING;
	g.checker.version = 1;
	servers_ask(&g);
	g.checker.version = 0;
	servers_ask(&g);
	ck_assert_int_eq(chan_recv(&checker, buf, sizeof(buf), &got), CHAN_AGAIN);
	g.checker.version = MSG_VERSION;
	g.checker.state = PROC_STARTING;
	servers_ask(&g);
	ck_assert_int_eq(chan_recv(&checker, buf, sizeof(buf), &got), CHAN_AGAIN);
	g.checker.state = PROC_SERVING;
	servers_ask(&g);
	ck_assert_int_eq(chan_recv(&checker, buf, sizeof(buf), &got), CHAN_MSG);
	ck_assert_uint_eq(got.type, MSG_RESOLVE);
	chan_close(&checker);
	chan_close(&g.checker.chan);
}
END_TEST

START_TEST(no_more_places_than_there_are)
{
	for (int round = 0; round < 3; round++)
		resolve_from(1 + round * 100);
	ck_assert_uint_eq(servers_count(&g, 0).all, 2 + CONF_FAMILY);
	ck_assert_uint_eq(board(1).weight, 0); /* the neighbours' slots were not touched */
	ck_assert_uint_eq(g.servers[1].addr_count, 1);
}
END_TEST

START_TEST(state_outlives_a_reload)
{
	struct conf_server changed[3];
	struct conf other = conf;
	struct generation next = { .m = &m, .conf = &other };
	int next_fd;

	result(0, 1, "serves");
	result(1, 1, "serves");
	memcpy(changed, servers, sizeof(changed));
	changed[0].weight = 10;     /* the same server */
	changed[1].addr.port = 144; /* another one */
	other.servers = changed;
	next.servers = servers_new(&other);
	servers_carry(&next, &g);
	ck_assert_uint_eq(next.servers[0].health.state, HEALTH_UP);
	ck_assert_str_eq(next.servers[0].why, "serves");
	ck_assert_ptr_eq(next.servers[0].conf, &changed[0]);
	ck_assert_uint_eq(next.servers[1].health.state, HEALTH_CHECKING);
	g.state = GEN_OLD;
	next.board = board_new(SLOTS, &next_fd);
	servers_inherit(&next, &m.generations);
	ck_assert_ptr_eq(g.servers[0].heir, &next.servers[0]);
	ck_assert_ptr_null(g.servers[1].heir);
	board_unmap(&next.board);
	close(next_fd);
	free(next.servers);
}
END_TEST

/* A worker of g with so many connections open on the first server. */
static void
give_worker(struct generation *to, struct worker *w, uint32_t open)
{
	w->tally = tally_new(1, SLOTS, &w->tally_fd);
	ck_assert_ptr_nonnull(w->tally);
	to->workers = w;
	to->worker_count = 1;
	tally_unmap(&w->tally);
	w->tally = tally_map(w->tally_fd, 1, SLOTS, 1);
	atomic_store(&w->tally->servers[0].active, open);
}

static uint32_t
elsewhere_on(const struct generation *of)
{
	struct board_server s;

	board_read(of->board, 0, &s);
	return s.elsewhere;
}

START_TEST(all_generations_count_from_the_first_moment)
{
	struct generation next = { .m = &m, .conf = &conf, .servers = servers_new(&conf) };
	struct worker mine = { 0 }, its = { 0 };
	int next_fd;

	next.board = board_new(SLOTS, &next_fd);
	give_worker(&g, &mine, 200);
	give_worker(&next, &its, 0);
	ck_assert_uint_eq(elsewhere_on(&g), 0);
	servers_carry(&next, &g);
	/* The switch, and nothing but that: no tick has come. */
	m.current = &next;
	next.state = GEN_CURRENT;
	g.state = GEN_OLD;
	TAILQ_INSERT_TAIL(&m.generations, &next, link);
	servers_inherit(&next, &m.generations);
	ck_assert_uint_eq(elsewhere_on(&next), 200);
	ck_assert_uint_eq(elsewhere_on(&g), 0);
	/* The old one's workers still shake hands with clients: they count the new one's, not theirs. */
	atomic_store(&its.tally->servers[0].active, 15);
	atomic_store(&mine.tally->servers[0].active, 190);
	servers_tick(&next, &m.generations);
	ck_assert_uint_eq(elsewhere_on(&next), 190);
	ck_assert_uint_eq(elsewhere_on(&g), 15);
	tally_unmap(&mine.tally);
	tally_unmap(&its.tally);
	close(mine.tally_fd);
	close(its.tally_fd);
	board_unmap(&next.board);
	close(next_fd);
	free(next.servers);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("servers");
	TCase *t = tcase_create("servers");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, disabled_and_unchecked);
	tcase_add_test(t, first_good_check_is_up);
	tcase_add_test(t, falls_and_rises_as_configured);
	tcase_add_test(t, starts_slowly_after_it_was_down);
	tcase_add_test(t, a_family_keeps_its_places);
	tcase_add_test(t, no_more_places_than_there_are);
	tcase_add_test(t, new_addresses_wait_for_places);
	tcase_add_test(t, dns_is_asked_where_that_is_understood);
	tcase_add_test(t, state_outlives_a_reload);
	tcase_add_test(t, all_generations_count_from_the_first_moment);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
