/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Children that lie: well-formed messages with wrong numbers, at the wrong time, about things that
 * are not theirs.  (What is malformed never gets past chan_recv; test_chan.c.)
 */
#include "master/child/from_child.h"
#include "master/life/from_checker.h"
#include "master/life/from_worker.h"
#include "master/life/judge.h"
#include "master/servers/checked.h"
#include "master/servers/resolved.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- The master's neighbours, played ---- */

static char complaint[512];
static int checked, resolved, certs, is_contents;

static void
complains(struct proc *p, const char *text, int contents)
{
	(void)p;
	snprintf(complaint, sizeof(complaint), "%s", text);
	is_contents = contents;
}

static const struct proc_owner owner = { .complains = complains };

void
proc_kill(struct proc *p, const char *why)
{
	(void)p, (void)why;
}

const char *
judge_take(struct generation *of, const struct msg_cert *c, const char *text, size_t len)
{
	(void)of;
	(void)text;
	certs += c->piece == 5 && len == 4;
	return NULL;
}

void
checked_result(struct servers *s, uint32_t slot, const struct report *r)
{
	(void)s;
	(void)slot;
	(void)r;
	checked++;
}

void
resolved_addresses(struct servers *s, uint32_t slot, const struct report *r)
{
	(void)s;
	(void)slot;
	(void)r;
	resolved++;
}

void
checked_days(struct servers *s, uint32_t slot, int32_t days)
{
	(void)s;
	(void)slot;
	(void)days;
}

/* ---- A master with two workers and a checker, three servers ---- */

#define SLOTS 10

static struct conf_backend backends[] = { { .check = { .type = CHECK_IMAP } },
	{ .check = { .type = CHECK_NONE } } };
static struct conf_server servers[] = {
	{ .name = "literal", .addr = { .port = 143, .family = ADDR_V4 }, .slot = 0, .slots = 1 },
	{ .name = "named", .host = "x", .addr = { .port = 143 }, .slot = 1, .slots = 8 },
	{ .name = "unchecked", .backend = 1, .slot = 9, .slots = 1 },
};
static struct conf conf = { .backends = backends,
	.backend_count = 2,
	.servers = servers,
	.server_count = 3,
	.slot_count = SLOTS };

static struct master m;
static struct generation g;
static struct worker workers[2];
static struct server states[SLOTS];
static struct chan liar, checker_end;

static void
setup(void)
{
	memset(&m, 0, sizeof(m));
	memset(&g, 0, sizeof(g));
	memset(workers, 0, sizeof(workers));
	memset(states, 0, sizeof(states));
	m.loop = loop_new();
	door_init(&m.door, NULL, 100);
	g.m = &m;
	g.conf = &conf;
	g.servers.slots = states;
	g.state = GEN_CURRENT;
	m.current = &g;
	for (int i = 0; i < 2; i++) {
		taker_init(&workers[i].t, &m.door, &workers[i].p.chan, (uint32_t)i);
		workers[i].p = (struct proc){
			.of = &g, .owner = &owner, .role = ROLE_WORKER, .state = PROC_SERVING
		};
	}
	g.checker =
	    (struct proc){ .of = &g, .owner = &owner, .role = ROLE_CHECKER, .state = PROC_SERVING };
	ck_assert_int_eq(chan_pair(ROLE_MASTER, ROLE_WORKER, &workers[0].p.chan, &liar), 0);
	ck_assert_int_eq(chan_pair(ROLE_MASTER, ROLE_CHECKER, &g.checker.chan, &checker_end), 0);
	for (uint64_t id = 1; id <= 4; id++) {
		int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);

		/* 1 and 2 are the liar's, 3 the other worker's, 4 is parked. */
		struct conn *c = conns_add(&m.door.conns, id, fd);

		if (id < 4)
			conns_give(&m.door.conns, c, &workers[id == 3].t.has);
	}
	workers[0].t.handed = 2;
	complaint[0] = '\0';
	checked = resolved = 0;
}

