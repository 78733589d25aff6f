/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Which command a line is, as master and mailreevectl both read it. */
#include "common/control.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *line;
	int command;
	const char *rest;
} lines[] = {
	{ "help", CONTROL_HELP, "" },
	{ "show info\n", CONTROL_SHOW_INFO, "" },
	{ "  show\t info\r\n", CONTROL_SHOW_INFO, "" },
	{ "show servers state", CONTROL_SHOW_STATE, "" },
	{ "show servers state dovecot", CONTROL_SHOW_STATE, "dovecot" },
	{ "status  now please", CONTROL_STATUS, "now please" },
	{ "reload", CONTROL_RELOAD, "" },
	{ "reload  certificates", CONTROL_RELOAD_CERTS, "" },
	{ "reload certificate", CONTROL_RELOAD, "certificate" },
	{ "", -1, NULL },
	{ " ", -1, NULL },
	{ "show", -1, NULL },
	{ "show servers", -1, NULL },
	{ "show information", -1, NULL },
	{ "showinfo", -1, NULL },
	{ "statu", -1, NULL },
	{ "HELP", -1, NULL },
};

START_TEST(finds_command)
{
	const char *rest = NULL;

	ck_assert_int_eq(control_find(lines[_i].line, &rest), lines[_i].command);
	ck_assert_int_eq(control_find(lines[_i].line, NULL), lines[_i].command);
	if (lines[_i].rest)
		ck_assert_str_eq(rest, lines[_i].rest);
	else
		ck_assert_ptr_null(rest);
}
END_TEST

START_TEST(every_command_is_found_by_its_own_words)
{
	ck_assert_int_eq(control_find(control_commands[_i].words, NULL), _i);
	ck_assert_ptr_nonnull(control_commands[_i].help);
}
END_TEST

START_TEST(verdicts)
{
	for (int v = VERDICT_OK; v <= VERDICT_CRITICAL; v++) {
		char line[128];

		strcpy(line, control_verdict_text(v));
		strcat(line, "3 of 4 servers up");
		ck_assert_int_eq(control_verdict_find(line), v);
	}
	ck_assert_int_eq(control_verdict_find("OK"), -1);
	ck_assert_int_eq(control_verdict_find("OKAY: "), -1);
	ck_assert_int_eq(control_verdict_find("error: OK: "), -1);
	ck_assert_int_eq(control_verdict_find(""), -1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("control");
	TCase *t = tcase_create("control");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(t, finds_command, 0, sizeof(lines) / sizeof(lines[0]));
	tcase_add_loop_test(t, every_command_is_found_by_its_own_words, 0, CONTROL_COUNT);
	tcase_add_test(t, verdicts);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
