/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Which command a line is, who may use it, and the answer that comes now, later or never. */
#include "master/command/command.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct requests all;
static int event, other; /* something to wait for */
static char answer[256]; /* the last one, "-" while there is none */
static unsigned answer_count;

static void
on_answered(struct request *r, char *text, size_t size)
{
	ck_assert_ptr_nonnull(text);
	ck_assert_ptr_null(r->out);
	ck_assert_uint_eq(strlen(text), size);
	snprintf(answer, sizeof(answer), "%s", text);
	answer_count++;
	free(text);
}

static void
run_now(struct request *r)
{
	fprintf(r->out, "%s:%s\n", (const char *)r->of, r->args);
}

static void
fill_later(struct request *r)
{
	fprintf(r->out, "it has come\n");
}

static void
run_later(struct request *r)
{
	fprintf(r->out, "never seen\n");
	request_wait(r, &event, 5, fill_later, 20);
}

static void
run_at_once(struct request *r)
{
	request_wait(r, &event, 5, fill_later, 20);
	requests_ready(&all, &event, 5);
}

static void
run_resumed(struct request *r)
{
	request_wait(r, &other, 0, fill_later, 20);
}

static const struct command some[] = {
	{ .name = CONTROL_HELP, .run = run_now },
	{ .name = CONTROL_RELOAD, .run = run_later },
	{ .name = CONTROL_RELOAD_CERTS, .run = run_at_once },
	{ .name = CONTROL_UPGRADE, .run = run_later, .resume = run_resumed },
};
static const struct command others[] = {
	{ .name = CONTROL_SHOW_WORKERS, .run = run_now, .least = 1, .most = 2 },
	{ .name = CONTROL_STATUS, .run = run_now, .least = 2, .most = 2 },
	{ .name = CONTROL_SHOW_INFO, .run = run_now },
};
static const struct command_set set_list[] = {
	COMMAND_SET(some, (void *)"some"),
	COMMAND_SET(others, (void *)"others"),
};
static const struct command_sets sets = { set_list, 2 };

static void
setup(void)
{
	requests_init(&all, loop_new());
	ck_assert_ptr_nonnull(all.loop);
	answer_count = 0;
	strcpy(answer, "-");
}

static void
teardown(void)
{
	ck_assert(TAILQ_EMPTY(&all.waiting));
	loop_free(&all.loop);
}

static struct request
asked(int reads_only)
{
	return (struct request){ .all = &all,
		.fd = 7,
		.reads_only = reads_only,
		.is_last = 1,
		.answered = on_answered };
}

static const struct {
	const char *name;
	int reads_only, more;
	const char *line, *answer;
} lines[] = {
	{ "alone", 0, 0, "help", "some:\n\n" },
	{ "of another folder", 0, 0, "show info", "others:\n\n" },
	{ "more follow", 0, 1, "help", "some:\n\n" },
	{ "with arguments", 0, 0, " show\tworkers one  two\r", "others:one  two\r\n\n" },
	{ "too few", 0, 0, "show workers", "error: show workers needs an argument\n\n" },
	{ "still too few", 0, 0, "status one", "error: status needs more arguments\n\n" },
	{ "too many", 0, 0, "show workers 1 2 3",
	    "error: too many arguments after show workers\n\n" },
	{ "none wanted", 0, 0, "show info one", "error: show info takes no arguments\n\n" },
	{ "it must be the last", 0, 1, "upgrade",
	    "error: upgrade must be the last command of a line\n\n" },
	{ "reading is permitted", 1, 0, "show info", "others:\n\n" },
	{ "changing is not", 1, 0, "reload", "error: this socket is read-only\n\n" },
	{ "not even with wrong arguments", 1, 0, "reload x",
	    "error: this socket is read-only\n\n" },
	{ "a slip", 0, 0, "shwo  info", "error: unknown command; did you mean \"show info\"?\n\n" },
	{ "a slip of what is permitted", 0, 0, "relaod",
	    "error: unknown command; did you mean \"reload\"?\n\n" },
	{ "a slip of what is not", 1, 0, "relaod",
	    "error: unknown command; help lists the commands\n\n" },
	{ "nothing", 0, 0, "", "error: unknown command; help lists the commands\n\n" },
	{ "nothing like it", 0, 0, "\033[2J",
	    "error: unknown command; help lists the commands\n\n" },
};

START_TEST(answers_a_line)
{
	struct request r = asked(lines[_i].reads_only);

	r.is_last = !lines[_i].more;
	ck_assert_int_eq(command_run(&sets, &r, lines[_i].line), 0);
	ck_assert_msg(strcmp(answer, lines[_i].answer) == 0, "%s: %s", lines[_i].name, answer);
	ck_assert_uint_eq(answer_count, 1);
}
END_TEST

START_TEST(a_long_line)
{
	char line[CONTROL_LINE];
	struct request r = asked(0);

	memset(line, 'a', sizeof(line));
	line[sizeof(line) - 1] = '\0';
	ck_assert_int_eq(command_run(&sets, &r, line), 0);
	ck_assert_str_eq(answer, "error: unknown command; help lists the commands\n\n");
}
END_TEST