static void
teardown(void)
{
	for (uint64_t id = 1; id <= 4; id++)
		if (conns_find(&m.door.conns, id))
			conns_free(&m.door.conns, conns_find(&m.door.conns, id));
	chan_close(&workers[0].p.chan);
	chan_close(&liar);
	chan_close(&g.checker.chan);
	chan_close(&checker_end);
	loop_free(&m.loop);
	free(m.door.conns.buckets);
}

static const char *
hear(void)
{
	int gone;

	return from_worker(&workers[0].p, 0, &gone);
}

/* One message, with up to two numbers in it. */
struct lie {
	const char *name;
	enum proc_state state;
	enum msg_type type;
	uint64_t a, b;
	int items;
	const char *reason; /* NULL: no lie */
};

static const char *
tell(const struct lie *lie)
{
	static const struct msg_empty empty;
	struct msg_id ids[2] = { { lie->a }, { lie->b } };
	union {
		uint64_t taken;
		struct msg_ready ready;
		struct msg_server server;
	} fixed = { 0 };

	workers[0].p.state = lie->state;
	if (lie->type == MSG_READY)
		fixed.ready.version = (uint32_t)lie->a;
	else if (lie->type == MSG_SUSPECT)
		fixed.server.server = (uint32_t)lie->a;
	else
		fixed.taken = lie->a;
	if (lie->items)
		ck_assert_int_eq(
		    chan_send(&liar, lie->type, &empty, ids, (uint32_t)lie->items, NULL, 0), 0);
	else
		ck_assert_int_eq(chan_tell(&liar, lie->type, &fixed), 0);
	return hear();
}

static const struct lie lies[] = {
	{ "ready", PROC_STARTING, MSG_READY, MSG_VERSION, 0, 0, NULL },
	{ "ready, another version", PROC_STARTING, MSG_READY, MSG_VERSION + 1, 0, 0,
	    "speaks another version of the protocol" },
	{ "ready twice", PROC_SERVING, MSG_READY, MSG_VERSION, 0, 0, "sent a message out of turn" },
	{ "ready while retiring", PROC_RETIRING, MSG_READY, MSG_VERSION, 0, 0,
	    "sent a message out of turn" },
	{ "taken", PROC_SERVING, MSG_TAKEN, 1, 0, 0, NULL },
	{ "taken all", PROC_SERVING, MSG_TAKEN, 2, 0, 0, NULL },
	{ "taken more than handed", PROC_SERVING, MSG_TAKEN, 3, 0, 0,
	    "took connections that it was not given" },
	{ "taken far more", PROC_SERVING, MSG_TAKEN, UINT64_MAX, 0, 0,
	    "took connections that it was not given" },
	{ "taken before ready", PROC_STARTING, MSG_TAKEN, 0, 0, 0, "sent a message out of turn" },
	{ "touched", PROC_SERVING, MSG_TOUCHED, 1, 2, 2, NULL },
	{ "touched while retiring", PROC_RETIRING, MSG_TOUCHED, 1, 0, 1, NULL },
	{ "touched twice", PROC_SERVING, MSG_TOUCHED, 1, 1, 2, "touched a connection twice" },
	{ "touched another's", PROC_SERVING, MSG_TOUCHED, 3, 0, 1,
	    "touched a connection that it does not have" },
	{ "touched a parked one", PROC_SERVING, MSG_TOUCHED, 4, 0, 1,
	    "touched a connection that it does not have" },
	{ "touched nobody's", PROC_SERVING, MSG_TOUCHED, 99, 0, 1,
	    "touched a connection that it does not have" },
	{ "touched before ready", PROC_STARTING, MSG_TOUCHED, 1, 0, 1,
	    "sent a message out of turn" },
	{ "shaken", PROC_SERVING, MSG_SHAKEN, 1, 0, 1, NULL },
	{ "shaken twice", PROC_SERVING, MSG_SHAKEN, 1, 1, 2, "finished a handshake twice" },
	{ "shaken another's", PROC_SERVING, MSG_SHAKEN, 3, 0, 1,
	    "finished the handshake of a connection that it does not have" },
	{ "closed", PROC_SERVING, MSG_CLOSED, 1, 2, 2, NULL },
	{ "closed twice", PROC_SERVING, MSG_CLOSED, 1, 1, 2,
	    "closed a connection that it does not have" },
	{ "closed another's", PROC_SERVING, MSG_CLOSED, 3, 0, 1,
	    "closed a connection that it does not have" },
	{ "closed a parked one", PROC_SERVING, MSG_CLOSED, 4, 0, 1,
	    "closed a connection that it does not have" },
	{ "an answer to no question", PROC_SERVING, MSG_PONG, 1, 0, 0,
	    "answered a PING that was not sent" },
	{ "suspects the last server", PROC_SERVING, MSG_SUSPECT, SLOTS - 1, 0, 0, NULL },
	{ "suspects one too far", PROC_SERVING, MSG_SUSPECT, SLOTS, 0, 0,
	    "suspects a server that does not exist" },
	{ "suspects anything", PROC_SERVING, MSG_SUSPECT, UINT32_MAX, 0, 0,
	    "suspects a server that does not exist" },
};

