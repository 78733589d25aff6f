/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The refusals, word for word: clients parse them. */
#include "common/mail/refuse.h"

#include <check.h>

#define WORDS "mail.example.org cannot serve you now, try again later"

static const struct {
	enum protocol protocol;
	const char *text;
} cases[] = {
	{ PROTO_IMAP, "* BYE [UNAVAILABLE] " WORDS "\r\n" },
	{ PROTO_POP3, "-ERR [SYS/TEMP] " WORDS "\r\n" },
	{ PROTO_SMTP, "421 4.3.2 " WORDS "\r\n" },
	{ PROTO_SUBMISSION, "421 4.3.2 " WORDS "\r\n" },
	{ PROTO_LMTP, "421 4.3.2 " WORDS "\r\n" },
	{ PROTO_SIEVE, "BYE (TRYLATER) \"" WORDS "\"\r\n" },
	{ PROTO_TCP, "" },
};

START_TEST(words)
{
	char text[512] = "";

	ck_assert_uint_eq(refuse_text(cases[_i].protocol, "mail.example.org", text, sizeof(text)),
	    strlen(cases[_i].text));
	ck_assert_str_eq(text, cases[_i].text);
}
END_TEST

START_TEST(no_room)
{
	char text[16];

	ck_assert_uint_eq(refuse_text(PROTO_IMAP, "mail.example.org", text, sizeof(text)), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("refuse");
	TCase *t = tcase_create("refuse");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, words, 0, sizeof(cases) / sizeof(cases[0]));
	tcase_add_test(t, no_room);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
