/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Greetings and farewells: every form that servers use and misuse, each in one piece, split at
 * every byte, and byte by byte.
 */
#include "common/mail/expect.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define G PHASE_GREETING
#define F PHASE_FAREWELL

static const struct sample {
	const char *name;
	enum check_type type;
	enum expect_phase phase;
	const char *bytes;
	enum expect_answer answer;
	const char *kept; /* NULL: whatever */
	size_t rest;      /* bytes at the end that are not part of the answer */
} samples[] = {
	/* clang-format off */
	{ "imap ok", CHECK_IMAP, G, "* OK [CAPABILITY IMAP4rev1] Dovecot ready.\r\n", ANSWER_YES, "* OK [CAPABILITY IMAP4rev1] Dovecot ready.", 0 },
	{ "imap ok, nothing else", CHECK_IMAP, G, "* OK\r\n", ANSWER_YES, "* OK", 0 },
	{ "imap lower case", CHECK_IMAP, G, "* ok hello\r\n", ANSWER_YES, "* ok hello", 0 },
	{ "imap bare newline", CHECK_IMAP, G, "* OK hello\n", ANSWER_YES, "* OK hello", 0 },
	{ "imap preauth", CHECK_IMAP, G, "* PREAUTH IMAP4rev1 server\r\n", ANSWER_YES, NULL, 0 },
	{ "imap bye", CHECK_IMAP, G, "* BYE Too many connections\r\n", ANSWER_NO, "* BYE Too many connections", 0 },
	{ "imap okay is no ok", CHECK_IMAP, G, "* OKAY\r\n", ANSWER_STRANGE, NULL, 0 },
	{ "imap without star", CHECK_IMAP, G, "OK hello\r\n", ANSWER_STRANGE, NULL, 0 },
	{ "imap half a line", CHECK_IMAP, G, "* OK hello", ANSWER_MORE, NULL, 0 },
	{ "imap half a line, cr", CHECK_IMAP, G, "* OK hello\r", ANSWER_MORE, NULL, 0 },
	{ "imap nothing", CHECK_IMAP, G, "", ANSWER_MORE, NULL, 0 },
	{ "imap empty line", CHECK_IMAP, G, "\r\n", ANSWER_STRANGE, "", 0 },
	{ "imap, smtp instead", CHECK_IMAP, G, "220 mail ESMTP\r\n", ANSWER_STRANGE, "220 mail ESMTP", 0 },
	{ "imap, more than a greeting", CHECK_IMAP, G, "* OK hi\r\n* BYE bye\r\n", ANSWER_YES, "* OK hi", 11 },
	{ "imap logout", CHECK_IMAP, F, "* BYE Logging out\r\nx OK Logout completed.\r\n", ANSWER_YES, "x OK Logout completed.", 0 },
	{ "imap logout, bye only", CHECK_IMAP, F, "* BYE Logging out\r\n", ANSWER_MORE, NULL, 0 },
	{ "imap logout, upper tag", CHECK_IMAP, F, "X OK done\r\n", ANSWER_YES, NULL, 0 },
	{ "imap logout, no", CHECK_IMAP, F, "x NO never\r\n", ANSWER_NO, NULL, 0 },
	{ "imap logout, bad", CHECK_IMAP, F, "x BAD what\r\n", ANSWER_NO, NULL, 0 },
	{ "imap logout, untagged bad", CHECK_IMAP, F, "* BAD Error in IMAP command\r\n", ANSWER_NO, NULL, 0 },
	{ "imap logout, another tag", CHECK_IMAP, F, "y OK done\r\n", ANSWER_STRANGE, NULL, 0 },
	{ "pop3 ok", CHECK_POP3, G, "+OK Dovecot ready.\r\n", ANSWER_YES, NULL, 0 },
	{ "pop3 apop", CHECK_POP3, G, "+OK ready <1896.697170952@dbc.mtview.ca.us>\r\n", ANSWER_YES, NULL, 0 },
	{ "pop3 err", CHECK_POP3, G, "-ERR [SYS/TEMP] busy\r\n", ANSWER_NO, "-ERR [SYS/TEMP] busy", 0 },
	{ "pop3 okay is no ok", CHECK_POP3, G, "+OKAY\r\n", ANSWER_STRANGE, NULL, 0 },
	{ "pop3 quit", CHECK_POP3, F, "+OK Logging out\r\n", ANSWER_YES, NULL, 0 },
	{ "smtp", CHECK_SMTP, G, "220 mail.example.org ESMTP Postfix\r\n", ANSWER_YES, NULL, 0 },
	{ "smtp code alone", CHECK_SMTP, G, "220\r\n", ANSWER_YES, NULL, 0 },
	{ "smtp teaser only", CHECK_SMTP, G, "220-mail.example.org ESMTP, wait\r\n", ANSWER_MORE, NULL, 0 },
	{ "smtp teaser and greeting", CHECK_SMTP, G, "220-mail.example.org, wait\r\n220 mail.example.org ESMTP Postfix\r\n", ANSWER_YES, "220 mail.example.org ESMTP Postfix", 0 },
	{ "smtp many lines", CHECK_SMTP, G, "220-a\r\n220-b\r\n220-\r\n220 d\r\n", ANSWER_YES, "220 d", 0 },
	{ "smtp teaser, then busy", CHECK_SMTP, G, "220-wait\r\n421 4.3.2 All server ports are busy\r\n", ANSWER_NO, "421 4.3.2 All server ports are busy", 0 },
	{ "smtp 421", CHECK_SMTP, G, "421 4.7.0 come back later\r\n", ANSWER_NO, NULL, 0 },
	{ "smtp 421, many lines", CHECK_SMTP, G, "421-one\r\n421 two\r\n", ANSWER_NO, "421-one", 9 },
	{ "smtp 554", CHECK_SMTP, G, "554 5.7.1 no\r\n", ANSWER_NO, NULL, 0 },
	{ "smtp 250 is no greeting", CHECK_SMTP, G, "250 hello\r\n", ANSWER_STRANGE, NULL, 0 },
	{ "smtp four digits", CHECK_SMTP, G, "2200 hello\r\n", ANSWER_STRANGE, NULL, 0 },
	{ "smtp 4 and a letter", CHECK_SMTP, G, "42a hello\r\n", ANSWER_STRANGE, NULL, 0 },
	{ "smtp two digits", CHECK_SMTP, G, "42\r\n", ANSWER_STRANGE, NULL, 0 },
	{ "smtp quit", CHECK_SMTP, F, "221 2.0.0 Bye\r\n", ANSWER_YES, NULL, 0 },
	{ "smtp quit, many lines", CHECK_SMTP, F, "221-see\r\n221 you\r\n", ANSWER_YES, "221 you", 0 },
	{ "smtp quit, syntax", CHECK_SMTP, F, "500 5.5.2 Error: bad syntax\r\n", ANSWER_NO, NULL, 0 },
	{ "submission", CHECK_SUBMISSION, G, "220 mail ESMTP\r\n", ANSWER_YES, NULL, 0 },
	{ "lmtp", CHECK_LMTP, G, "220 mail LMTP\r\n", ANSWER_YES, NULL, 0 },
	{ "lmtp 421", CHECK_LMTP, G, "421 no\r\n", ANSWER_NO, NULL, 0 },
	{ "sieve", CHECK_SIEVE, G, "\"IMPLEMENTATION\" \"Dovecot Pigeonhole\"\r\n\"SIEVE\" \"fileinto\"\r\nOK \"Dovecot ready.\"\r\n", ANSWER_YES, "OK \"Dovecot ready.\"", 0 },
	{ "sieve, capabilities only", CHECK_SIEVE, G, "\"SIEVE\" \"fileinto\"\r\n", ANSWER_MORE, NULL, 0 },
	{ "sieve bye", CHECK_SIEVE, G, "BYE \"Too many connections\"\r\n", ANSWER_NO, NULL, 0 },
	{ "sieve no", CHECK_SIEVE, G, "NO\r\n", ANSWER_NO, NULL, 0 },
	{ "sieve literal", CHECK_SIEVE, G, "BYE {15}\r\nno\r\nOK \"really\"\r\nOK\r\n", ANSWER_NO, "BYE no\r\nOK \"really\"", 4 },
	{ "sieve literal, plus", CHECK_SIEVE, G, "\"X\" {4+}\r\nOK\r\n\r\nOK\r\n", ANSWER_YES, "OK", 0 },
	{ "sieve literal of nothing", CHECK_SIEVE, G, "OK {0}\r\n\r\n", ANSWER_YES, "OK ", 0 },
	{ "sieve braces in a string", CHECK_SIEVE, G, "\"X\" \"{5}\"\r\nOK\r\n", ANSWER_YES, "OK", 0 },
	{ "sieve braces, not a number", CHECK_SIEVE, G, "OK {x}\r\n", ANSWER_YES, "OK {x}", 0 },
	{ "sieve literal as large as can be", CHECK_SIEVE, G, "OK {99999999999999999999}\r\nOK\r\n", ANSWER_MORE, NULL, 0 },
	{ "sieve logout", CHECK_SIEVE, F, "OK \"Logout completed.\"\r\n", ANSWER_YES, NULL, 0 },
	{ "sieve, imap instead", CHECK_SIEVE, G, "* OK hello\r\n", ANSWER_STRANGE, NULL, 0 },
	{ "expect", CHECK_EXPECT, G, "xx* OKyy", ANSWER_YES, "xx* OK", 2 },
	{ "expect, twice begun", CHECK_EXPECT, G, "* * OK", ANSWER_YES, "* * OK", 0 },
	{ "expect, not there", CHECK_EXPECT, G, "* NO way\r\n", ANSWER_MORE, NULL, 0 },
	/* clang-format on */
};