START_TEST(lie)
{
	const char *reason = tell(&lies[_i]);

	if (lies[_i].reason)
		ck_assert_msg(reason && strcmp(reason, lies[_i].reason) == 0, "%s: %s",
		    lies[_i].name, reason ? reason : "believed");
	else
		ck_assert_msg(!reason, "%s: %s", lies[_i].name, reason);
	/* Whatever it said, what is not its own is untouched. */
	ck_assert_ptr_nonnull(conns_find(&m.door.conns, 3));
	ck_assert_ptr_nonnull(conns_find(&m.door.conns, 3)->held);
	ck_assert_ptr_nonnull(conns_find(&m.door.conns, 4));
	ck_assert_ptr_nonnull(conns_find(&m.door.conns, 4)->held);
}
END_TEST

START_TEST(taken_never_goes_back)
{
	ck_assert_ptr_null(tell(&(struct lie){ "", PROC_SERVING, MSG_TAKEN, 2, 0, 0, NULL }));
	ck_assert_ptr_nonnull(tell(&(struct lie){ "", PROC_SERVING, MSG_TAKEN, 1, 0, 0, NULL }));
}
END_TEST

START_TEST(truth_is_noted)
{
	tell(&(struct lie){ "", PROC_SERVING, MSG_TOUCHED, 1, 0, 1, NULL });
	ck_assert_ptr_null(conns_find(&m.door.conns, 1)->held);
	ck_assert_ptr_nonnull(conns_find(&m.door.conns, 2)->held);
	tell(&(struct lie){ "", PROC_SERVING, MSG_SHAKEN, 2, 0, 1, NULL });
	ck_assert_int_eq(conns_find(&m.door.conns, 2)->shaken, 1);
	tell(&(struct lie){ "", PROC_SERVING, MSG_CLOSED, 1, 0, 1, NULL });
	ck_assert_ptr_null(conns_find(&m.door.conns, 1));
	ck_assert_uint_eq(workers[0].finished, 1);
	ck_assert_uint_eq(workers[0].t.has.count, 1);
}
END_TEST

START_TEST(failed_needs_an_end)
{
	struct msg_failed failed = { .text = "no key" };

	workers[0].p.state = PROC_STARTING;
	ck_assert_int_eq(chan_tell(&liar, MSG_FAILED, &failed), 0);
	ck_assert_ptr_null(hear());
	ck_assert_str_eq(complaint, "no key");
	ck_assert_int_eq(is_contents, 0);
	failed.contents = 1;
	ck_assert_int_eq(chan_tell(&liar, MSG_FAILED, &failed), 0);
	ck_assert_ptr_null(hear());
	ck_assert_int_eq(is_contents, 1);
	memset(failed.text, 'x', sizeof(failed.text));
	ck_assert_int_eq(chan_tell(&liar, MSG_FAILED, &failed), 0);
	ck_assert_str_eq(hear(), "sent an unterminated text");
}
END_TEST