/* What comes to a request that waits for number 5 of an event. */
enum { READY_EARLIER, READY_OTHER, READY_THIS, READY_LATER, DEADLINE, CANCEL };
static const struct {
	const char *name;
	int what;
	const char *answer;
	int still_waits;
} ends[] = {
	{ "an earlier one", READY_EARLIER, "-", 1 },
	{ "another event", READY_OTHER, "-", 1 },
	{ "this one", READY_THIS, "it has come\n\n", 0 },
	{ "a later one", READY_LATER, "it has come\n\n", 0 },
	{ "its deadline", DEADLINE, "error: no result yet; it was not cancelled: see status\n\n",
	    0 },
	{ "the client goes", CANCEL, "-", 0 },
};

static void
let_come(struct request *r, int what)
{
	if (what == READY_EARLIER)
		requests_ready(&all, &event, 4);
	else if (what == READY_OTHER)
		requests_ready(&all, &other, 9);
	else if (what == READY_THIS)
		requests_ready(&all, &event, 5);
	else if (what == READY_LATER)
		requests_ready(&all, &event, 6);
	else if (what == CANCEL)
		request_cancel(r);
	while (what == DEADLINE && answer_count == 0)
		ck_assert_int_eq(loop_once(all.loop, 1000), 0);
}

START_TEST(waits_for_its_end)
{
	struct request r = asked(0);

	ck_assert_int_eq(command_run(&sets, &r, "reload"), 1);
	ck_assert_int_eq(request_is_waiting(&r), 1);
	ck_assert_str_eq(answer, "-");
	let_come(&r, ends[_i].what);
	ck_assert_msg(strcmp(answer, ends[_i].answer) == 0, "%s: %s", ends[_i].name, answer);
	ck_assert_int_eq(request_is_waiting(&r), ends[_i].still_waits);
	/* Whatever comes afterwards is nothing to it. */
	request_cancel(&r);
	requests_ready(&all, &event, 9);
	ck_assert_uint_eq(answer_count, strcmp(ends[_i].answer, "-") != 0);
}
END_TEST

/* The handler is not back yet: one answer, and only then. */
START_TEST(comes_at_once)
{
	struct request r = asked(0);

	ck_assert_int_eq(command_run(&sets, &r, "reload certificates"), 0);
	ck_assert_str_eq(answer, "it has come\n\n");
	ck_assert_uint_eq(answer_count, 1);
	ck_assert_int_eq(request_is_waiting(&r), 0);
}
END_TEST

START_TEST(one_of_several_goes)
{
	struct request r[3] = { asked(0), asked(0), asked(0) };

	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(command_run(&sets, &r[i], "reload"), 1);
	request_cancel(&r[1]);
	requests_ready(&all, &event, 5);
	ck_assert_uint_eq(answer_count, 2);
}
END_TEST

/* Those who wait for an upgrade are found, and go on in the new program. */
START_TEST(across_a_re_execution)
{
	struct request r[2] = { asked(0), asked(0) }, again = asked(0);
	int fds[REQUESTS_MOST];

	r[0].fd = 11;
	ck_assert_int_eq(command_resume(&sets, &r[0], CONTROL_UPGRADE), 1);
	ck_assert_int_eq(command_run(&sets, &r[1], "reload"), 1);
	ck_assert_uint_eq(requests_fds(&all, &other, fds), 1);
	ck_assert_int_eq(fds[0], 11);
	request_cancel(&r[0]);
	request_cancel(&r[1]);

	requests_adopt(&all, -1);
	requests_adopt(&all, 11);
	ck_assert_int_eq(requests_take(&all), 11);
	ck_assert_int_eq(requests_take(&all), -1);
	ck_assert_int_eq(command_resume(&sets, &again, CONTROL_UPGRADE), 1);
	requests_ready(&all, &other, 0);
	ck_assert_str_eq(answer, "it has come\n\n");
	/* One that waits for nothing there. */
	ck_assert_int_eq(command_resume(&sets, &again, CONTROL_HELP), 0);
	ck_assert_uint_eq(answer_count, 2);
}
END_TEST

START_TEST(no_more_are_handed_over_than_fit)
{
	struct request r[REQUESTS_MOST + 1];
	int fds[REQUESTS_MOST];

	for (int i = 0; i <= REQUESTS_MOST; i++) {
		r[i] = asked(0);
		ck_assert_int_eq(command_run(&sets, &r[i], "reload"), 1);
	}
	ck_assert_uint_eq(requests_fds(&all, &event, fds), REQUESTS_MOST);
	for (int i = 0; i <= REQUESTS_MOST; i++)
		request_cancel(&r[i]);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("command");
	TCase *t = tcase_create("command");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, answers_a_line, 0, sizeof(lines) / sizeof(lines[0]));
	tcase_add_test(t, a_long_line);
	tcase_add_loop_test(t, waits_for_its_end, 0, sizeof(ends) / sizeof(ends[0]));
	tcase_add_test(t, comes_at_once);
	tcase_add_test(t, one_of_several_goes);
	tcase_add_test(t, across_a_re_execution);
	tcase_add_test(t, no_more_are_handed_over_than_fit);
	suite_add_tcase(s, t);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
