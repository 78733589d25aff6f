/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Ports over reloads, and what waits at one that is closed. */
#include "master/door/accept.h"
#include "master/door/listen.h"
#include "master/host/holder.h"

#include <check.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct door d;
static struct conf_listener port;
static struct conf_frontend frontend;
static struct conf with = { .name = "a.conf",
	.frontends = &frontend,
	.listeners = &port,
	.listener_count = 1 },
		   without;
static struct problems problems;

/* ---- neighbours: there is no service manager, and nobody else's port ---- */

static int kept;

static void
keeps(struct door *of, const struct listener *l, int is_kept)
{
	(void)of, (void)l;
	kept += is_kept ? 1 : -1;
}

static const struct door_owner owner = { .keeps = keeps };

int
port_holder(uint16_t number, char *buf_r, size_t size)
{
	(void)number, (void)buf_r, (void)size;
	return -1;
}

/* A listening socket, as a socket unit gives it. */
static struct listener *
given(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct listener *l = calloc(1, sizeof(*l));
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	addr_from_sockaddr((struct sockaddr *)&sin, &l->addr);
	l->door = &d;
	l->watch = (struct watch){ .fn = accept_event, .fd = fd };
	l->given = 1;
	port.addr = l->addr;
	return l;
}

static void
setup(void)
{
	door_init(&d, &owner, 8);
	kept = 0;
	ck_assert_ptr_nonnull(d.loop = loop_new());
}

/* What the configuration has left and takes back is polled when its generation serves. */
START_TEST(given_back_and_taken_again)
{
	struct listener *l = given();

	TAILQ_INSERT_TAIL(&d.given, l, link);
	for (int i = 0; i < 2; i++) {
		listeners_prepare(&d, &with, &problems);
		ck_assert_ptr_eq(TAILQ_FIRST(&d.listeners), l);
		ck_assert(!l->is_kept);
		listeners_commit(&d, &with);
		ck_assert(l->is_kept);
		listeners_commit(&d, &without);
		ck_assert_ptr_eq(TAILQ_FIRST(&d.given), l);
	}
	ck_assert_uint_eq(problems.count, 0);
}
END_TEST

static int
option(const struct listener *l, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	ck_assert_int_eq(getsockopt(l->watch.fd, level, name, &value, &len), 0);
	return value;
}

/* Connections inherit keep-alive from the port, whoever opened it, and as the last reload says. */
START_TEST(keepalive_by_the_configuration)
{
	struct listener *l = given();

	if (_i) {
		TAILQ_INSERT_TAIL(&d.given, l, link);
	} else {
		close(l->watch.fd);
		free(l);
	}
	frontend.timeouts.keepalive = 61500;
	listeners_prepare(&d, &with, &problems);
	listeners_commit(&d, &with);
	l = TAILQ_FIRST(&d.listeners);
	ck_assert_int_eq(option(l, SOL_SOCKET, SO_KEEPALIVE), 1);
	ck_assert_int_eq(option(l, IPPROTO_TCP, TCP_KEEPIDLE), 62);
	ck_assert_int_eq(option(l, IPPROTO_TCP, TCP_KEEPINTVL), 15);
	ck_assert_int_eq(option(l, IPPROTO_TCP, TCP_KEEPCNT), 4);
	frontend.timeouts.keepalive = 5000;
	listeners_prepare(&d, &with, &problems);
	listeners_commit(&d, &with);
	ck_assert_ptr_eq(TAILQ_FIRST(&d.listeners), l);
	ck_assert_int_eq(option(l, IPPROTO_TCP, TCP_KEEPIDLE), 5);
	frontend.timeouts.keepalive = 0;
	listeners_prepare(&d, &with, &problems);
	listeners_commit(&d, &with);
	ck_assert_int_eq(option(l, SOL_SOCKET, SO_KEEPALIVE), 0);
	ck_assert_uint_eq(problems.count, 0);
}
END_TEST

/* A port is open before its generation serves: what comes meanwhile has it, too. */
START_TEST(keepalive_before_the_first_client)
{
	struct listener *l = given();

	close(l->watch.fd);
	free(l);
	frontend.timeouts.keepalive = 7000;
	listeners_prepare(&d, &with, &problems);
	l = TAILQ_FIRST(&d.listeners);
	ck_assert_int_eq(option(l, SOL_SOCKET, SO_KEEPALIVE), 1);
	ck_assert_int_eq(option(l, IPPROTO_TCP, TCP_KEEPIDLE), 7);
}
END_TEST

/* Whoever else holds the socket can shut it down: then accept fails for ever. */
START_TEST(a_dead_socket_is_left)
{
	struct listener *l = given();

	ck_assert_int_eq(shutdown(l->watch.fd, SHUT_RD), 0);
	accept_rest(l);
	ck_assert_uint_eq(d.conns.count, 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("listen");
	TCase *t = tcase_create("ports");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, given_back_and_taken_again);
	tcase_add_loop_test(t, keepalive_by_the_configuration, 0, 2);
	tcase_add_test(t, keepalive_before_the_first_client);
	tcase_add_test(t, a_dead_socket_is_left);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