/* Of the first worker, and as long as it builds its generation. */
START_TEST(certificates)
{
	const struct msg_cert c = { .piece = 5, .kind = CERT_SHOWN };

	certs = 0;
	ck_assert_int_eq(chan_send(&liar, MSG_CERT, &c, "a.x\n", 4, NULL, 0), 0);
	ck_assert_str_eq(hear(), "sent a message out of turn");
	workers[0].p.state = PROC_STARTING;
	ck_assert_int_eq(chan_send(&liar, MSG_CERT, &c, "a.x\n", 4, NULL, 0), 0);
	ck_assert_ptr_null(hear());
	ck_assert_int_eq(certs, 0);
	g.state = GEN_BUILDING;
	ck_assert_int_eq(chan_send(&liar, MSG_CERT, &c, "a.x\n", 4, NULL, 0), 0);
	ck_assert_ptr_null(hear());
	ck_assert_int_eq(certs, 1);
	workers[0].p.slot = 1;
	ck_assert_int_eq(chan_send(&liar, MSG_CERT, &c, "a.x\n", 4, NULL, 0), 0);
	ck_assert_str_eq(hear(), "reported certificates, which only the first worker may");
}
END_TEST

/* A CHECK_NOW a second and server, and none for servers that are not. */
START_TEST(suspicion_is_passed_on_once)
{
	_Alignas(8) unsigned char buf[CHAN_BUF];
	struct msg got;
	int count = 0;

	states[3].suspected = loop_now(m.loop) - 1000;
	states[4].suspected = loop_now(m.loop) - 1000;
	for (int i = 0; i < 5; i++) {
		tell(&(struct lie){ "", PROC_SERVING, MSG_SUSPECT, 3, 0, 0, NULL });
		tell(&(struct lie){ "", PROC_SERVING, MSG_SUSPECT, 4, 0, 0, NULL });
	}
	while (chan_recv(&checker_end, buf, sizeof(buf), &got) == CHAN_MSG) {
		ck_assert_int_eq(got.type, MSG_CHECK_NOW);
		count++;
	}
	ck_assert_int_eq(count, 2);
}
END_TEST

START_TEST(a_flood_is_read_in_portions)
{
	struct lie taken = { "", PROC_SERVING, MSG_TAKEN, 0, 0, 0, NULL };
	int sent = 0, gone;

	while (chan_tell(&liar, MSG_TAKEN, &(struct msg_taken){ 1 }) == 0)
		sent++;
	ck_assert_int_gt(sent, 100);
	ck_assert_ptr_null(hear());
	/* Something is left for the next pass; a dead child's last words are read to the end. */
	ck_assert_ptr_null(from_worker(&workers[0].p, 1, &gone));
	ck_assert_int_eq(gone, 0);
	ck_assert_ptr_nonnull(tell(&taken));
	chan_close(&liar);
	ck_assert_ptr_null(from_worker(&workers[0].p, 0, &gone));
	ck_assert_int_eq(gone, 1);
}
END_TEST

/* ---- Reports ---- */

