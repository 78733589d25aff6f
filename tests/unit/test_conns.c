/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The records of live connections, and what a socket tells of whether anybody has touched it. */
#include "master/door/conns.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* As many as the table has places, and one more, which doubles it. */
START_TEST(costs_what_the_header_says)
{
	const size_t many = 16384 + (size_t)_i;
	struct holder holder;
	struct mallinfo2 before;
	struct conns c;

	conns_init(&c, 64);
	holder_init(&holder);
	before = mallinfo2();
	for (size_t id = 1; id <= many; id++)
		conns_give(&c, conns_add(&c, id, -1), &holder);
	ck_assert_uint_eq(holder.count, many);
	/* what malloc has mapped apart is the table */
	ck_assert_uint_le(
	    mallinfo2().uordblks - before.uordblks + mallinfo2().hblkhd - before.hblkhd,
	    many * CONNS_IDLE_BYTES + 8192);
}
END_TEST

/* An accepted connection over loopback. */
static void
connected(int *client_r, int *server_r)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);
	int l = socket(AF_INET, SOCK_STREAM, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(l, (struct sockaddr *)&in, sizeof(in)), 0);
	ck_assert_int_eq(listen(l, 1), 0);
	ck_assert_int_eq(getsockname(l, (struct sockaddr *)&in, &len), 0);
	*client_r = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(*client_r, (struct sockaddr *)&in, sizeof(in)), 0);
	*server_r = accept(l, NULL, NULL);
	ck_assert_int_ge(*server_r, 0);
	close(l);
}

/* Bytes and FINs arrive in their own time. */
static void
wait_for(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	ck_assert_int_eq(poll(&p, 1, 5000), 1);
}

static void
nothing(int client, int server)
{
	(void)client;
	(void)server;
}

static void
bytes_wait(int client, int server)
{
	ck_assert_int_eq(send(client, "hello", 5, 0), 5);
	wait_for(server, POLLIN);
}

static void
bytes_and_fin_wait(int client, int server)
{
	bytes_wait(client, server);
	shutdown(client, SHUT_WR);
	wait_for(server, POLLRDHUP);
}

static void
fin_waits(int client, int server)
{
	shutdown(client, SHUT_WR);
	wait_for(server, POLLRDHUP);
}

static void
bytes_were_read(int client, int server)
{
	char buf[2];

	bytes_wait(client, server);
	ck_assert_int_eq(recv(server, buf, sizeof(buf), 0), 2);
}

static void
bytes_were_peeked_at(int client, int server)
{
	int one = 1;
	char c;

	bytes_wait(client, server);
	/* What a worker does before it looks at anything: the kernel does not count peeking. */
	ck_assert_int_eq(setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), 0);
	ck_assert_int_eq(recv(server, &c, 1, MSG_PEEK), 1);
}

static void
bytes_were_sent(int client, int server)
{
	ck_assert_int_eq(send(server, "* OK", 4, 0), 4);
	wait_for(client, POLLIN);
}

static void
was_shut(int client, int server)
{
	(void)client;
	shutdown(server, SHUT_WR);
}

