/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Log lines: what stands in them, that JSON is JSON, and what happens when nobody reads. */
#include "common/log.h"
#include "common/log_escape.h"

#include <check.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static int ends[2];
static char got[2 * LOG_LINE_MAX];

static size_t takes; /* how much of a line a busy socket takes; 0: all */

ssize_t
write(int fd, const void *buf, size_t n)
{
	return syscall(SYS_write, fd, buf, takes && takes < n ? takes : n);
}

static int old_kernel; /* pipes do not know RWF_NOWAIT */

ssize_t
pwritev2(int fd, const struct iovec *parts, int count, off_t at, int flags)
{
	if (old_kernel)
		return errno = EOPNOTSUPP, -1;
	return syscall(SYS_pwritev2, fd, parts, count, at, at >> 31 >> 1, flags);
}

static void
setup(void)
{
	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
}

/* Everything that was written since the last call, as a string. */
static const char *
written(void)
{
	ssize_t n = read(ends[0], got, sizeof(got) - 1);

	got[n > 0 ? n : 0] = '\0';
	return got;
}

static const struct {
	const char *name, *value;
	size_t size;
	const char *text, *json;
} values[] = {
#define V(s) s, sizeof(s) - 1
	{ "word", V("imaps"), "k=imaps", "\"k\":\"imaps\"" },
	{ "address", V("[2001:db8::1]:993"), "k=[2001:db8::1]:993", "\"k\":\"[2001:db8::1]:993\"" },
	{ "nothing", V(""), "k=-", "\"k\":\"-\"" },
	{ "a value that says nothing", V("-"), "k=\"-\"", "\"k\":\"-\"" },
	{ "blank", V("a b"), "k=\"a b\"", "\"k\":\"a b\"" },
	{ "another field", V("x=1"), "k=\"x=1\"", "\"k\":\"x=1\"" },
	{ "quote", V("a\"b"), "k=\"a\\\"b\"", "\"k\":\"a\\\"b\"" },
	{ "backslash", V("a\\b"), "k=\"a\\\\b\"", "\"k\":\"a\\\\b\"" },
	{ "newline", V("a\nb"), "k=\"a\\x0ab\"", "\"k\":\"a\\u000ab\"" },
	{ "escape", V("\033[2J"), "k=\"\\x1b[2J\"", "\"k\":\"\\u001b[2J\"" },
	{ "NUL", V("a\0b"), "k=\"a\\x00b\"", "\"k\":\"a\\u0000b\"" },
	{ "DEL", V("\177"), "k=\"\\x7f\"", "\"k\":\"\\u007f\"" },
	{ "UTF-8", V("\xc3\xa4"), "k=\"\\xc3\\xa4\"", "\"k\":\"\\u00c3\\u00a4\"" },
#undef V
};

START_TEST(value)
{
	struct log_line l;
	char want[256];

	log_open(ends[1], LOG_INFO, 0, 0);
	log_begin(&l, LOG_INFO);
	log_bytes(&l, "k", values[_i].value, values[_i].size);
	log_number(&l, "n", 18446744073709551615u);
	log_end(&l);
	snprintf(want, sizeof(want), "<6>%s n=18446744073709551615\n", values[_i].text);
	ck_assert_str_eq(written(), want);

	log_open(ends[1], LOG_INFO, 1, 0);
	log_begin(&l, LOG_WARNING);
	log_bytes(&l, "k", values[_i].value, values[_i].size);
	log_number(&l, "n", 7);
	log_end(&l);
	written();
	ck_assert_msg(strncmp(got, "<4>{\"time\":\"20", 14) == 0, "%s", got);
	ck_assert_ptr_nonnull(strstr(got, "Z\",\"level\":\"warning\",\"k\":"));
	snprintf(want, sizeof(want), "\",%s,\"n\":7}\n", values[_i].json);
	ck_assert_msg(strstr(got, want), "%s not in %s", want, got);
}
END_TEST

START_TEST(kinds_of_fields)
{
	struct log_line l;

	log_open(ends[1], LOG_INFO, 0, 0);
	log_begin(&l, LOG_ERR);
	log_text(&l, "a", NULL);
	log_text(&l, "b", "x");
	log_quoted(&l, "why", "x");
	log_quoted(&l, "none", NULL);
	log_end(&l);
	ck_assert_str_eq(written(), "<3>a=- b=x why=\"x\" none=\"\"\n");
	ck_assert_uint_eq(log_lost(), 0);
}
END_TEST