static const struct {
	const char *name;
	struct report r;
	int good;
} reports[] = {
	{ "a good result", { .type = REPORT_RESULT, .status = CHECK_L7OK, .ok = 1, .ms = 3 }, 1 },
	{ "of a family's slot", { .type = REPORT_RESULT, .server = 8, .status = CHECK_L4CON }, 1 },
	{ "of the last slot, which has no check",
	    { .type = REPORT_RESULT, .server = 9, .status = CHECK_L4CON }, 0 },
	{ "of no slot", { .type = REPORT_RESULT, .server = SLOTS, .status = CHECK_L7OK }, 0 },
	{ "of no slot at all",
	    { .type = REPORT_RESULT, .server = UINT32_MAX, .status = CHECK_L7OK }, 0 },
	{ "no such type", { .type = 0 }, 0 },
	{ "no such type", { .type = 4 }, 0 },
	{ "no such status", { .type = REPORT_RESULT, .status = 4 }, 0 },
	{ "no such status", { .type = REPORT_RESULT, .status = UINT32_MAX }, 0 },
	{ "not yet checked", { .type = REPORT_RESULT, .status = CHECK_INI }, 0 },
	{ "neither good nor bad", { .type = REPORT_RESULT, .status = CHECK_L7OK, .ok = 2 }, 0 },
	{ "took longer than a day",
	    { .type = REPORT_RESULT, .status = CHECK_L7OK, .ms = UINT32_MAX }, 0 },
	{ "a text with an escape",
	    { .type = REPORT_RESULT, .status = CHECK_L7OK, .found.text = "\x1b[2J" }, 0 },
	{ "a reason",
	    { .type = REPORT_RESULT, .status = CHECK_L7OK, .found.reason = 1, .found.with = 7 },
	    1 },
	{ "no such reason",
	    { .type = REPORT_RESULT, .status = CHECK_L7OK, .found.reason = UINT32_MAX }, 0 },
	{ "with what does not exist",
	    { .type = REPORT_RESULT, .status = CHECK_L7OK, .found.with = 8 }, 0 },
	{ "a text with a line end",
	    { .type = REPORT_RESULT, .status = CHECK_L7OK, .found.text = "a\nb" }, 0 },
	{ "a text that is not ASCII",
	    { .type = REPORT_RESULT, .status = CHECK_L7OK, .found.text = "\xe4" }, 0 },
	{ "one address",
	    { .type = REPORT_ADDRESSES,
		.server = 1,
		.count = 1,
		.addrs = { { .port = 143, .family = ADDR_V4 } } },
	    1 },
	{ "no address", { .type = REPORT_ADDRESSES, .server = 1 }, 1 },
	{ "an address of a server without a name",
	    { .type = REPORT_ADDRESSES, .count = 1, .addrs = { { .port = 143, .family = 4 } } },
	    0 },
	{ "addresses of one slot of a family", { .type = REPORT_ADDRESSES, .server = 2 }, 0 },
	{ "more than fit",
	    { .type = REPORT_ADDRESSES,
		.server = 1,
		.count = REPORT_ADDRS + 1,
		.addrs = { [0 ... REPORT_ADDRS - 1] = { .port = 143, .family = ADDR_V4 } } },
	    0 },
	{ "as many as fit",
	    { .type = REPORT_ADDRESSES,
		.server = 1,
		.count = REPORT_ADDRS,
		.addrs = { [0 ... REPORT_ADDRS - 1] = { .port = 143, .family = ADDR_V4 } } },
	    1 },
	{ "the last of them is none",
	    { .type = REPORT_ADDRESSES,
		.server = 1,
		.count = REPORT_ADDRS,
		.addrs = { [0 ... REPORT_ADDRS - 2] = { .port = 143, .family = ADDR_V4 } } },
	    0 },
	{ "far more", { .type = REPORT_ADDRESSES, .server = 1, .count = UINT32_MAX }, 0 },
	{ "an address of no family",
	    { .type = REPORT_ADDRESSES, .server = 1, .count = 1, .addrs = { { .port = 143 } } },
	    0 },
	{ "another port",
	    { .type = REPORT_ADDRESSES,
		.server = 1,
		.count = 1,
		.addrs = { { .port = 22, .family = ADDR_V4 } } },
	    0 },
	{ "a wildcard",
	    { .type = REPORT_ADDRESSES,
		.server = 1,
		.count = 1,
		.addrs = { { .port = 143, .family = ADDR_V6, .wildcard = 1 } } },
	    0 },
	{ "days", { .type = REPORT_CERT_DAYS, .days = -3 }, 1 },
	{ "too many days", { .type = REPORT_CERT_DAYS, .days = INT32_MAX }, 0 },
	{ "too few days", { .type = REPORT_CERT_DAYS, .days = INT32_MIN }, 0 },
};

