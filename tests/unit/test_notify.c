/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* What the service manager receives: a datagram socket of the test takes its place. */
#include "master/host/notify.h"
#include "master/host/store.h"

#include <check.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char dir[] = "/tmp/test_notify.XXXXXX", path[64], name[80];

/* A manager's socket at a path, or with an abstract name. */
static int
manager(int abstract)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	size_t len;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/notify", dir);
	snprintf(name, sizeof(name), "%s%s", abstract ? "@" : "", path);
	len = strlen(name);
	memcpy(un.sun_path, name, len);
	if (abstract)
		un.sun_path[0] = '\0';
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&un,
			     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + !abstract)),
	    0);
	setenv("NOTIFY_SOCKET", name, 1);
	unsetenv("WATCHDOG_USEC");
	return fd;
}

static void
clean(int fd)
{
	close(fd);
	(void)unlink(path);
	(void)rmdir(dir);
}

/* The next message, "" if there is none; its descriptor or -1. */
static int
receive(int fd, char *text_r, size_t size)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { text_r, size - 1 };
	struct msghdr mh = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space) };
	ssize_t n = recvmsg(fd, &mh, 0);
	int got = -1;

	text_r[n > 0 ? n : 0] = '\0';
	if (n > 0 && CMSG_FIRSTHDR(&mh))
		memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&mh)), sizeof(got));
	return got;
}

#define EXPECT(fd, want) \
	do { \
		char text_[600]; \
		ck_assert_int_eq(receive(fd, text_, sizeof(text_)), -1); \
		ck_assert_str_eq(text_, want); \
	} while (0)

static const char *const no_sockets[] = { NULL, "", "/", "@", "relative", "vsock:2:1" };

START_TEST(without_a_manager)
{
	struct notify *n;

	if (no_sockets[_i])
		setenv("NOTIFY_SOCKET", no_sockets[_i], 1);
	else
		unsetenv("NOTIFY_SOCKET");
	n = notify_open();
	ck_assert_ptr_null(n);
	/* All of it takes NULL. */
	notify_send(n, "X=1", -1);
	notify_ready(n);
	notify_reloading(n);
	notify_reloaded(n);
	notify_stopping(n);
	store_put(n, "l-1", 0);
	ck_assert_uint_eq(notify_watchdog(n), 0);
	notify_close(&n);
}
END_TEST

START_TEST(a_name_that_is_too_long)
{
	char text[200];

	memset(text, 'a', sizeof(text) - 1);
	text[0] = '/';
	text[sizeof(text) - 1] = '\0';
	setenv("NOTIFY_SOCKET", text, 1);
	ck_assert_ptr_null(notify_open());
}
END_TEST

/* By path and by abstract name. */
START_TEST(a_life)
{
	int fd = manager(_i);
	struct notify *n = notify_open();
	char text[600];

	ck_assert_ptr_nonnull(n);
	notify_reloading(n);
	notify_reloaded(n);
	EXPECT(fd, ""); /* not before it is ready */
	notify_ready(n);
	EXPECT(fd, "READY=1");
	notify_ready(n);
	EXPECT(fd, ""); /* once */
	notify_reloading(n);
	receive(fd, text, sizeof(text));
	ck_assert_int_eq(strncmp(text, "RELOADING=1\nMONOTONIC_USEC=", 27), 0);
	ck_assert(strtoull(text + 27, NULL, 10) > 0);
	notify_reloaded(n);
	EXPECT(fd, "READY=1");
	notify_stopping(n);
	EXPECT(fd, "STOPPING=1");
	notify_close(&n);
	ck_assert_ptr_null(n);
	clean(fd);
}
END_TEST

static const struct {
	const char *usec;
	uint64_t ms;
} watchdogs[] = { { NULL, 0 }, { "0", 0 }, { "30000000", 15000 }, { "junk", 0 } };

START_TEST(watchdog)
{
	int fd = manager(1);
	struct notify *n;

	if (watchdogs[_i].usec)
		setenv("WATCHDOG_USEC", watchdogs[_i].usec, 1);
	n = notify_open();
	ck_assert_uint_eq(notify_watchdog(n), watchdogs[_i].ms);
	notify_close(&n);
	clean(fd);
}
END_TEST

START_TEST(the_store)
{
	int fd = manager(1), null = open("/dev/null", O_RDONLY), got;
	struct notify *n = notify_open();
	struct stat a, b;
	char text[600];

	store_put(n, "w-1-0-chan", null);
	got = receive(fd, text, sizeof(text));
	ck_assert_str_eq(text, "FDSTORE=1\nFDNAME=w-1-0-chan");
	ck_assert_int_ne(got, -1);
	ck_assert_int_eq(fstat(got, &a) | fstat(null, &b), 0);
	ck_assert(a.st_rdev == b.st_rdev);
	ck_assert_int_ne(fcntl(null, F_GETFD), -1);
	store_remove(n, "w-1-0-chan");
	EXPECT(fd, "FDSTOREREMOVE=1\nFDNAME=w-1-0-chan");
	store_put(n, "w-1-0-log", -1); /* nothing to store: no older one may stay */
	EXPECT(fd, "FDSTOREREMOVE=1\nFDNAME=w-1-0-log");
	close(got);
	close(null);
	notify_close(&n);
	clean(fd);
}
END_TEST

/* One that does not read: we go on, and what it did not take is lost. */
START_TEST(a_deaf_manager)
{
	int fd = manager(1), count = 0;
	struct notify *n = notify_open();
	char text[600];

	for (int i = 0; i < 4096; i++)
		notify_send(n, "STATUS=x", -1);
	store_put(n, "l-1", STDIN_FILENO);
	for (receive(fd, text, sizeof(text)); text[0]; receive(fd, text, sizeof(text)))
		count++;
	ck_assert_int_gt(count, 0);
	ck_assert_int_lt(count, 4096);
	notify_stopping(n);
	EXPECT(fd, "STOPPING=1");
	notify_close(&n);
	clean(fd);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("notify");
	TCase *t = tcase_create("notify");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(t, without_a_manager, 0, sizeof(no_sockets) / sizeof(no_sockets[0]));
	tcase_add_test(t, a_name_that_is_too_long);
	tcase_add_loop_test(t, a_life, 0, 2);
	tcase_add_loop_test(t, watchdog, 0, sizeof(watchdogs) / sizeof(watchdogs[0]));
	tcase_add_test(t, the_store);
	tcase_add_test(t, a_deaf_manager);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed > 0;
}
