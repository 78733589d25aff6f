/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Reasons in words: the cause by how the connection was begun, the keys by who is behind. */
#include "common/mail/reason.h"

#include <check.h>
#include <string.h>

static const struct {
	const char *name;
	enum reason reason;
	uint32_t with;
	enum protocol protocol;
	enum receiver receiver;
	const char *has, *lacks; /* in the words */
} cases[] = {
	/* clang-format off */
	{ "sent to Dovecot", REASON_CLOSED, WITH_HEADER, PROTO_IMAP, RECEIVER_GENERIC, "haproxy_trusted_networks (Dovecot), or here send_proxy to none", "Postfix" },
	{ "sent to Postfix", REASON_GOODBYE, WITH_HEADER | WITH_FAREWELL, PROTO_SMTP, RECEIVER_GENERIC, "postscreen_upstream_proxy_protocol (Postfix), or here send_proxy to none", "Dovecot" },
	{ "submission may be both", REASON_SILENT, WITH_HEADER, PROTO_SUBMISSION, RECEIVER_GENERIC, "(Postfix), or haproxy = yes and haproxy_trusted_networks (Dovecot)", "accept-proxy" },
	{ "submission of Dovecot", REASON_SILENT, WITH_HEADER, PROTO_SUBMISSION, RECEIVER_DOVECOT, "haproxy_trusted_networks", "Postfix" },
	{ "Exim", REASON_RESET, WITH_HEADER, PROTO_SMTP, RECEIVER_EXIM, "hosts_proxy", "Postfix" },
	{ "HAProxy", REASON_BROKE, WITH_HEADER, PROTO_IMAP, RECEIVER_HAPROXY, "accept-proxy", "Dovecot" },
	{ "not sent", REASON_CLOSED, 0, PROTO_IMAP, RECEIVER_GENERIC, "Set send_proxy here, or look there for haproxy", "to none" },
	{ "understood, for TLS is up", REASON_CLOSED, WITH_HEADER | WITH_TLS, PROTO_IMAP, RECEIVER_GENERIC, "closed without a word", "PROXY" },
	{ "greeted without one", REASON_GOODBYE, WITH_FAREWELL, PROTO_IMAP, RECEIVER_GENERIC, "at our goodbye", "PROXY" },
	{ "has another cause", REASON_TLS_NAME, WITH_HEADER, PROTO_IMAP, RECEIVER_GENERIC, "; set server_name", "PROXY" },
	/* clang-format on */
};

START_TEST(words)
{
	struct conf_backend b = { .protocol = cases[_i].protocol, .receiver = cases[_i].receiver };
	char buf[REASON_WORDS];
	struct finding f;

	b.check.timeout = 5000;
	reason_set(&f, cases[_i].reason, cases[_i].with, "text");
	reason_words(&b, &f, buf, sizeof(buf));
	ck_assert_msg(strstr(buf, cases[_i].has), "%s: %s", cases[_i].name, buf);
	ck_assert_msg(!strstr(buf, cases[_i].lacks), "%s: %s", cases[_i].name, buf);
}
END_TEST

/* The longest text and the longest keys: the remedy is whole. */
START_TEST(no_remedy_is_cut)
{
	struct conf_backend b = { .protocol = PROTO_SUBMISSION, .check = { .timeout = 86399999 } };
	char text[400], buf[REASON_WORDS];
	struct finding f;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (uint32_t r = 0; r < 100; r++) {
		if (!reason_known(r))
			continue;
		reason_set(&f, (enum reason)r, WITH_HEADER | WITH_FAREWELL, text);
		reason_words(&b, &f, buf, sizeof(buf));
		ck_assert_uint_lt(strlen(buf), sizeof(buf) - 1);
		ck_assert_uint_gt(strlen(buf), 0);
	}
}
END_TEST

START_TEST(hostile_text)
{
	const struct conf_backend b = { .protocol = PROTO_IMAP };
	char buf[REASON_WORDS];
	struct finding f;

	reason_set(&f, REASON_OTHER, 0, "%s%n\033[2J\"\\\n\xff");
	reason_words(&b, &f, buf, sizeof(buf));
	ck_assert_str_eq(buf, "%s%n?[2J????");
	f.reason = UINT32_MAX;
	reason_words(&b, &f, buf, sizeof(buf));
	ck_assert_str_eq(buf, "");
}
END_TEST

/* Whether a server's words say that the PROXY header is what it did not expect, or missed. */
START_TEST(baffled)
{
	ck_assert_int_eq(reason_baffled(1, "502 5.5.2 Error: command not recognized"), 1);
	ck_assert_int_eq(reason_baffled(1, "* BAD Error in IMAP command received by server."), 1);
	ck_assert_int_eq(reason_baffled(1, "554 5.5.0 Error: SMTP protocol synchronization"), 1);
	ck_assert_int_eq(reason_baffled(1, "554 5.7.1 Service unavailable"), 0);
	ck_assert_int_eq(reason_baffled(0, "554 5.5.0 Error: SMTP protocol synchronization"), 0);
	ck_assert_int_eq(reason_baffled(0, "421 4.3.0 Server local error"), 1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("reason");
	TCase *t = tcase_create("reason");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, words, 0, sizeof(cases) / sizeof(cases[0]));
	tcase_add_test(t, no_remedy_is_cut);
	tcase_add_test(t, hostile_text);
	tcase_add_test(t, baffled);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
