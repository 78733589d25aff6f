/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Clients of the control socket: whole lines, half lines, too long ones, several commands. */
#include "master/control/commands.h"
#include "master/control/control.h"
#include "master/door/accept.h"
#include "master/host/sockpath.h"
#include "master/host/unixsock.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct master m;
static struct conf conf = { .control = { .socket = "/nonexistent/control" } };
static struct sockaddr_un where;
static socklen_t where_len;
static int event;
static unsigned runs;

/* ---- Neighbours ---- */

/* An abstract name that the kernel chooses. */
int
unixsock_open(const char *path, const char *group, gid_t *gid_r, char *why, size_t size)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	(void)path;
	(void)group;
	(void)gid_r;
	(void)why;
	(void)size;
	where = (struct sockaddr_un){ .sun_family = AF_UNIX };
	where_len = sizeof(where);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&where, sizeof(sa_family_t)), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&where, &where_len), 0);
	return fd;
}

int
unixsock_peer_ok(int fd, gid_t gid)
{
	(void)fd;
	(void)gid;
	return 1;
}

int
sockpath_say(const char *file, const char *socket, char *why, size_t size)
{
	(void)file;
	(void)socket;
	(void)why;
	(void)size;
	return 0;
}

void
sockpath_forget(const char *file, const char *socket)
{
	(void)file;
	(void)socket;
}

int
accept_no_room(int error)
{
	(void)error;
	return 0;
}

static void
run_now(struct request *r)
{
	runs++;
	fprintf(r->out, "now\n");
}

static void
fill(struct request *r)
{
	fprintf(r->out, "later\n");
}

static void
run_later(struct request *r)
{
	runs++;
	request_wait(r, &event, 0, fill, REQUEST_HOUR);
}

static const struct command some[] = {
	{ .name = CONTROL_HELP, .run = run_now },
	{ .name = CONTROL_RELOAD, .run = run_later },
	{ .name = CONTROL_UPGRADE, .run = run_later, .resume = run_later },
};

void
commands_list(struct master *master, struct command_set sets_r[COMMANDS_SETS])
{
	memset(sets_r, 0, COMMANDS_SETS * sizeof(sets_r[0]));
	sets_r[0] = (struct command_set)COMMAND_SET(some, master);
}

/* ---- A client ---- */

static void
setup(void)
{
	memset(&m, 0, sizeof(m));
	m.loop = loop_new();
	requests_init(&m.requests, m.loop);
	control_open(&m, &conf);
	runs = 0;
}

static void
teardown(void)
{
	control_close(&m);
	ck_assert(TAILQ_EMPTY(&m.requests.waiting));
	loop_free(&m.loop);
}

/* Passes until nothing more happens. */
static void
settle(void)
{
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(loop_once(m.loop, 0), 0);
}

static int
client(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&where, where_len), 0);
	settle();
	return fd;
}

static void
say(int fd, const char *bytes)
{
	ck_assert_int_eq(send(fd, bytes, strlen(bytes), MSG_NOSIGNAL), (ssize_t)strlen(bytes));
	settle();
}

/* All that came; `|` at the end: and the master has closed it. */
static const char *
heard(int fd)
{
	static char text[1024];
	size_t n = 0;
	ssize_t got;

	while ((got = recv(fd, text + n, sizeof(text) - 2 - n, 0)) > 0)
		n += (size_t)got;
	if (got == 0)
		text[n++] = '|';
	text[n] = '\0';
	return text;
}

static const struct {
	const char *name, *first, *second;
	int shuts_down;
	const char *answer;
} lines[] = {
	{ "a line", "help\n", NULL, 0, "now\n\n|" },
	{ "in two halves", "he", "lp\n", 0, "now\n\n|" },
	{ "half of one", "help", NULL, 0, "" },
	{ "without newline, and its end", "help", NULL, 1, "now\n\n|" },
	{ "several", "help; help;;reload x;help\n", NULL, 0,
	    "now\n\nnow\n\nerror: reload takes no arguments\n\nnow\n\n|" },
	{ "more lines", "help\nhelp\nhelp\n", NULL, 0, "now\n\n" },
	{ "no command", ";;\n", NULL, 0, "error: unknown command; help lists the commands\n\n|" },
	{ "waits", "reload\n", NULL, 0, "" },
	{ "waits, and sends no more", "reload\n", NULL, 1, "" },
	{ "the first of several waits", "help; reload; help\n", NULL, 0, "now\n\n" },
	{ "something after upgrade", "upgrade; help\n", NULL, 0,
	    "error: upgrade must be the last command of a line\n\nnow\n\n|" },
	{ "nothing after upgrade", "upgrade ; \n", NULL, 0, "" },
};

START_TEST(answers)
{
	int fd = client();
	const char *text;

	say(fd, lines[_i].first);
	if (lines[_i].second)
		say(fd, lines[_i].second);
	if (lines[_i].shuts_down)
		shutdown(fd, SHUT_WR);
	settle();
	text = heard(fd);
	ck_assert_msg(strncmp(text, lines[_i].answer, strlen(lines[_i].answer)) == 0 &&
		(*lines[_i].answer || !*text),
	    "%s: %s", lines[_i].name, text);
	close(fd);
	settle();
	/* Who has gone is not waited for. */
	ck_assert(TAILQ_EMPTY(&m.requests.waiting));
}
END_TEST

START_TEST(too_long)
{
	char text[CONTROL_LINE];
	int fd = client();

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	say(fd, text);
	ck_assert_str_eq(heard(fd), "error: a command has at most 4095 bytes\n\n|");
	close(fd);
	ck_assert_uint_eq(runs, 0);
}
END_TEST

START_TEST(the_rest_follows_what_was_waited_for)
{
	int fd = client();

	say(fd, "reload; help\n");
	ck_assert_uint_eq(runs, 1);
	ck_assert_str_eq(heard(fd), "");
	requests_ready(&m.requests, &event, 0);
	settle();
	ck_assert_str_eq(heard(fd), "later\n\nnow\n\n|");
	close(fd);
}
END_TEST

/* From the program before this one. */
START_TEST(goes_on_after_a_re_execution)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	requests_adopt(&m.requests, pair[0]);
	control_resume(&m);
	settle();
	ck_assert_str_eq(heard(pair[1]), "");
	requests_ready(&m.requests, &event, 0);
	ck_assert_str_eq(heard(pair[1]), "later\n\n|");
	close(pair[1]);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("control socket");
	TCase *t = tcase_create("control socket");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, answers, 0, sizeof(lines) / sizeof(lines[0]));
	tcase_add_test(t, too_long);
	tcase_add_test(t, the_rest_follows_what_was_waited_for);
	tcase_add_test(t, goes_on_after_a_re_execution);
	suite_add_tcase(s, t);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
