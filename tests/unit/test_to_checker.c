/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* What a checker is asked: only what its version understands, and only while it serves. */
#include "master/life/to_checker.h"

#include <check.h>

static const struct {
	const char *name;
	enum proc_state state;
	uint32_t version;
	int is_asked;
} checkers[] = {
	{ "version 1", PROC_SERVING, 1, 0 },
	{ "unknown version", PROC_SERVING, 0, 0 },
	{ "version 2", PROC_SERVING, 2, 1 },
	{ "ours", PROC_SERVING, MSG_VERSION, 1 },
	{ "still starts", PROC_STARTING, MSG_VERSION, 0 },
	{ "is killed", PROC_ENDING, MSG_VERSION, 0 },
};

START_TEST(dns_is_asked_where_that_is_understood)
{
	struct generation g = { .checker = { .state = checkers[_i].state,
				    .version = checkers[_i].version } };
	_Alignas(8) char buf[CHAN_BUF];
	struct chan checker;
	struct msg got;

	ck_assert_int_eq(chan_pair(ROLE_MASTER, ROLE_CHECKER, &g.checker.chan, &checker), 0);
	to_checker_resolve(&g);
	ck_assert_msg(chan_recv(&checker, buf, sizeof(buf), &got) ==
		(checkers[_i].is_asked ? CHAN_MSG : CHAN_AGAIN),
	    "%s", checkers[_i].name);
	if (checkers[_i].is_asked)
		ck_assert_uint_eq(got.type, MSG_RESOLVE);
	chan_close(&checker);
	chan_close(&g.checker.chan);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("to_checker");
	TCase *t = tcase_create("to_checker");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(
	    t, dns_is_asked_where_that_is_understood, 0, sizeof(checkers) / sizeof(checkers[0]));
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