/* Feed a sample in pieces that end at a, at b and at its end. */
static void
try_split(const struct sample *s, size_t a, size_t b)
{
	size_t size = strlen(s->bytes), at = 0, used, ends[3] = { a, b, size };
	enum expect_answer answer = ANSWER_MORE;
	char *kept = malloc(expect_room(s->type));
	struct expect e;

	expect_start(&e, s->type, s->phase, "* OK", kept);
	for (int i = 0; i < 3 && answer == ANSWER_MORE; i++) {
		answer = expect_feed(&e, s->bytes + at, ends[i] - at, &used);
		ck_assert_uint_le(used, ends[i] - at);
		at += used;
		if (answer == ANSWER_MORE)
			ck_assert_uint_eq(at, ends[i]);
	}
	ck_assert_msg(answer == s->answer, "%s, split at %zu and %zu: %d", s->name, a, b, answer);
	if (answer != ANSWER_MORE)
		ck_assert_msg(size - at == s->rest, "%s: %zu bytes left", s->name, size - at);
	if (s->kept) {
		ck_assert_uint_eq(e.len, strlen(s->kept));
		ck_assert_mem_eq(e.kept, s->kept, e.len);
	}
	free(kept);
}

START_TEST(each_sample)
{
	const struct sample *s = &samples[_i];
	size_t size = strlen(s->bytes);

	for (size_t a = 0; a <= size; a++)
		for (size_t b = a; b <= size; b++)
			try_split(s, a, b);
}
END_TEST

