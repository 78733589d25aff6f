/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The first words of servers: which are kept, for how long, and that they are whole or not told. */
#include "worker/conn/words.h"

#include <check.h>
#include <string.h>

static struct words w;
static int more;

static void
hear(uint64_t id, uint64_t before, const char *text)
{
	words_heard(&w, id, before, (const uint8_t *)text, strlen(text));
}

START_TEST(one_line)
{
	hear(1, 0, "* BYE full\r\n");
	ck_assert_str_eq(words_first(&w, 1, 12, &more), "* BYE full");
	ck_assert_int_eq(more, 0);
	/* It said something else as well, which was not heard. */
	ck_assert_ptr_null(words_first(&w, 1, 13, &more));
	ck_assert_ptr_null(words_first(&w, 2, 12, &more));
}
END_TEST

START_TEST(in_pieces)
{
	hear(1, 0, "421");
	hear(1, 3, "-a\r");
	hear(1, 6, "\n421 b\r\n");
	ck_assert_str_eq(words_first(&w, 1, 14, &more), "421-a");
	ck_assert_int_eq(more, 1);
	/* A piece that was not seen: nothing is told. */
	hear(1, 20, "x");
	ck_assert_ptr_null(words_first(&w, 1, 21, &more));
}
END_TEST

START_TEST(long_ones_are_cut)
{
	uint8_t big[4 * WORDS_MOST];

	memset(big, 'x', sizeof(big));
	big[1] = 0;
	words_heard(&w, 1, 0, big, 300);
	ck_assert_uint_eq(strlen(words_first(&w, 1, 300, &more)), WORDS_TEXT - 1);
	ck_assert_int_eq(words_first(&w, 1, 300, &more)[1], '?');
	words_heard(&w, 1, 300, big, sizeof(big));
	ck_assert_uint_eq(strlen(words_first(&w, 1, 300 + sizeof(big), &more)), WORDS_TEXT - 1);
	words_heard(&w, 1, 0, (const uint8_t *)"\r\n", 2);
	ck_assert_ptr_null(words_first(&w, 1, 2, &more));
}
END_TEST

/* Whoever comes later takes the place; those that are still there are whole. */
START_TEST(the_latest_stay)
{
	char text[16];
	size_t kept = 0;

	memset(&w, 0, sizeof(w));
	for (uint64_t id = 2; id <= 2000; id += 2) {
		text[0] = (char)('a' + id % 26);
		text[1] = '\0';
		hear(id, 0, text);
		ck_assert_str_eq(words_first(&w, id, 1, &more), text);
	}
	for (uint64_t id = 2; id <= 2000; id += 2) {
		const char *got = words_first(&w, id, 1, &more);

		kept += got != NULL;
		ck_assert(!got || got[0] == (char)('a' + id % 26));
	}
	/* Even numbers find more than every second place. */
	ck_assert_uint_gt(kept, WORDS_KEPT / 2);
	ck_assert_uint_le(kept, WORDS_KEPT);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("words");
	TCase *t = tcase_create("words");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(t, one_line);
	tcase_add_test(t, in_pieces);
	tcase_add_test(t, long_ones_are_cut);
	tcase_add_test(t, the_latest_stay);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
