/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Which deaths make the master wait before the next birth. */
#include "master/child/backoff.h"

#include <check.h>

/* One death: milliseconds after the one before, what the child had done, the delay expected. */
struct death {
	uint64_t after;
	int was_ready, finished;
	uint64_t delay;
};

static const struct {
	const char *name;
	struct death deaths[12];
	int count;
} lives[] = {
	{ "served and died: at once", { { 1000, 1, 1, 0 }, { 60000, 1, 1, 0 } }, 2 },
	{ "killed every 50 ms while it works: at once",
	    { { 50, 1, 1, 0 }, { 50, 1, 1, 0 }, { 50, 1, 1, 0 }, { 50, 1, 1, 0 }, { 50, 1, 1, 0 },
		{ 50, 1, 1, 0 }, { 50, 1, 1, 0 } },
	    7 },
	{ "never gets ready: longer and longer",
	    { { 10, 0, 0, 100 }, { 100, 0, 0, 200 }, { 200, 0, 0, 400 }, { 400, 0, 0, 800 },
		{ 800, 0, 0, 1600 }, { 1600, 0, 0, 3200 }, { 3200, 0, 0, 6400 },
		{ 6400, 0, 0, 12800 }, { 12800, 0, 0, 25600 }, { 25600, 0, 0, 30000 },
		{ 30000, 0, 0, 30000 } },
	    11 },
	{ "ready, and dead without one finished connection: five are a loop",
	    { { 10, 1, 0, 0 }, { 10, 1, 0, 0 }, { 10, 1, 0, 0 }, { 10, 1, 0, 0 }, { 10, 1, 0, 100 },
		{ 100, 1, 0, 200 } },
	    6 },
	{ "the same, but slowly: no loop",
	    { { 3000, 1, 0, 0 }, { 3000, 1, 0, 0 }, { 3000, 1, 0, 0 }, { 3000, 1, 0, 0 },
		{ 3000, 1, 0, 0 }, { 3000, 1, 0, 0 } },
	    6 },
	{ "a finished connection ends a loop",
	    { { 10, 1, 0, 0 }, { 10, 1, 0, 0 }, { 10, 1, 0, 0 }, { 10, 1, 0, 0 }, { 10, 1, 0, 100 },
		{ 10, 1, 1, 0 }, { 10, 1, 0, 0 } },
	    7 },
	{ "ready again after a bad start: at once, and the next bad start begins anew",
	    { { 10, 0, 0, 100 }, { 100, 0, 0, 200 }, { 9000, 1, 1, 0 }, { 10, 0, 0, 100 } }, 4 },
};

START_TEST(delays)
{
	struct backoff b = { 0 };
	uint64_t now = 1000000;

	for (int i = 0; i < lives[_i].count; i++) {
		const struct death *d = &lives[_i].deaths[i];

		now += d->after;
		ck_assert_msg(backoff_died(&b, now, d->was_ready, d->finished) == d->delay,
		    "%s: death %d", lives[_i].name, i + 1);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("backoff");
	TCase *t = tcase_create("backoff");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(t, delays, 0, (int)(sizeof(lives) / sizeof(lives[0])));
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
