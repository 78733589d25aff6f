/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Server states: what checks make of them, what the log says, what outlives a reload. */
#include "common/clock.h"
#include "common/log.h"
#include "common/mail/reason.h"
#include "master/servers/boards.h"
#include "master/servers/carry.h"
#include "master/servers/checked.h"
#include "master/servers/resolved.h"

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

/* What its workers have open, by slot. */
struct open {
	uint32_t on[SLOTS];
};

static uint32_t
active(const struct servers *s, uint32_t slot)
{
	const struct open *o = s->of;

	return o->on[slot];
}

static const struct servers_owner owner = { .active = active };
static struct servers_all all;
static struct servers s;
static struct open own;
static int log_fds[2];

static void
setup(void)
{
	memset(&own, 0, sizeof(own));
	servers_all_init(&all, &owner);
	ck_assert_int_eq(servers_make(&s, &all, &own, &conf), 0);
	servers_serve(&all, &s);
	ck_assert_int_eq(pipe2(log_fds, O_NONBLOCK), 0);
	log_open(log_fds[1], LOG_INFO, 0, 0);
}

static void
teardown(void)
{
	servers_free(&s);
	ck_assert(TAILQ_EMPTY(&all.list));
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
	checked_result(&s, slot, &r);
}

static struct board_server
board_of(const struct servers *of, uint32_t slot)
{
	struct board_server b;

	board_read(of->board, slot, &b);
	return b;
}

static struct board_server
board(uint32_t slot)
{
	return board_of(&s, slot);
}

START_TEST(disabled_and_unchecked)
{
	struct servers next;

	/* Neither is waited for, nor is there a check. */
	ck_assert(!servers_settled(&s));
	servers[0].unchecked = 1;
	servers[1].disabled = 1;
	ck_assert_int_eq(servers_make(&next, &all, &own, &conf), 0);
	ck_assert(server_serves(&next.slots[0]));
	ck_assert_int_eq(next.slots[0].status, CHECK_UNKNOWN);
	ck_assert_uint_eq(next.slots[1].admin, ADMIN_MAINT);
	ck_assert(!server_serves(&next.slots[1]));
	next.slots[2].status = CHECK_L7OK;
	ck_assert(servers_settled(&next));
	servers_free(&next);
	servers[0].unchecked = servers[1].disabled = 0;
}
END_TEST

START_TEST(first_good_check_is_up)
{
	ck_assert_int_eq(servers_settled(&s), 0);
	ck_assert(!server_serves(&s.slots[0]));
	result(0, 1, "serves");
	ck_assert(server_serves(&s.slots[0]));
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
	ck_assert(server_serves(&s.slots[0]));
	ck_assert_str_eq(logged(), "");
	result(0, 0, "connection refused");
	ck_assert(!server_serves(&s.slots[0]));
	ck_assert_str_eq(
	    logged(), "<4>server=b/one state=down was=up why=\"connection refused\" ms=7 up=0/2\n");
	ck_assert_uint_eq(board(0).close, 1); /* on_down = "close" */
	result(0, 1, "serves");
	ck_assert(!server_serves(&s.slots[0]));
	result(0, 1, "serves");
	ck_assert(server_serves(&s.slots[0]));
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
	checked_tick(&s);
	ck_assert_uint_eq(board(0).weight, 100 * 128);
	now += 5000;
	checked_tick(&s);
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
	resolved_addresses(&s, 2, &r);
}

