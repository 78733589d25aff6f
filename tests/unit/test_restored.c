/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* A state that cannot be taken over: words, and nothing is left open, however often it is tried. */
#include "../../common/memfd.h"
#include "../../master/accept.h"
#include "../../master/control.h"
#include "../../master/generation.h"
#include "../../master/procs.h"
#include "../../master/saved.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Neighbours, to whom nothing comes of a state that is only checked. */

void
accept_event(struct watch *w, uint32_t events)
{
	(void)w;
	(void)events;
}

void
control_adopt(struct master *m, int fd)
{
	(void)m;
	(void)fd;
}

size_t
control_waiting(const struct master *m, int fds_r[CONTROL_ASKED])
{
	(void)m;
	(void)fds_r;
	return 0;
}

struct generation *
generation_adopt(const struct generation *saved)
{
	(void)saved;
	return NULL;
}

int
proc_adopt(struct proc *p)
{
	(void)p;
	return -1;
}

uint64_t
mono_ms(void)
{
	return 0;
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
};

START_TEST(nothing_stays_open)
{
	int before = lowest();

	for (int i = 0; i < 3; i++) {
		char why[256] = "";
		int fd = bad[_i].text ? state(bad[_i].text) : no_file();

		no_stream = bad[_i].no_stream;
		ck_assert_int_eq(saved_check(fd, why, sizeof(why)), -1);
		ck_assert_str_eq(why, bad[_i].why);
		ck_assert_int_eq(lowest(), before);
	}
}
END_TEST

START_TEST(a_good_one_is_taken)
{
	int before = lowest();
	char why[256];

	ck_assert_int_eq(saved_check(state("mailreeve-state 1\nend\n"), why, sizeof(why)), 0);
	ck_assert_int_eq(lowest(), before);
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
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
