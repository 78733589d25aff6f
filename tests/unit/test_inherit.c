/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Which descriptors from the service manager are ports of ours. */
#include "master/door/accept.h"
#include "master/door/inherit.h"

#include <check.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* Never called here: nothing is polled. */
void
accept_event(struct watch *w, uint32_t events)
{
	(void)w;
	(void)events;
	abort();
}

static int forgotten;

static void
keeps(struct door *d, const struct listener *l, int is_kept)
{
	(void)d, (void)l;
	forgotten += !is_kept;
}

static const struct door_owner owner = { .keeps = keeps };

static int
tcp(int family, int v6only, int listening)
{
	struct sockaddr_storage ss = { .ss_family = (sa_family_t)family };
	socklen_t len =
	    family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
	int fd = socket(family, SOCK_STREAM, 0);

	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only));
	if (bind(fd, (struct sockaddr *)&ss, len) == -1 || (listening && listen(fd, 1) == -1))
		_exit(9);
	return fd;
}

static int
port_of(int fd)
{
	struct sockaddr_in6 six;
	socklen_t len = sizeof(six);

	getsockname(fd, (struct sockaddr *)&six, &len);
	return ntohs(six.sin6_port); /* at the same place in both families */
}

/* The six descriptors from 3 on: two ports of ours among what is none. */
static void
give(int ports[2])
{
	int fds[6], pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == -1)
		_exit(9);
	fds[0] = tcp(AF_INET, 0, 1);
	fds[1] = tcp(AF_INET, 0, 0); /* does not listen */
	fds[2] = pair[0];
	fds[3] = tcp(AF_INET6, 0, 1); /* IPv4 as well */
	fds[4] = open("/dev/null", O_RDONLY);
	fds[5] = socket(AF_INET, SOCK_DGRAM, 0);
	ports[0] = port_of(fds[0]);
	ports[1] = port_of(fds[3]);
	for (int i = 0; i < 6; i++)
		fds[i] = fcntl(fds[i], F_DUPFD, 100);
	for (int i = 0; i < 6; i++)
		dup2(fds[i], 3 + i);
}

static struct addr
address(const char *host, int port)
{
	char text[64];
	struct addr a = { 0 };

	snprintf(text, sizeof(text), "%s:%d", host, port);
	if (addr_parse(text, 1, &a) == -1)
		_exit(9);
	return a;
}

#define MUST(what) \
	do { \
		if (!(what)) { \
			fprintf(stderr, "%s\n", #what); \
			_exit(1); \
		} \
	} while (0)

static void
ports_are_found(void)
{
	struct door d = { .owner = &owner };
	struct listener *l;
	struct addr a, b, c;
	int ports[2];
	char pid[16];

	TAILQ_INIT(&d.given);
	give(ports);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "6", 1);
	setenv("LISTEN_FDNAMES", "a:b:c:d:e:f", 1);
	inherit_listeners(&d);
	MUST(!getenv("LISTEN_PID") && !getenv("LISTEN_FDS") && !getenv("LISTEN_FDNAMES"));

	a = address("0.0.0.0", ports[0]);
	b = address("*", ports[1]);
	c = address("[::]", ports[1]); /* the same port, but for IPv6 alone */
	MUST(!inherit_find(&d, &c));
	l = inherit_find(&d, &b);
	MUST(l && l->watch.fd == 6 && l->given);
	MUST(fcntl(6, F_GETFD) == FD_CLOEXEC && fcntl(6, F_GETFL) & O_NONBLOCK);
	MUST(!inherit_find(&d, &b));
	l = inherit_find(&d, &a);
	MUST(l && l->watch.fd == 3);
	MUST(TAILQ_EMPTY(&d.given));
	/* The others are left for whoever knows what they are. */
	MUST(fcntl(5, F_GETFD) == 0 && fcntl(7, F_GETFD) == 0);
}

/* What an earlier master had stored: used, or closed and forgotten, but for a second one of it. */
static void
stored_ports(int in_use)
{
	struct door d = { .owner = &owner };
	struct listener same = { 0 };
	int ports[2];
	char pid[16];

	TAILQ_INIT(&d.given);
	TAILQ_INIT(&d.listeners);
	give(ports);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "4", 1);
	setenv("LISTEN_FDNAMES", "l-1-00:x:y:imap", 1);
	inherit_listeners(&d);
	same.addr = address("0.0.0.0", ports[0]);
	if (in_use)
		TAILQ_INSERT_TAIL(&d.listeners, &same, link);
	inherit_drop(&d);
	MUST(fcntl(3, F_GETFD) == -1 && forgotten == !in_use);
	/* A socket unit's is the service manager's to close. */
	MUST(fcntl(6, F_GETFD) == FD_CLOEXEC && !TAILQ_EMPTY(&d.given));
}

static void
not_meant_for_us(const char *pid, const char *fds)
{
	struct door d = { .owner = &owner };
	int ports[2];

	TAILQ_INIT(&d.given);
	give(ports);
	if (pid)
		setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", fds, 1);
	inherit_listeners(&d);
	MUST(TAILQ_EMPTY(&d.given));
	MUST(!getenv("LISTEN_FDS"));
}

static void
refusals(int which)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	switch (which) {
	case 0:
		not_meant_for_us("1", "6");
		break;
	case 1:
		not_meant_for_us(NULL, "6");
		break;
	case 2:
		not_meant_for_us(pid, "6x");
		break;
	case 3:
		not_meant_for_us(pid, "-6");
		break;
	case 4:
		not_meant_for_us(pid, "99999999999999999999");
		break;
	case 5:
		not_meant_for_us(pid, "0");
		break;
	default:
		not_meant_for_us(pid, "");
	}
}

/* In a process of its own: descriptors from 3 on belong to Check in this one. */
static void
apart(void (*fn)(int), int arg)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		fn(arg);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

static void
found(int arg)
{
	(void)arg;
	ports_are_found();
}

START_TEST(takes_ports)
{
	apart(found, 0);
}
END_TEST

START_TEST(drops_stored_ports)
{
	apart(stored_ports, _i);
}
END_TEST

START_TEST(takes_nothing)
{
	apart(refusals, _i);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("inherit");
	TCase *t = tcase_create("inherit");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(t, takes_ports);
	tcase_add_loop_test(t, drops_stored_ports, 0, 2);
	tcase_add_loop_test(t, takes_nothing, 0, 7);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