/* A server that never comes to an end is heard so far and no further. */
START_TEST(endless)
{
	static const enum check_type types[] = { CHECK_IMAP, CHECK_POP3, CHECK_SMTP, CHECK_LMTP,
		CHECK_SIEVE, CHECK_EXPECT };
	static const char *const lines[] = { "x", "220-and so on\r\n", "\"CAPABILITY\"\r\n",
		"{9}\r\n", "\r", "* " };
	char *kept = malloc(EXPECT_MAX + 1);
	enum expect_answer answer;
	struct expect e;
	size_t used, size;

	for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++)
		for (size_t l = 0; l < sizeof(lines) / sizeof(lines[0]); l++) {
			kept[expect_room(types[t])] = 'K';
			expect_start(&e, types[t], PHASE_GREETING, "needle", kept);
			size = 0;
			do {
				answer = expect_feed(&e, lines[l], strlen(lines[l]), &used);
				size += used;
				ck_assert_uint_le(size, EXPECT_MAX);
			} while (answer == ANSWER_MORE);
			ck_assert(answer == ANSWER_LONG || answer == ANSWER_STRANGE);
			if (answer == ANSWER_LONG)
				ck_assert_uint_eq(size, EXPECT_MAX);
			ck_assert_uint_le(e.len, expect_room(types[t]));
			ck_assert_int_eq(kept[expect_room(types[t])], 'K');
		}
	free(kept);
}
END_TEST

/* Every byte is harmless, a NUL too. */
START_TEST(every_byte)
{
	char kept[EXPECT_LINE], bytes[] = "* OK ?\n";
	struct expect e;
	size_t used;

	for (int ch = 0; ch < 256; ch++) {
		bytes[5] = (char)ch;
		expect_start(&e, CHECK_IMAP, PHASE_GREETING, NULL, kept);
		ck_assert_int_eq(expect_feed(&e, bytes, sizeof(bytes) - 1, &used), ANSWER_YES);
	}
}
END_TEST

/* Who has a greeting has a farewell, and a name for the reasons. */
START_TEST(types)
{
	for (int t = 0; t < CHECK_TYPE_COUNT; t++)
		ck_assert_int_eq(expect_goodbye((enum check_type)t) != NULL,
		    t >= CHECK_IMAP && expect_protocol((enum check_type)t));
	ck_assert_str_eq(expect_goodbye(CHECK_IMAP), "x LOGOUT\r\n");
	ck_assert_str_eq(expect_goodbye(CHECK_LMTP), "QUIT\r\n");
	ck_assert_ptr_null(expect_goodbye((enum check_type)1000));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("expect");
	TCase *t = tcase_create("expect");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, each_sample, 0, sizeof(samples) / sizeof(samples[0]));
	tcase_add_test(t, endless);
	tcase_add_test(t, every_byte);
	tcase_add_test(t, types);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
