/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Rise and fall, exhaustively: every state, streak, result and pair of rules against the words of
 * the header, then every row of ten results against a count made another way.
 */
#include "common/health.h"

#include <check.h>
#include <stdlib.h>

#define STATES 5
#define RULES  5
#define ROW    10

/* What the header says, as a table: state, result, bad or good ones needed, then and till then. */
static const struct rule {
	enum health_state state;
	int ok;
	enum { ONE, RISE, FALL } needed;
	enum health_state then, until;
} rules[] = {
	{ HEALTH_CHECKING, 1, ONE, HEALTH_UP, HEALTH_UP },
	{ HEALTH_CHECKING, 0, FALL, HEALTH_DOWN, HEALTH_CHECKING },
	{ HEALTH_UP, 1, ONE, HEALTH_UP, HEALTH_UP },
	{ HEALTH_UP, 0, FALL, HEALTH_DOWN, HEALTH_GOING_DOWN },
	{ HEALTH_GOING_DOWN, 1, ONE, HEALTH_UP, HEALTH_UP },
	{ HEALTH_GOING_DOWN, 0, FALL, HEALTH_DOWN, HEALTH_GOING_DOWN },
	{ HEALTH_DOWN, 1, RISE, HEALTH_UP, HEALTH_GOING_UP },
	{ HEALTH_DOWN, 0, ONE, HEALTH_DOWN, HEALTH_DOWN },
	{ HEALTH_GOING_UP, 1, RISE, HEALTH_UP, HEALTH_GOING_UP },
	{ HEALTH_GOING_UP, 0, ONE, HEALTH_DOWN, HEALTH_DOWN },
};

START_TEST(each_rule)
{
	const struct rule *r = &rules[_i];
	struct health_rules hr;
	struct health h, n;
	uint32_t needed;

	for (hr.rise = 1; hr.rise <= RULES; hr.rise++)
		for (hr.fall = 1; hr.fall <= RULES; hr.fall++)
			for (uint32_t streak = 0; streak <= RULES + 2; streak++) {
				h = (struct health){ r->state, streak };
				n = health_next(h, hr, r->ok);
				needed = r->needed == RISE ? hr.rise : hr.fall;
				if (r->needed == ONE || streak + 1 >= needed) {
					ck_assert_int_eq(n.state, r->then);
					ck_assert_uint_eq(n.streak, 0);
				} else {
					ck_assert_int_eq(n.state, r->until);
					ck_assert_uint_eq(n.streak, streak + 1);
				}
			}
}
END_TEST

/* Every row of ten results from both starts: the state follows from the last results alone. */
START_TEST(each_row)
{
	struct health_rules hr = { (uint32_t)_i % RULES + 1, (uint32_t)_i / RULES % RULES + 1 };
	int initial_up = _i / (RULES * RULES), up, known, ok;
	uint32_t good, bad;
	struct health h;

	for (unsigned row = 0; row < 1U << ROW; row++) {
		h = health_start(initial_up);
		up = known = initial_up;
		good = bad = 0;
		for (int i = 0; i < ROW; i++) {
			ok = (int)(row >> i & 1);
			good = ok ? good + 1 : 0;
			bad = ok ? 0 : bad + 1;
			if (ok && (!known || good >= hr.rise))
				up = known = 1;
			if (!ok && bad >= hr.fall) {
				up = 0;
				known = 1;
			}
			h = health_next(h, hr, ok);
			ck_assert_int_eq(health_usable(h.state), up);
			ck_assert_int_eq(h.state == HEALTH_CHECKING, !known);
		}
	}
}
END_TEST

START_TEST(starts_and_names)
{
	static const char *const names[STATES] = { "checking", "up", "going-down", "down",
		"going-up" };

	ck_assert_int_eq(health_start(0).state, HEALTH_CHECKING);
	ck_assert_int_eq(health_start(1).state, HEALTH_UP);
	ck_assert_uint_eq(health_start(0).streak, 0);
	for (int s = 0; s < STATES; s++) {
		ck_assert_str_eq(health_name((enum health_state)s), names[s]);
		ck_assert_int_eq(
		    health_usable((enum health_state)s), s == HEALTH_UP || s == HEALTH_GOING_DOWN);
	}
	ck_assert_str_eq(health_name((enum health_state)77), "unknown");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("health");
	TCase *t = tcase_create("health");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(t, each_rule, 0, (int)(sizeof(rules) / sizeof(rules[0])));
	tcase_add_loop_test(t, each_row, 0, 2 * RULES * RULES);
	tcase_add_test(t, starts_and_names);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
