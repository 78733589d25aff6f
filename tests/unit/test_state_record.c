/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Structs to lines and back. */
#include "master/upgrade/text.h"

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct thing {
	uint8_t small;
	uint32_t middle;
	uint64_t large;
	int fd;
	uint8_t bytes[4];
	char text[8];
};

/* clang-format off */
static const struct member members[] = {
	MEMBER_OF(struct thing, small, MEMBER_NUMBER), MEMBER_OF(struct thing, middle, MEMBER_NUMBER),
	MEMBER_OF(struct thing, large, MEMBER_NUMBER), MEMBER_OF(struct thing, fd, MEMBER_FD),
	MEMBER_OF(struct thing, bytes, MEMBER_BYTES), MEMBER_OF(struct thing, text, MEMBER_TEXT),
	MEMBERS_END
};
/* clang-format on */

static const struct thing things[] = {
	{ 0 },
	{ 255, UINT32_MAX, UINT64_MAX, -1, { 0xff, 0, 0x0a, 0x20 }, "a b=\"\n" },
	{ 1, 2, 3, 4, { 5, 6, 7, 8 }, "seven__" },
};

START_TEST(there_and_back)
{
	struct thing got;
	char *line = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&line, &len);

	memset(&got, 0x55, sizeof(got));
	fputs("thing", f);
	record_write(f, members, &things[_i]);
	fclose(f);
	ck_assert_ptr_null(strchr(line, '\n'));
	ck_assert_int_eq(record_read(line, members, &got), 0);
	ck_assert_uint_eq(got.small, things[_i].small);
	ck_assert_uint_eq(got.middle, things[_i].middle);
	ck_assert_uint_eq(got.large, things[_i].large);
	ck_assert_int_eq(got.fd, things[_i].fd);
	ck_assert_mem_eq(got.bytes, things[_i].bytes, sizeof(got.bytes));
	ck_assert_str_eq(got.text, things[_i].text);
	free(line);
}
END_TEST

static const struct {
	const char *line;
	int good;
} lines[] = {
	{ "thing", 1 },
	{ "thing small=7", 1 },
	{ "thing unknown=what small=7 newer=", 1 }, /* another version's */
	{ "thing small=256", 0 },
	{ "thing middle=4294967296", 0 },
	{ "thing large=18446744073709551616", 0 },
	{ "thing small=-1", 0 },
	{ "thing small=", 0 },
	{ "thing small=7x", 0 },
	{ "thing small", 0 },
	{ "thing  small=7", 0 },
	{ "thing fd=-2", 0 },
	{ "thing fd=2147483648", 0 },
	{ "thing fd=x", 0 },
	{ "thing bytes=010203", 0 },
	{ "thing bytes=0102030405", 0 },
	{ "thing bytes=0102030", 0 },
	{ "thing bytes=010203zz", 0 },
	{ "thing text=41424344454647", 1 },
	{ "thing text=4142434445464748", 0 }, /* no room for the NUL */
	{ "thing text=", 1 },
};

START_TEST(reads_only_what_the_table_says)
{
	struct thing got = { 0 };

	ck_assert_msg((record_read(lines[_i].line, members, &got) == 0) == (lines[_i].good != 0),
	    "%s", lines[_i].line);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("state_record");
	TCase *t = tcase_create("record");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(t, there_and_back, 0, (int)(sizeof(things) / sizeof(things[0])));
	tcase_add_loop_test(
	    t, reads_only_what_the_table_says, 0, (int)(sizeof(lines) / sizeof(lines[0])));
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