/* 2026-03-01T12:34:56.789Z */
static int
is_time(const char *s)
{
	const char *form = "dddd-dd-ddTdd:dd:dd.dddZ";

	for (; *form; form++, s++)
		if (*form == 'd' ? !isdigit((unsigned char)*s) : *s != *form)
			return 0;
	return 1;
}

START_TEST(time_stands_first)
{
	struct log_line l;

	log_open(ends[1], LOG_INFO, 0, 1);
	log_say(LOG_INFO, "ready");
	written();
	ck_assert_msg(strncmp(got, "<6>time=", 8) == 0 && is_time(got + 8), "%s", got);
	ck_assert_str_eq(got + 8 + 24, " ready\n");
	log_begin(&l, LOG_INFO);
	log_text(&l, "k", "v");
	log_end(&l);
	ck_assert_msg(strstr(written(), "Z k=v\n"), "%s", got);
}
END_TEST

START_TEST(levels)
{
	struct log_line l;

	log_open(ends[1], LOG_WARNING, 0, 0);
	log_say(LOG_INFO, "no");
	log_begin(&l, LOG_DEBUG);
	log_end(&l);
	ck_assert_str_eq(written(), "");
	log_say(LOG_WARNING, "unknown key \"%s\"", "a\nb\x80");
	ck_assert_str_eq(written(), "<4>unknown key \"a\\x0ab\\x80\"\n");
	log_open(ends[1], LOG_WARNING, 1, 0);
	log_say(LOG_ERR, "unknown key \"%s\"", "a\nb");
	ck_assert_msg(
	    strstr(written(), ",\"msg\":\"unknown key \\\"a\\u000ab\\\"\"}\n"), "%s", got);
}
END_TEST

/* Whatever the length, a line is one line, bounded, whole, and says so when it was cut. */
START_TEST(cut_visibly)
{
	static const char *const bytes[] = { "a", "\n", "\"" };
	static char big[3 * LOG_LINE_MAX];
	struct log_line l;
	int json = _i & 1;
	const char *byte = bytes[_i / 2];

	log_open(ends[1], LOG_INFO, json, 1);
	memset(big, *byte, sizeof(big) - 1);
	for (size_t n = 1; n < sizeof(big); n += n < 100 ? 1 : 97) {
		size_t len;

		log_begin(&l, LOG_INFO);
		for (int i = 0; i < 8; i++)
			log_bytes(&l, "k", big, n / 8 + 1);
		log_text(&l, "last", "field");
		log_end(&l);
		len = strlen(written());
		ck_assert_uint_ge(len, 1);
		ck_assert_uint_le(len, LOG_LINE_MAX);
		ck_assert_ptr_eq(strchr(got, '\n'), got + len - 1);
		ck_assert_int_eq(!strstr(got, "last"), strstr(got, "cut") != NULL);
		ck_assert_int_eq(strstr(got, "...") != NULL, n / 8 + 1 > LOG_VALUE_MAX);
		if (json)
			ck_assert_str_eq(got + len - 2, "}\n");

		log_say(LOG_INFO, "%.*s", (int)n, big);
		len = strlen(written());
		ck_assert_uint_le(len, LOG_LINE_MAX);
		ck_assert_ptr_eq(strchr(got, '\n'), got + len - 1);
		if (n > LOG_LINE_MAX)
			ck_assert_ptr_nonnull(strstr(got, "cut"));
		if (json)
			ck_assert_msg(
			    strcmp(got + len - 3, "\"}\n") == 0 || strstr(got, "\",\"cut\":1}\n"),
			    "%s", got + len - 20);
	}
}
END_TEST

START_TEST(nobody_reads)
{
	int n = 0;

	log_open(ends[1], LOG_INFO, 0, 0);
	while (log_lost() == 0) {
		log_say(LOG_INFO, "%0500d", 1);
		ck_assert_int_lt(++n, 10000);
	}
	log_say(LOG_INFO, "%0500d", 1);
	ck_assert_uint_eq(log_lost(), 2);
	close(ends[0]);
	log_say(LOG_INFO, "x");
	ck_assert_uint_eq(log_lost(), 3);
}
END_TEST