START_TEST(a_family_keeps_its_places)
{
	resolve(2, (const uint8_t[]){ 1, 2 });
	ck_assert_str_eq(s.slots[2].name, "all-10.0.0.1");
	ck_assert_str_eq(s.slots[3].name, "all-10.0.0.2");
	ck_assert_uint_eq(servers_count(&s, 0).all, 4);
	result(3, 1, "serves");
	/* The answer in another order, and a new address: nobody moves. */
	resolve(3, (const uint8_t[]){ 3, 2, 1 });
	ck_assert_str_eq(s.slots[3].name, "all-10.0.0.2");
	ck_assert(server_serves(&s.slots[3]));
	ck_assert_str_eq(s.slots[4].name, "all-10.0.0.3");
	/* No answer: the last good one is kept. */
	resolve(0, NULL);
	ck_assert(server_serves(&s.slots[3]));
	/* Left the answer: drained, and its place is free once nobody is on it. */
	resolve(1, (const uint8_t[]){ 1 });
	ck_assert(!server_serves(&s.slots[3]));
	ck_assert_uint_eq(s.slots[3].addr_count, 0);
	resolve(2, (const uint8_t[]){ 9, 1 });
	ck_assert_str_eq(s.slots[3].name, "all-10.0.0.9");
	ck_assert_uint_eq(s.slots[3].health.state, HEALTH_CHECKING);
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

/* All places drain: the log says once that new addresses wait, and they come in when one is free. */
START_TEST(new_addresses_wait_for_places)
{
	const char *text;

	resolve_from(1);
	(void)logged();
	for (uint32_t i = 2; i < SLOTS; i++)
		own.on[i] = 1;
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
	own.on[2] = 0;
	resolve_from(101);
	text = logged();
	ck_assert_ptr_nonnull(strstr(text, "server=b/all-10.0.0.101 address=10.0.0.101:143"));
	ck_assert_ptr_null(strstr(text, "why="));
	for (uint32_t i = 2; i < SLOTS; i++)
		own.on[i] = 0;
	resolve_from(101);
	ck_assert_str_eq(s.slots[SLOTS - 1].name, "all-10.0.0.132");
	ck_assert_int_eq(s.slots[2].crowded, 0);
}
END_TEST

START_TEST(no_more_places_than_there_are)
{
	for (int round = 0; round < 3; round++)
		resolve_from(1 + round * 100);
	ck_assert_uint_eq(servers_count(&s, 0).all, 2 + CONF_FAMILY);
	ck_assert_uint_eq(board(1).weight, 0); /* the neighbours' slots were not touched */
	ck_assert_uint_eq(s.slots[1].addr_count, 1);
}
END_TEST

/* What a reload changes, and whether the server is the same one afterwards. */
static const struct change {
	const char *name;
	struct conf_server to;
	struct conf_backend in;
	int is_same;
} changes[] = {
#define SERVER(n, p)  .name = n, .addr = { .port = p, .family = ADDR_V4 }, .slots = 1
#define ONE           SERVER("one", 143)
#define BACKEND(n, t) .name = n, .check.type = t
#define IN            BACKEND("b", CHECK_IMAP)
	{ "nothing", { ONE }, { IN }, 1 },
	{ "weight", { ONE, .weight = 10 }, { IN }, 1 },
	{ "backup", { ONE, .backup = 1 }, { IN }, 1 },
	{ "slowstart", { ONE }, { IN, .slowstart = 1 }, 1 },
	{ "server's name", { SERVER("other", 143) }, { IN }, 0 },
	{ "backend's name", { ONE }, { BACKEND("c", CHECK_IMAP) }, 0 },
	{ "port", { SERVER("one", 144) }, { IN }, 0 },
	{ "host", { ONE, .host = "x" }, { IN }, 0 },
	{ "check_port", { ONE, .check_port = 1 }, { IN }, 0 },
	{ "check.port", { ONE }, { IN, .check.port = 1 }, 0 },
	{ "check.type", { ONE }, { BACKEND("b", CHECK_POP3) }, 0 },
	{ "check.tls", { ONE }, { IN, .check.tls.on = 1 }, 0 },
};

START_TEST(state_outlives_a_reload)
{
	const struct change *c = &changes[_i];
	struct conf_backend in = c->in;
	struct conf_server to = c->to;
	struct conf other = { .backends = &in,
		.backend_count = 1,
		.servers = &to,
		.server_count = 1,
		.slot_count = 1 };
	struct servers next;

	result(0, 1, "serves");
	ck_assert_int_eq(servers_make(&next, &all, &own, &other), 0);
	carry_states(&next, &s);
	ck_assert_msg((next.slots[0].health.state == HEALTH_UP) == c->is_same, "%s", c->name);
	ck_assert_str_eq(next.slots[0].why, c->is_same ? "serves" : "");
	ck_assert_ptr_eq(next.slots[0].conf, &to);
	servers_serve(&all, &next);
	carry_heirs(&next);
	ck_assert_msg(s.slots[0].heir == (c->is_same ? &next.slots[0] : NULL), "%s", c->name);
	ck_assert_ptr_null(s.slots[1].heir);
	/* Nobody goes on to know what is gone. */
	servers_free(&next);
	ck_assert_ptr_null(s.slots[0].heir);
	ck_assert_ptr_null(all.current);
}
END_TEST

/* `disabled` is the administrator's word in the file: it counts where it has changed there. */
START_TEST(disabled_in_the_file)
{
	struct conf_server changed[3];
	struct conf other = conf;
	struct servers next;

	memcpy(changed, servers, sizeof(changed));
	changed[0].disabled = 1;
	other.servers = changed;
	s.slots[1].admin = ADMIN_DRAIN;
	ck_assert_int_eq(servers_make(&next, &all, &own, &other), 0);
	carry_states(&next, &s);
	ck_assert_uint_eq(next.slots[0].admin, ADMIN_MAINT);
	ck_assert_uint_eq(next.slots[1].admin, ADMIN_DRAIN);
	servers_free(&next);
}
END_TEST

/* Who tells the log: the first ones while they start; later the current ones alone. */
START_TEST(those_to_come_are_silent)
{
	struct report r = { .type = REPORT_RESULT, .status = CHECK_L7OK, .ok = 1, .ms = 7 };
	struct servers next;

	reason_set(&r.found, REASON_OTHER, 0, "serves");
	servers_serve(&all, NULL);
	result(0, 1, "serves");
	ck_assert_ptr_nonnull(strstr(logged(), "server=b/one state=up"));
	servers_serve(&all, &s);
	ck_assert_int_eq(servers_make(&next, &all, &own, &conf), 0);
	carry_states(&next, &s);
	r.server = 1;
	checked_result(&next, 1, &r);
	ck_assert_str_eq(logged(), "");
	ck_assert_uint_eq(board_of(&next, 1).health, HEALTH_UP);
	ck_assert_uint_eq(board_of(&s, 1).health, HEALTH_CHECKING);
	/* They say it when they serve, and past ones read it on their board. */
	servers_serve(&all, &next);
	carry_heirs(&next);
	ck_assert_str_eq(
	    logged(), "<5>server=b/two state=up was=checking why=\"serves\" ms=7 up=2/2\n");
	ck_assert_uint_eq(board_of(&s, 1).health, HEALTH_UP);
	servers_free(&next);
}
END_TEST

START_TEST(all_configurations_count_from_the_first_moment)
{
	struct open its = { { 0 } };
	struct servers next;

	own.on[0] = 200;
	ck_assert_int_eq(servers_make(&next, &all, &its, &conf), 0);
	ck_assert_uint_eq(board_of(&s, 0).elsewhere, 0);
	carry_states(&next, &s);
	/* The switch, and nothing but that: no tick has come. */
	servers_serve(&all, &next);
	carry_heirs(&next);
	ck_assert_uint_eq(board_of(&next, 0).elsewhere, 200);
	ck_assert_uint_eq(board_of(&s, 0).elsewhere, 0);
	/* The old one's workers still shake hands with clients: they count the new one's, not theirs. */
	its.on[0] = 15;
	own.on[0] = 190;
	checked_tick(&next);
	ck_assert_uint_eq(board_of(&next, 0).elsewhere, 190);
	ck_assert_uint_eq(board_of(&s, 0).elsewhere, 15);
	servers_free(&next);
}
END_TEST

/* After a crash: the board is all that is known. */
START_TEST(a_board_is_recalled)
{
	struct servers found = { .board_fd = -1 };

	result(0, 1, "serves");
	resolve(2, (const uint8_t[]){ 1, 2 });
	found.board_fd = dup(s.board_fd);
	ck_assert_int_eq(servers_adopt(&found, &all, &own, &conf, 1), 0);
	boards_recall(&found);
	ck_assert(server_serves(&found.slots[0]));
	ck_assert_int_eq(found.slots[0].status, CHECK_UNKNOWN);
	ck_assert_int_eq(found.slots[1].status, CHECK_INI);
	ck_assert_str_eq(found.slots[3].name, "all-10.0.0.2");
	ck_assert_str_eq(found.slots[4].name, "all");
	servers_free(&found);
	/* What is no board stays the caller's. */
	found.board_fd = dup(log_fds[0]);
	ck_assert_int_eq(servers_adopt(&found, &all, &own, &conf, 1), -1);
	ck_assert_int_ne(fcntl(found.board_fd, F_GETFD), -1);
	servers_free(&found);
}
END_TEST

START_TEST(days_are_told_once_a_day)
{
	checked_days(&s, 0, 14);
	ck_assert_str_eq(logged(), "");
	checked_days(&s, 0, 1);
	ck_assert_str_eq(
	    logged(), "<4>server=b/one why=\"the server's certificate expires in 1 day\"\n");
	now += 20u * 3600 * 1000 - 1;
	checked_days(&s, 0, 1);
	ck_assert_str_eq(logged(), "");
	now += 1;
	checked_days(&s, 0, -1);
	ck_assert_str_eq(
	    logged(), "<4>server=b/one why=\"the server's certificate has expired\"\n");
	ck_assert_int_eq(s.slots[0].cert_days, -1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("servers");
	TCase *t = tcase_create("servers");
	SRunner *r = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, disabled_and_unchecked);
	tcase_add_test(t, first_good_check_is_up);
	tcase_add_test(t, falls_and_rises_as_configured);
	tcase_add_test(t, starts_slowly_after_it_was_down);
	tcase_add_test(t, a_family_keeps_its_places);
	tcase_add_test(t, no_more_places_than_there_are);
	tcase_add_test(t, new_addresses_wait_for_places);
	tcase_add_loop_test(t, state_outlives_a_reload, 0, sizeof(changes) / sizeof(changes[0]));
	tcase_add_test(t, disabled_in_the_file);
	tcase_add_test(t, those_to_come_are_silent);
	tcase_add_test(t, all_configurations_count_from_the_first_moment);
	tcase_add_test(t, a_board_is_recalled);
	tcase_add_test(t, days_are_told_once_a_day);
	suite_add_tcase(suite, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
