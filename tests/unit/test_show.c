/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* mailreevectl: tables are aligned, HAProxy's formats stay as they are. */
#include "ctl/show.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	enum control_shape shape;
	const char *in, *out;
} shows[] = {
	{ "aligned", SHAPE_TABLE, "# pid what note\n1 worker -\n12345 keeper a few words\n",
	    "PID    WHAT    NOTE\n1      worker  -\n12345  keeper  a few words\n" },
	{ "head alone", SHAPE_TABLE, "# pid what\n", "PID  WHAT\n" },
	{ "short row", SHAPE_TABLE, "# a b c\nx\n", "A  B  C\nx     \n" },
	{ "one column", SHAPE_TABLE, "# a\nb c\n", "A\nb c\n" },
	{ "status", SHAPE_STATUS, "OK: 1 of 1\n0.1, up\n# server state\nb/s up\n",
	    "OK: 1 of 1\n0.1, up\nSERVER  STATE\nb/s     up\n" },
	{ "no head", SHAPE_TABLE, "nothing runs\n", "nothing runs\n" },
	{ "empty head", SHAPE_TABLE, "# \nx y\n", "# \nx y\n" },
	{ "HAProxy's", SHAPE_STATE, "1\n# be_id be_name\n1 dovecot\n",
	    "1\n# be_id be_name\n1 dovecot\n" },
	{ "keys", SHAPE_KEYS, "Name: Mailreeve\n", "Name: Mailreeve\n" },
	{ "words", SHAPE_WORDS, "# a b\nlong row\n", "# a b\nlong row\n" },
	{ "nothing", SHAPE_TABLE, "", "" },
};

static char *
shown(enum control_shape shape, const char *in)
{
	char *out = NULL, *text = malloc(strlen(in) + 1);
	size_t size;
	struct answer a;
	FILE *f = open_memstream(&out, &size);

	memcpy(text, in, strlen(in));
	ck_assert_int_eq(answer_split(text, strlen(in), &a), 0);
	show_print(f, shape, &a);
	fclose(f);
	answer_free(&a);
	return out;
}

START_TEST(show)
{
	char *out = shown(shows[_i].shape, shows[_i].in);

	ck_assert_msg(strcmp(out, shows[_i].out) == 0, "%s:\n%s", shows[_i].name, out);
	free(out);
}
END_TEST

/* More columns than are aligned: printed as it came, and no memory is overrun. */
START_TEST(too_many_columns)
{
	char in[512] = "#";
	char *out;

	for (int i = 0; i < 100; i++)
		strcat(in, " a");
	strcat(in, "\n");
	out = shown(SHAPE_TABLE, in);
	ck_assert_str_eq(out, in);
	free(out);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("show");
	TCase *t = tcase_create("show");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(t, show, 0, sizeof(shows) / sizeof(shows[0]));
	tcase_add_test(t, too_many_columns);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
