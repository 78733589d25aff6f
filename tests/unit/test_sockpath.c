/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The file that names the control socket: written, believed, left alone, removed. */
#include "common/control.h"
#include "master/host/sockpath.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char top[64], where[96], ours[96], theirs[96];
static char named[CONTROL_PATH], why[256];

static void
setup(void)
{
	snprintf(top, sizeof(top), "/tmp/mailreeve-test.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(top));
	snprintf(where, sizeof(where), "%s/run/socket", top);
	snprintf(ours, sizeof(ours), "%s/ours.sock", top);
	snprintf(theirs, sizeof(theirs), "%s/theirs.sock", top);
}

static void
teardown(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", top);
	ck_assert_int_eq(system(command), 0);
}

/* Somebody who listens there. */
static int
listening(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(sun.sun_path, path, strlen(path) + 1);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	ck_assert_int_eq(listen(fd, 4), 0);
	return fd;
}

START_TEST(named_and_removed)
{
	struct stat st;

	umask(077);
	ck_assert_int_eq(control_where(where, named), 0);
	ck_assert_int_eq(sockpath_say(where, ours, why, sizeof(why)), 0);
	ck_assert_int_eq(control_where(where, named), 1);
	ck_assert_str_eq(named, ours);
	ck_assert_int_eq(stat(where, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0644);
	ck_assert_int_eq(sockpath_say(where, ours, why, sizeof(why)), 0);
	sockpath_forget(where, theirs);
	ck_assert_int_eq(control_where(where, named), 1);
	sockpath_forget(where, ours);
	ck_assert_int_eq(access(where, F_OK), -1);
}
END_TEST

/* A dead master's word is replaced, a living one's is not. */
START_TEST(another_master)
{
	int fd = listening(theirs);

	ck_assert_int_eq(sockpath_say(where, theirs, why, sizeof(why)), 0);
	ck_assert_int_eq(sockpath_say(where, ours, why, sizeof(why)), -1);
	ck_assert_ptr_nonnull(strstr(why, "another master answers"));
	ck_assert_int_eq(control_where(where, named), 1);
	ck_assert_str_eq(named, theirs);
	close(fd);
	ck_assert_int_eq(sockpath_say(where, ours, why, sizeof(why)), 0);
	ck_assert_int_eq(control_where(where, named), 1);
	ck_assert_str_eq(named, ours);
}
END_TEST

START_TEST(no_place_for_it)
{
	char deep[128];

	snprintf(deep, sizeof(deep), "%s/not/there/socket", top);
	ck_assert_int_eq(sockpath_say(deep, ours, why, sizeof(why)), -1);
	ck_assert_ptr_nonnull(strstr(why, "No such file"));
}
END_TEST

static const char *const nonsense[] = { "", "\n", "relative.sock\n", "/no/newline", "\xff\xfe\n" };

START_TEST(what_names_no_socket)
{
	FILE *f;

	ck_assert_int_eq(sockpath_say(where, ours, why, sizeof(why)), 0);
	f = fopen(where, "w");
	fputs(nonsense[_i], f);
	fclose(f);
	ck_assert_int_eq(control_where(where, named), 0);
	ck_assert_int_eq(sockpath_say(where, ours, why, sizeof(why)), 0);
	ck_assert_int_eq(control_where(where, named), 1);
}
END_TEST

/* The longest path that a socket can have, and one byte more. */
START_TEST(length)
{
	char path[CONTROL_PATH + 1] = { 0 };
	FILE *f;

	memset(path, 'x', CONTROL_PATH - 1);
	path[0] = '/';
	ck_assert_int_eq(sockpath_say(where, path, why, sizeof(why)), 0);
	ck_assert_int_eq(control_where(where, named), 1);
	ck_assert_str_eq(named, path);
	path[CONTROL_PATH - 1] = 'x';
	f = fopen(where, "w");
	fprintf(f, "%s\n", path);
	fclose(f);
	ck_assert_int_eq(control_where(where, named), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sockpath");
	TCase *t = tcase_create("sockpath");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, named_and_removed);
	tcase_add_test(t, another_master);
	tcase_add_test(t, no_place_for_it);
	tcase_add_loop_test(t, what_names_no_socket, 0, sizeof(nonsense) / sizeof(nonsense[0]));
	tcase_add_test(t, length);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
