/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* mailreevectl: sending a command and reading the answer, whole or not. */
#include "ctl/answer.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const struct {
	const char *name, *text;
	size_t count;
	int whole;
	const char *last;
} answers[] = {
	{ "one line", "pong\n\n", 1, 1, "pong" },
	{ "no line", "\n", 0, 1, NULL },
	{ "several", "a\nb b\nc\n\n", 3, 1, "c" },
	{ "nothing", "", 0, 0, NULL },
	{ "no end", "a\nb\n", 2, 0, "b" },
	{ "cut in a line", "a\nbcd", 2, 0, "bcd" },
	{ "more after the end", "a\n\nb\n\n", 1, 1, "a" },
	{ "escape codes", "x\033[2Jy\a\x7f\n\n", 1, 1, "x?[2Jy??" },
	{ "UTF-8 stays", "\xc3\xa4\n\n", 1, 1, "\xc3\xa4" },
};

/* A master that has its answer ready, asked over a socket pair. */
START_TEST(answer)
{
	int pair[2];
	char why[128], got[64] = "";
	struct answer a;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert_int_eq(write(pair[1], answers[_i].text, strlen(answers[_i].text)),
	    (ssize_t)strlen(answers[_i].text));
	shutdown(pair[1], SHUT_WR);
	ck_assert_int_eq(answer_ask(pair[0], "show info", 1000, &a, why, sizeof(why)), 0);
	ck_assert_int_gt(read(pair[1], got, sizeof(got) - 1), 0);
	ck_assert_str_eq(got, "show info\n");
	ck_assert_msg(a.count == answers[_i].count, "%s: %zu lines", answers[_i].name, a.count);
	ck_assert_int_eq(a.whole, answers[_i].whole);
	if (answers[_i].last)
		ck_assert_str_eq(a.lines[a.count - 1], answers[_i].last);
	answer_free(&a);
	close(pair[0]);
	close(pair[1]);
}
END_TEST

START_TEST(end_needs_no_close)
{
	int pair[2];
	char why[128];
	struct answer a;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert_int_eq(write(pair[1], "done\n\n", 6), 6);
	ck_assert_int_eq(answer_ask(pair[0], "reload", -1, &a, why, sizeof(why)), 0);
	ck_assert_int_eq(a.whole, 1);
	answer_free(&a);
	close(pair[0]);
	close(pair[1]);
}
END_TEST

START_TEST(silent_master)
{
	int pair[2];
	char why[128] = "";
	struct answer a;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert_int_eq(answer_ask(pair[0], "status", 1, &a, why, sizeof(why)), -1);
	ck_assert_msg(strstr(why, "no answer within"), "%s", why);
	close(pair[1]);
	ck_assert_int_eq(answer_ask(pair[0], "status", 1, &a, why, sizeof(why)), -1);
	ck_assert_msg(strstr(why, "took no command"), "%s", why);
	close(pair[0]);
}
END_TEST

START_TEST(large_answer)
{
	size_t n = (size_t)3 << 20;
	char *text = malloc(n + 1);
	struct answer a;

	for (size_t i = 0; i < n; i++)
		text[i] = i % 8 == 7 ? '\n' : 'x';
	text[n - 2] = '\n';
	ck_assert_int_eq(answer_split(text, n, &a), 0);
	ck_assert_uint_eq(a.count, n / 8);
	ck_assert_int_eq(a.whole, 1);
	answer_free(&a);
}
END_TEST

START_TEST(no_socket)
{
	char dir[] = "/tmp/test_answer.XXXXXX", path[64], why[512];
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	char longer[200];
	int fd;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
	ck_assert_int_eq(answer_connect(path, why, sizeof(why)), -1);
	ck_assert_msg(strstr(why, "no socket") && strstr(why, path), "%s", why);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	ck_assert_int_eq(answer_connect(path, why, sizeof(why)), -1);
	ck_assert_msg(strstr(why, "nobody answers"), "%s", why);

	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_eq(chmod(path, 0), 0);
	if (geteuid() == 0)
		ck_assert_int_eq(seteuid(65534), 0);
	ck_assert_int_eq(chmod(dir, 0755), geteuid() == 65534 ? -1 : 0);
	ck_assert_int_eq(answer_connect(path, why, sizeof(why)), -1);
	ck_assert_msg(strstr(why, "not permitted"), "%s", why);
	ck_assert_int_eq(seteuid(getuid()), 0);
	close(fd);
	unlink(path);
	rmdir(dir);

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	ck_assert_int_eq(answer_connect(longer, why, sizeof(why)), -1);
	ck_assert_msg(strstr(why, "longer than"), "%s", why);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("answer");
	TCase *t = tcase_create("answer");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(t, answer, 0, sizeof(answers) / sizeof(answers[0]));
	tcase_add_test(t, end_needs_no_close);
	tcase_add_test(t, silent_master);
	tcase_add_test(t, large_answer);
	tcase_add_test(t, no_socket);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