START_TEST(report)
{
	const char *wrong = report_wrong(&reports[_i].r, &conf);
	int good = !wrong;

	ck_assert_msg(
	    good == reports[_i].good, "%s: %s", reports[_i].name, wrong ? wrong : "believed");
}
END_TEST

START_TEST(report_text_needs_an_end)
{
	struct report r = { .type = REPORT_RESULT, .status = CHECK_L7OK };

	memset(r.found.text, 'x', sizeof(r.found.text));
	ck_assert_ptr_nonnull(report_wrong(&r, &conf));
	r.found.text[REPORT_TEXT - 1] = '\0';
	ck_assert_ptr_null(report_wrong(&r, &conf));
}
END_TEST

START_TEST(reports_come_whole)
{
	struct report r = { .type = REPORT_RESULT, .status = CHECK_L7OK, .ok = 1 };
	int fds[2], gone;

	ck_assert_int_eq(pipe2(fds, O_NONBLOCK), 0);
	g.report.fd = fds[0];
	g.report_size = sizeof(r);
	ck_assert_int_eq(write(fds[1], &r, sizeof(r)), sizeof(r));
	ck_assert_int_eq(write(fds[1], &r, sizeof(r)), sizeof(r));
	ck_assert_ptr_null(reports_read(&g, 0, &gone));
	ck_assert_int_eq(checked, 2);
	g.state = GEN_OLD;
	ck_assert_int_eq(write(fds[1], &r, sizeof(r)), sizeof(r));
	ck_assert_ptr_null(reports_read(&g, 0, &gone));
	ck_assert_int_eq(checked, 2);
	ck_assert_int_eq(write(fds[1], &r, sizeof(r) - 1), sizeof(r) - 1);
	ck_assert_ptr_nonnull(reports_read(&g, 0, &gone));
	close(fds[1]);
	ck_assert_ptr_null(reports_read(&g, 0, &gone));
	ck_assert_int_eq(gone, 1);
	close(fds[0]);
}
END_TEST

/* What a checker from before an upgrade writes is passed over, whatever size it has. */
START_TEST(records_of_another_version)
{
	struct report r = { .type = REPORT_RESULT, .status = CHECK_L7OK, .ok = 1 };
	int fds[2], gone, before = checked;

	ck_assert_int_eq(pipe2(fds, O_NONBLOCK), 0);
	g.report.fd = fds[0];
	g.report_size = 424;
	/* Three and a half of ours, one that would be good among them. */
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(write(fds[1], &r, sizeof(r)), sizeof(r));
	ck_assert_int_eq(write(fds[1], &r, sizeof(r) / 2), sizeof(r) / 2);
	ck_assert_ptr_null(reports_read(&g, 0, &gone));
	ck_assert_int_eq(gone, 0);
	ck_assert_int_eq(checked, before);
	/* Saved by a version that did not know the size. */
	g.report_size = 0;
	ck_assert_int_eq(write(fds[1], &r, sizeof(r)), sizeof(r));
	ck_assert_ptr_null(reports_read(&g, 0, &gone));
	ck_assert_int_eq(checked, before);
	close(fds[1]);
	ck_assert_ptr_null(reports_read(&g, 1, &gone));
	ck_assert_int_eq(gone, 1);
	close(fds[0]);
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

int
main(void)
{
	Suite *s = suite_create("from_child");
	TCase *t = tcase_create("from_child");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, lie, 0, COUNT(lies));
	tcase_add_test(t, taken_never_goes_back);
	tcase_add_test(t, truth_is_noted);
	tcase_add_test(t, failed_needs_an_end);
	tcase_add_test(t, certificates);
	tcase_add_test(t, suspicion_is_passed_on_once);
	tcase_add_test(t, a_flood_is_read_in_portions);
	tcase_add_loop_test(t, report, 0, COUNT(reports));
	tcase_add_test(t, report_text_needs_an_end);
	tcase_add_test(t, reports_come_whole);
	tcase_add_test(t, records_of_another_version);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