/* A pipe in blocking mode, where kernels can be asked not to wait and where they cannot. */
START_TEST(nobody_reads_another_s_pipe)
{
	int n = 0;

	old_kernel = _i;
	ck_assert_int_eq(fcntl(ends[1], F_SETFL, 0), 0);
	log_shared();
	log_open(ends[1], LOG_INFO, 0, 0);
	log_say(LOG_INFO, "there is room");
	ck_assert_str_eq(written(), "<6>there is room\n");
	while (log_lost() == 0) {
		log_say(LOG_INFO, "%0500d", 1);
		ck_assert_int_lt(++n, 10000);
	}
	log_say(LOG_INFO, "%0500d", 1);
	ck_assert_uint_eq(log_lost(), 2);
	ck_assert_int_eq(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
}
END_TEST

/* A socket may take half a line; the next one must not be glued to it. */
START_TEST(half_a_line)
{
	log_open(ends[1], LOG_INFO, 0, 0);
	takes = 5;
	log_say(LOG_INFO, "first");
	takes = 0;
	log_say(LOG_INFO, "second");
	log_say(LOG_INFO, "third");
	ck_assert_str_eq(written(), "<6>fi\n<6>second\n<6>third\n");
	ck_assert_uint_eq(log_lost(), 1);
}
END_TEST

static const struct {
	const char *in, *want;
} lines[] = {
	{ "<6>conn=1", "<6>conn=1\n" },
	{ "<7>", "<7>\n" },
	{ "", "<3>proc=worker0 \n" },
	{ "<8>x", "<3>proc=worker0 <8>x\n" },
	{ "<0>everybody look", "<3>proc=worker0 <0>everybody look\n" },
	{ "<3", "<3>proc=worker0 <3\n" },
	{ "assertion failed", "<3>proc=worker0 assertion failed\n" },
	{ "<6>a\nb\033[2J\x80", "<6>a?b?[2J?\n" },
};

START_TEST(raw)
{
	log_open(ends[1], LOG_ERR, 0, 0);
	log_raw("worker0", lines[_i].in, strlen(lines[_i].in));
	ck_assert_str_eq(written(), lines[_i].want);
}
END_TEST

/* Whose a line is; and no priority where nobody reads it. */
START_TEST(proc_and_priority)
{
	struct log_line l;

	log_process("keeper");
	log_open(ends[1], LOG_INFO, 0, 0);
	log_say(LOG_INFO, "ready");
	log_begin(&l, LOG_WARNING);
	log_text(&l, "k", "v");
	log_end(&l);
	ck_assert_str_eq(written(), "<6>proc=keeper ready\n<4>k=v proc=keeper\n");
	log_marked(0);
	log_say(LOG_INFO, "ready");
	ck_assert_str_eq(written(), "proc=keeper ready\n");
	log_open(ends[1], LOG_INFO, 1, 0);
	log_say(LOG_ERR, "x");
	written();
	ck_assert_int_eq(got[0], '{');
	ck_assert_ptr_nonnull(
	    strstr(got, "\"level\":\"error\",\"msg\":\"x\",\"proc\":\"keeper\"}\n"));
	log_process("");
	log_marked(1);
}
END_TEST

/* Where the log is JSON every line is, whoever wrote it and how. */
static const struct {
	const char *in, *want;
} to_json[] = {
	{ "<6>{\"time\":\"x\"}", "{\"time\":\"x\"}\n" },
	{ "<6>{", "\"level\":\"info\",\"msg\":\"{\",\"proc\":\"worker0\"}\n" },
	{ "<4>time=2026-03-01T12:34:56.789Z proc=worker0 say \"it\"",
	    "\"level\":\"warning\",\"msg\":\"say \\\"it\\\"\",\"proc\":\"worker0\"}\n" },
	{ "assertion failed",
	    "\"level\":\"error\",\"msg\":\"assertion failed\",\"proc\":\"worker0\"}\n" },
};

START_TEST(raw_to_json)
{
	log_marked(0);
	log_open(ends[1], LOG_ERR, 1, 1);
	log_raw("worker0", to_json[_i].in, strlen(to_json[_i].in));
	written();
	ck_assert_int_eq(got[0], '{');
	ck_assert_msg(strstr(got, to_json[_i].want), "%s", got);
	ck_assert_ptr_eq(strchr(got, '\n'), got + strlen(got) - 1);
	log_marked(1);
}
END_TEST

/* What a child's library said has no time of its own. */
START_TEST(raw_gets_its_time)
{
	log_open(ends[1], LOG_ERR, 0, 1);
	log_raw("keeper", "assertion failed", 16);
	written();
	ck_assert_msg(strncmp(got, "<3>time=", 8) == 0 && is_time(got + 8), "%s", got);
	ck_assert_str_eq(got + 8 + 24, " proc=keeper assertion failed\n");
}
END_TEST

/* After log_plain: errors as they are, warnings behind that word, nothing else. */
static const struct {
	const char *in, *want;
} plain_lines[] = {
	{ "<3>f:5: wrong", "f:5: wrong\n" },
	{ "<4>f:6: strange", "warning: f:6: strange\n" },
	{ "<5>a notice", "" },
	{ "<6>conn=1", "" },
	{ "assertion failed", "assertion failed\n" },
	{ "<3>a\nb", "a?b\n" },
	{ "<4>time=2026-03-01T12:34:56.789Z proc=keeper strange", "warning: strange\n" },
};

START_TEST(plain)
{
	log_plain(ends[1]);
	log_raw("worker0", plain_lines[_i].in, strlen(plain_lines[_i].in));
	ck_assert_str_eq(written(), plain_lines[_i].want);
}
END_TEST

START_TEST(plain_words_of_our_own)
{
	log_plain(ends[1]);
	log_say(LOG_WARNING, "f:6: %s", "strange");
	ck_assert_str_eq(written(), "warning: f:6: strange\n");
	log_say(LOG_ERR, "f:5: wrong");
	ck_assert_str_eq(written(), "f:5: wrong\n");
	log_say(LOG_NOTICE, "a notice");
	ck_assert_str_eq(written(), "");
	log_open(ends[1], LOG_INFO, 0, 0);
	log_say(LOG_NOTICE, "a notice");
	ck_assert_str_eq(written(), "<5>a notice\n");
}
END_TEST

START_TEST(raw_is_bounded)
{
	static char big[2 * LOG_LINE_MAX];

	memset(big, 'x', sizeof(big));
	log_open(ends[1], LOG_ERR, 0, 0);
	log_raw("worker0", big, sizeof(big));
	ck_assert_uint_le(strlen(written()), LOG_LINE_MAX);
	ck_assert_uint_gt(strlen(got), LOG_LINE_MAX - 100);
	ck_assert_ptr_nonnull(strstr(got, " cut=1\n"));
	memcpy(big, "<6>", 3);
	log_raw("worker0", big, sizeof(big));
	ck_assert_uint_eq(strlen(written()), LOG_LINE_MAX);
	ck_assert_uint_eq(got[LOG_LINE_MAX - 1], '\n');
}
END_TEST

static const struct {
	const char *in;
	size_t n, size;
	const char *want;
} escapes[] = {
	{ "abc", 3, 10, "abc" },
	{ "abc", 3, 4, "abc" },
	{ "abc", 3, 3, "ab" },
	{ "abc", 3, 1, "" },
	{ "a\"\\\n", 4, 64, "a\\x22\\x5c\\x0a" },
	{ "\0", 1, 64, "\\x00" },
	{ "a\n", 2, 6, "a\\x0a" }, /* an escape stands whole or not at all */
	{ "a\n", 2, 5, "a" },
	{ "\xff", 1, 5, "\\xff" },
	{ "\xff", 1, 4, "" },
};

START_TEST(escape)
{
	char buf[64];

	memset(buf, 'Z', sizeof(buf));
	ck_assert_ptr_eq(log_escape(escapes[_i].in, escapes[_i].n, buf, escapes[_i].size), buf);
	ck_assert_str_eq(buf, escapes[_i].want);
	ck_assert_str_eq(log_clean("f:5: \"a\\b\"\n", 11, buf + 32, 32), "f:5: \"a\\b\"\\x0a");
	if (escapes[_i].size < 32)
		ck_assert_int_eq(buf[escapes[_i].size], 'Z');
}
END_TEST

START_TEST(fatal_says_and_ends)
{
	log_open(ends[1], LOG_ERR, 0, 0);
	fatal("%s", "end");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("log");
	TCase *t = tcase_create("log");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_loop_test(t, value, 0, sizeof(values) / sizeof(values[0]));
	tcase_add_test(t, kinds_of_fields);
	tcase_add_test(t, time_stands_first);
	tcase_add_test(t, levels);
	tcase_add_loop_test(t, cut_visibly, 0, 6);
	tcase_add_test(t, nobody_reads);
	tcase_add_loop_test(t, nobody_reads_another_s_pipe, 0, 2);
	tcase_add_test(t, half_a_line);
	tcase_add_loop_test(t, raw, 0, sizeof(lines) / sizeof(lines[0]));
	tcase_add_test(t, proc_and_priority);
	tcase_add_loop_test(t, raw_to_json, 0, sizeof(to_json) / sizeof(to_json[0]));
	tcase_add_test(t, raw_gets_its_time);
	tcase_add_loop_test(t, plain, 0, sizeof(plain_lines) / sizeof(plain_lines[0]));
	tcase_add_test(t, plain_words_of_our_own);
	tcase_add_test(t, raw_is_bounded);
	tcase_add_loop_test(t, escape, 0, sizeof(escapes) / sizeof(escapes[0]));
	tcase_add_exit_test(t, fatal_says_and_ends, 1);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
