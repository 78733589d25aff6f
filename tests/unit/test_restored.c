/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* A state that cannot be taken over: words, and nothing is left open, however often it is tried. */
#include "common/memfd.h"
#include "master/child/proc.h"
#include "master/door/accept.h"
#include "master/life/from_checker.h"
#include "master/life/say.h"
#include "master/life/succession.h"
#include "master/upgrade/restored.h"
#include "master/upgrade/saved_pairs.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Neighbours, to whom nothing comes of a state that is only checked. */

void
accept_event(struct watch *w, uint32_t events)
{
	(void)w;
	(void)events;
}

struct generation *
succession_adopt(const struct generation *saved)
{
	(void)saved;
	return NULL;
}

void
generation_complain(struct generation *g, const char *text)
{
	(void)g;
	(void)text;
}

void
say(struct master *m, enum problem_kind kind, const char *text)
{
	(void)m;
	(void)kind;
	(void)text;
}

void
generation_serves_now(struct master *m, struct generation *g)
{
	(void)m, (void)g;
}

int
reports_open(struct generation *g, int fd)
{
	(void)g, (void)fd;
	return -1;
}

int
generation_read(struct generation *g)
{
	(void)g;
	return -1;
}

int
proc_adopt(struct proc *p)
{
	(void)p;
	return -1;
}

static int no_stream; /* fdopen has no memory */

FILE *__real_fdopen(int fd, const char *mode);
FILE *__wrap_fdopen(int fd, const char *mode);

FILE *
__wrap_fdopen(int fd, const char *mode)
{
	return no_stream ? (errno = ENOMEM, NULL) : __real_fdopen(fd, mode);
}

/* The lowest free descriptor. */
static int
lowest(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

static int
state(const char *text)
{
	int fd = memfd_new("state", 0);

	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	return fd;
}

static int
no_file(void)
{
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	close(fds[1]);
	return fds[0];
}

static const struct {
	const char *text; /* NULL: cannot be rewound */
	int no_stream;
	const char *why;
} bad[] = {
	{ NULL, 0, "the state cannot be read: Illegal seek" },
	{ "mailreeve-state 1\nend\n", 1, "the state cannot be read: Cannot allocate memory" },
	{ "", 0, "line 0 of the state: not understood" },
	{ "another's\nend\n", 0, "line 1 of the state: not understood" },
	{ "mailreeve-state 1\n", 0, "line 1 of the state: not understood" },
	{ "mailreeve-state 1\npair p.frontend=0\nend\n", 0, "line 2 of the state: not understood" },
	{ "mailreeve-state 1\npair file=2f61\nend\n", 0, "line 2 of the state: not understood" },
	{ "mailreeve-state 1\npair p.frontend=0 file=2f61 p.print=00\nend\n", 0,
	    "line 2 of the state: not understood" },
	{ "mailreeve-state 1\ncovers names=610a\nend\n", 0, "line 2 of the state: not understood" },
	{ "mailreeve-state 1\npair p.frontend=0 file=2f61\ncovers names=\nend\n", 0,
	    "line 3 of the state: not understood" },
	{ "mailreeve-state 1\npair p.frontend=0 file=2f61\ncovers names=61\nend\n", 0,
	    "line 3 of the state: not understood" },
	{ "mailreeve-state 1\npair p.frontend=0 file=2f61\ncovers names=61200a\nend\n", 0,
	    "line 3 of the state: not understood" },
};

START_TEST(nothing_stays_open)
{
	int before = lowest();

	for (int i = 0; i < 3; i++) {
		char why[256] = "";
		int fd = bad[_i].text ? state(bad[_i].text) : no_file();

		no_stream = bad[_i].no_stream;
		ck_assert_int_eq(restored_check(fd, why, sizeof(why)), -1);
		ck_assert_str_eq(why, bad[_i].why);
		ck_assert_int_eq(lowest(), before);
	}
}
END_TEST

START_TEST(a_good_one_is_taken)
{
	int before = lowest();
	char why[256];

	ck_assert_int_eq(restored_check(state("mailreeve-state 1\nend\n"), why, sizeof(why)), 0);
	ck_assert_int_eq(lowest(), before);
}
END_TEST

/* Two pairs, of which the second has more names than one line takes. */
static void
fill(struct pairs *all)
{
	static const struct pair p[] = {
		{ .frontend = 1,
		    .until = 1803081600,
		    .key_id = { 7 },
		    .print = { 8, 9 },
		    .key = "EC P-256" },
		{ .frontend = 0, .until = UINT64_MAX, .print = { 0xff }, .key = "RSA 2048" },
	};
	char name[32];

	ck_assert_int_eq(pairs_add(all, &p[0], "/c/one two.pem"), 0);
	ck_assert_int_eq(pairs_add(all, &p[1], "/c/b.pem"), 0);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "name-%d.example.org\n", i);
		ck_assert_int_eq(pairs_add_names(all, name, strlen(name)), 0);
	}
}

/* As lines; returns them (free). */
static char *
written(const struct pairs *all)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	saved_pairs_write(f, all);
	ck_assert_int_eq(fclose(f), 0);
	return text;
}

START_TEST(pairs_come_back)
{
	struct pairs before = { 0 }, after = { 0 };
	unsigned pairs = 0, covers = 0;
	char *text;

	fill(&before);
	text = written(&before);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		if (strncmp(line, "pair ", 5) == 0 && ++pairs)
			ck_assert_int_eq(saved_pair_read(line, 2, &after), 0);
		else if (strncmp(line, "covers ", 7) == 0 && ++covers)
			ck_assert_int_eq(saved_covers_read(line, &after), 0);
		else
			ck_abort_msg("%s", line);
	}
	ck_assert_uint_eq(pairs, 2);
	ck_assert_uint_ge(covers, 5);
	ck_assert_uint_eq(after.count, before.count);
	ck_assert_uint_eq(after.bytes, before.bytes);
	for (size_t i = 0; i < after.count; i++) {
		const struct pair *a = &before.items[i], *b = &after.items[i];

		ck_assert_uint_eq(a->frontend, b->frontend);
		ck_assert_uint_eq(a->until, b->until);
		ck_assert_mem_eq(a->key_id, b->key_id, sizeof(a->key_id));
		ck_assert_mem_eq(a->print, b->print, sizeof(a->print));
		ck_assert_str_eq(a->key, b->key);
		ck_assert_str_eq(a->file, b->file);
		ck_assert_str_eq(a->names, b->names);
	}
	pairs_free(&before);
	pairs_free(&after);
	free(text);
}
END_TEST

/* A frontend that the configuration does not have. */
START_TEST(a_pair_of_nobody)
{
	struct pairs all = { 0 };

	ck_assert_int_eq(saved_pair_read("pair p.frontend=2 file=2f61", 2, &all), -1);
	ck_assert_uint_eq(all.count, 0);
	ck_assert_int_eq(saved_pair_read("pair p.frontend=1 file=2f61", 2, &all), 0);
	ck_assert_str_eq(all.items[0].file, "/a");
	ck_assert_str_eq(all.items[0].names, "");
	pairs_free(&all);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("restored");
	TCase *t = tcase_create("state");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, nothing_stays_open, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(t, a_good_one_is_taken);
	tcase_add_test(t, pairs_come_back);
	tcase_add_test(t, a_pair_of_nobody);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
