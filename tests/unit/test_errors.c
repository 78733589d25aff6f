/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* What is wrong, once each, bounded, and in one line. */
#include "master/host/errors.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static struct errors e;

static int
add(const char *text)
{
	return errors_add(&e, text, strlen(text));
}

static void
teardown(void)
{
	errors_clear(&e);
}

START_TEST(each_line_once_and_clean)
{
	ck_assert_int_eq(add("f:1: one"), 1);
	ck_assert_int_eq(add("f:2: two"), 1);
	ck_assert_int_eq(add("f:1: one"), 0);
	ck_assert_int_eq(add("a\nb\033\"\\"), 1);
	ck_assert_uint_eq(e.count, 3);
	ck_assert_uint_eq(e.more, 0);
	ck_assert_str_eq(e.lines[1], "f:2: two");
	ck_assert_str_eq(e.lines[2], "a\\x0ab\\x1b\"\\");
	errors_clear(&e);
	ck_assert_uint_eq(e.count, 0);
	ck_assert_int_eq(add("f:1: one"), 1);
}
END_TEST

START_TEST(so_many_and_no_more)
{
	char text[32], brief[64];

	for (int i = 0; i < ERRORS_MOST + 7; i++) {
		snprintf(text, sizeof(text), "f:%d: wrong", i);
		ck_assert_int_eq(add(text), i < ERRORS_MOST ? 1 : -1);
	}
	ck_assert_uint_eq(e.count, ERRORS_MOST);
	ck_assert_uint_eq(e.more, 7);
	ck_assert_str_eq(errors_brief(&e, brief, sizeof(brief)), "f:0: wrong (and 262 more)");
}
END_TEST

START_TEST(a_long_one_is_cut)
{
	static char text[2 * ERRORS_LINE];

	memset(text, 'x', sizeof(text) - 1);
	ck_assert_int_eq(add(text), 1);
	ck_assert_uint_eq(strlen(e.lines[0]), ERRORS_LINE - 1);
}
END_TEST

static const struct {
	const char *name, *first, *second;
	size_t size;
	const char *brief;
} briefs[] = {
	{ "none", NULL, NULL, 64, "" },
	{ "one", "f:1: wrong", NULL, 64, "f:1: wrong" },
	{ "two", "f:1: wrong", "f:2: wrong", 64, "f:1: wrong (and 1 more)" },
	{ "it just fits", "0123456789", NULL, 11, "0123456789" },
	{ "it is one too long", "0123456789", NULL, 10, "012345..." },
	{ "the number stays", "0123456789", "b", 22, "01234... (and 1 more)" },
};

START_TEST(in_one_line)
{
	char buf[64];

	memset(buf, 'x', sizeof(buf));
	if (briefs[_i].first)
		ck_assert_int_eq(add(briefs[_i].first), 1);
	if (briefs[_i].second)
		ck_assert_int_eq(add(briefs[_i].second), 1);
	errors_brief(&e, buf, briefs[_i].size);
	ck_assert_msg(strlen(buf) < briefs[_i].size, "%s", briefs[_i].name);
	ck_assert_str_eq(buf, briefs[_i].brief);
	ck_assert_int_eq(buf[sizeof(buf) - 1], 'x');
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("errors");
	TCase *t = tcase_create("errors");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, NULL, teardown);
	tcase_add_test(t, each_line_once_and_clean);
	tcase_add_test(t, so_many_and_no_more);
	tcase_add_test(t, a_long_one_is_cut);
	tcase_add_loop_test(t, in_one_line, 0, sizeof(briefs) / sizeof(briefs[0]));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