static void
client_has_reset(int client, int server)
{
	struct linger l = { 1, 0 };

	setsockopt(client, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	/* The descriptor stays open for the test to close; its connection does not. */
	connect(client, &(struct sockaddr){ .sa_family = AF_UNSPEC }, sizeof(struct sockaddr));
	wait_for(server, POLLERR);
}

static const struct {
	const char *name;
	void (*happens)(int client, int server);
	int untouched;
} sockets[] = {
	{ "nothing has happened", nothing, 1 },
	{ "bytes wait", bytes_wait, 1 },
	{ "bytes and a FIN wait", bytes_and_fin_wait, 1 },
	{ "a FIN waits", fin_waits, 1 },
	{ "bytes were read", bytes_were_read, 0 },
	{ "bytes were peeked at", bytes_were_peeked_at, 0 },
	{ "bytes were sent", bytes_were_sent, 0 },
	{ "our side was shut", was_shut, 0 },
	{ "the client has reset", client_has_reset, 0 },
};

START_TEST(untouched)
{
	int client, server;

	connected(&client, &server);
	sockets[_i].happens(client, server);
	ck_assert_msg(conn_untouched(server) == sockets[_i].untouched, "%s", sockets[_i].name);
	close(client);
	close(server);
}
END_TEST

START_TEST(no_socket_is_not_untouched)
{
	ck_assert_int_eq(conn_untouched(-1), 0);
	ck_assert_int_eq(conn_untouched(STDERR_FILENO), 0);
}
END_TEST

static struct holder h;
static struct conns all;

static void
setup(void)
{
	holder_init(&h);
	conns_init(&all, 2);
}

static int
some_fd(void)
{
	int fd = dup(STDERR_FILENO);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static int
is_open(int fd)
{
	return fd != -1 && fcntl(fd, F_GETFD) != -1;
}

START_TEST(finds_every_record)
{
	for (uint64_t id = 7; id < 5007; id++)
		ck_assert_ptr_nonnull(conns_add(&all, id, -1));
	ck_assert_uint_eq(all.count, 5000);
	for (uint64_t id = 7; id < 5007; id++)
		ck_assert_uint_eq(conns_find(&all, id)->id, id);
	ck_assert_ptr_null(conns_find(&all, 6));
	ck_assert_ptr_null(conns_find(&all, 5007));
	/* Same bucket, other id. */
	ck_assert_ptr_null(conns_find(&all, 7 + (1ull << 40)));
	for (uint64_t id = 7; id < 5007; id += 2)
		conns_free(&all, conns_find(&all, id));
	ck_assert_uint_eq(all.count, 2500);
	ck_assert_ptr_null(conns_find(&all, 7));
	ck_assert_ptr_nonnull(conns_find(&all, 8));
	ck_assert_uint_eq(all.parked_count, 2500);
}
END_TEST

START_TEST(finds_nothing_in_an_empty_table)
{
	ck_assert_ptr_null(conns_find(&all, 0));
}
END_TEST

START_TEST(oldest_descriptor_goes_first)
{
	struct conn *c[3];

	for (int i = 0; i < 3; i++) {
		c[i] = conns_add(&all, (uint64_t)i, some_fd());
		conns_give(&all, c[i], &h);
	}
	ck_assert_uint_eq(h.count, 3);
	/* None goes before all are sent. */
	ck_assert_uint_eq(all.held_count, 3);
	ck_assert(is_open(c[0]->held->fd));
	conns_trim(&all);
	ck_assert_uint_eq(all.held_count, 2);
	ck_assert_ptr_null(c[0]->held);
	ck_assert(is_open(c[1]->held->fd) && is_open(c[2]->held->fd));
	conns_release(&all, c[1]);
	ck_assert_uint_eq(all.held_count, 1);
	ck_assert_ptr_null(c[1]->held);
	conns_release(&all, c[1]); /* nothing more to give up */
	ck_assert_uint_eq(all.held_count, 1);
	for (int i = 0; i < 3; i++)
		conns_free(&all, c[i]);
	ck_assert_uint_eq(all.held_count, 0);
	ck_assert_uint_eq(h.count, 0);
	ck_assert(TAILQ_EMPTY(&h.conns) && TAILQ_EMPTY(&all.held));
}
END_TEST

START_TEST(parked_again_comes_first)
{
	struct conn *first = conns_add(&all, 1, some_fd()), *second = conns_add(&all, 2, some_fd());

	ck_assert_ptr_eq(TAILQ_FIRST(&all.parked), first);
	conns_give(&all, first, &h);
	ck_assert_ptr_eq(TAILQ_FIRST(&all.parked), second);
	conns_park(&all, first);
	ck_assert_ptr_eq(TAILQ_FIRST(&all.parked), first);
	ck_assert_ptr_null(first->holder);
	ck_assert_uint_eq(all.held_count, 0);
	ck_assert_uint_eq(all.parked_count, 2);
	ck_assert(is_open(first->held->fd));
	conns_free(&all, first);
	conns_free(&all, second);
}
END_TEST

/* A reset for the client, and no sleep, whatever linger time the socket was given before. */
START_TEST(reset_reaches_the_client)
{
	struct linger l = { 1, 60 };
	int client, server;
	struct conn *c;
	char byte;

	connected(&client, &server);
	setsockopt(server, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	c = conns_add(&all, 1, server);
	conns_give(&all, c, &h);
	conns_reset(&all, c);
	conns_free(&all, c);
	wait_for(client, POLLIN);
	ck_assert_int_eq(recv(client, &byte, 1, 0), -1);
	ck_assert_int_eq(errno, ECONNRESET);
	close(client);
}
END_TEST

/*
 * The last descriptor of a socket with a linger time and bytes that the client does not read:
 * close would sleep for a minute.  (The test runner's time limit is what fails here.)
 */
START_TEST(release_does_not_linger)
{
	struct linger l = { 1, 60 };
	int client, server, small = 4096;
	static char bytes[1 << 20];
	struct conn *c;

	connected(&client, &server);
	setsockopt(client, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	setsockopt(server, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	while (send(server, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	c = conns_add(&all, 1, server);
	conns_give(&all, c, &h);
	conns_free(&all, c);
	ck_assert(!is_open(server));
	close(client);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conns");
	TCase *sockets_case = tcase_create("sockets"), *table = tcase_create("table");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(
	    sockets_case, untouched, 0, (int)(sizeof(sockets) / sizeof(sockets[0])));
	tcase_add_test(sockets_case, no_socket_is_not_untouched);
	tcase_add_checked_fixture(table, setup, NULL);
	tcase_add_loop_test(table, costs_what_the_header_says, 0, 2);
	tcase_add_test(table, finds_every_record);
	tcase_add_test(table, finds_nothing_in_an_empty_table);
	tcase_add_test(table, oldest_descriptor_goes_first);
	tcase_add_test(table, parked_again_comes_first);
	tcase_add_test(table, reset_reaches_the_client);
	tcase_set_timeout(table, 20);
	tcase_add_test(table, release_does_not_linger);
	suite_add_tcase(s, sockets_case);
	suite_add_tcase(s, table);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
