/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* A child's log pipe: whole lines, and no more of them at a time than others can wait for. */
#include "master/child/logs.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FLOOD 8192 /* lines */

static struct loop *loop;
static struct log_pipe pipe_of_child;
static int child, err[2];

static void
setup(void)
{
	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(pipe2(err, O_NONBLOCK | O_CLOEXEC), 0);
	log_open(err[1], LOG_INFO, 0, 0);
	ck_assert_ptr_nonnull(loop = loop_new());
	child = log_pipe_open(&pipe_of_child, loop, "keeper");
	ck_assert_int_ge(child, 0);
}

/* How many lines have come to stderr since the last call. */
static unsigned
lines(void)
{
	static char got[65536];
	ssize_t n = read(err[0], got, sizeof(got));
	unsigned count = 0;

	for (ssize_t i = 0; i < n; i++)
		count += got[i] == '\n';
	return count;
}

START_TEST(a_flood_of_short_lines_takes_many_passes)
{
	static char flood[2 * FLOOD];
	unsigned all = 0, now, most = 0;

	for (size_t i = 0; i < sizeof(flood); i++)
		flood[i] = i % 2 ? '\n' : 'x';
	ck_assert_int_eq(write(child, flood, sizeof(flood)), (ssize_t)sizeof(flood));
	for (int i = 0; i < 100 && all < FLOOD; i++, all += now) {
		ck_assert_int_eq(loop_once(loop, 0), 0);
		now = lines();
		most = now > most ? now : most;
	}
	ck_assert_uint_eq(all, FLOOD);
	ck_assert_uint_le(most, FLOOD / 4);
}
END_TEST

/* Lines as children write them are taken faster. */
START_TEST(a_flood_of_real_lines_does_not)
{
	char line[301];
	unsigned count = 0;

	memset(line, 'x', sizeof(line));
	line[300] = '\n';
	while (count < 50 && write(child, line, sizeof(line)) > 0)
		count++;
	ck_assert_int_eq(loop_once(loop, 0), 0);
	ck_assert_uint_eq(lines(), count);
}
END_TEST

START_TEST(last_words)
{
	ck_assert_int_eq(write(child, "<6>a\n<6>b", 9), 9);
	log_pipe_close(&pipe_of_child);
	ck_assert_uint_eq(lines(), 2);
}
END_TEST

static const struct {
	const char *text;
	int json;
} confs[] = {
	{ "log = { format = \"json\"; };\n", 1 },
	{ "log: {\n  level = \"debug\"; format : \"json\"\n}\nfrontends = (\n", 1 },
	{ "log = { format = \"text\"; };\n", 0 },
	{ "# format = \"json\"\n// format = \"json\"\n", 0 },
	{ "format", 0 },
	{ "", 0 },
};

START_TEST(format_at_a_glance)
{
	char path[] = "/tmp/mailreeve-conf-XXXXXX";
	int fd = mkstemp(path);
	size_t n = strlen(confs[_i].text);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(write(fd, confs[_i].text, n), (ssize_t)n);
	ck_assert_int_eq(logs_wants_json(path), confs[_i].json);
	close(fd);
	unlink(path);
	ck_assert_int_eq(logs_wants_json(path), 0);
	ck_assert_int_eq(logs_wants_json("/"), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("logs");
	TCase *t = tcase_create("pipe");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, a_flood_of_short_lines_takes_many_passes);
	tcase_add_test(t, a_flood_of_real_lines_does_not);
	tcase_add_test(t, last_words);
	tcase_add_loop_test(t, format_at_a_glance, 0, sizeof(confs) / sizeof(confs[0]));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
