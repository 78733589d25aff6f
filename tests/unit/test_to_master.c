/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Reports to a master that is gone: nothing waits for it. */
#include "worker/conn/to_master.h"

#include <check.h>
#include <signal.h>
#include <unistd.h>

START_TEST(nothing_waits_for_a_dead_master)
{
	struct chan master, worker;
	struct to_master t = { .chan = &worker };

	ck_assert_int_eq(chan_pair(ROLE_MASTER, ROLE_WORKER, &master, &worker), 0);
	if (_i == 0)
		t.gone = 1; /* the loop saw the end first */
	chan_close(&master);
	to_master_taken(&t);
	to_master_touched(&t, 1);
	to_master_shaken(&t, 1);
	to_master_closed(&t, 1);
	to_master_suspect(&t, 3);
	ck_assert(to_master_waiting(&t));
	ck_assert_int_eq(to_master_flush(&t), 0);
	ck_assert(!to_master_waiting(&t));
	chan_close(&worker);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("to_master");
	TCase *t = tcase_create("reports");
	SRunner *r;
	int failed;

	signal(SIGPIPE, SIG_IGN);
	tcase_add_loop_test(t, nothing_waits_for_a_dead_master, 0, 2);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
