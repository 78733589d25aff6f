/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Moving bytes between two plain sides: all of them, in order, whatever the peers do. */
#include "../../worker/relay.h"

#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static struct relay relay;
static struct loop *loop;
static struct side from, to;
static int source, sink; /* the peers' ends */
static uint64_t count;

/* A connected pair of TCP sockets with small buffers. */
static void
tcp_pair(int *a_r, int *b_r)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	const int small = 64 * 1024;
	int l = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(l, (struct sockaddr *)&sin, sizeof(sin)), 0);
	ck_assert_int_eq(setsockopt(l, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	ck_assert_int_eq(listen(l, 1), 0);
	ck_assert_int_eq(getsockname(l, (struct sockaddr *)&sin, &len), 0);
	*a_r = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(*a_r, (struct sockaddr *)&sin, sizeof(sin)), 0);
	*b_r = accept4(l, NULL, NULL, SOCK_NONBLOCK);
	ck_assert_int_ge(*b_r, 0);
	close(l);
}

static void
setup(void)
{
	int here;

	ck_assert_ptr_nonnull(loop = loop_new());
	relay_init(&relay);
	tcp_pair(&source, &here);
	side_init(&from, here, NULL);
	tcp_pair(&sink, &here);
	side_init(&to, here, NULL);
	count = 0;
}

/* As when epoll has told of both sides. */
static enum flow
pass(void)
{
	side_event(&from, EPOLLIN);
	side_event(&to, EPOLLOUT);
	return relay_flow(&relay, &from, &to, &count);
}

static size_t
pool_size(void)
{
	size_t n = 0;

	for (struct pipe *p = relay.pipes; p; p = p->next)
		n++;
	return n;
}

/*
 * Push total bytes through; the sink reads at most take bytes a step.  Window: where the adaptive
 * window stands at the beginning, so that both ways of moving are met.
 */
static const struct {
	const char *name;
	size_t total, give, take;
	uint8_t window;
} loads[] = {
	{ "one byte", 1, 1, 10, SIDE_WINDOW_MIN },
	{ "small pieces", 100000, 100, 100, SIDE_WINDOW_MIN },
	{ "bulk", 32 << 20, 1 << 20, 1 << 20, SIDE_WINDOW_MIN },
	{ "bulk, spliced from the start", 32 << 20, 1 << 20, 1 << 20, SIDE_WINDOW_MAX },
	{ "slow sink", 4 << 20, 1 << 20, 3001, SIDE_WINDOW_MIN },
	{ "slow sink, spliced", 4 << 20, 1 << 20, 3001, SIDE_WINDOW_MAX },
	{ "slow source", 300000, 701, 1 << 20, SIDE_WINDOW_MAX },
};

START_TEST(every_byte_in_order)
{
	size_t total = loads[_i].total, given = 0, taken = 0;
	unsigned char *out = malloc(total), *in = malloc(total);
	size_t pipes = pool_size();

	for (size_t i = 0; i < total; i++)
		out[i] = (unsigned char)(i * 2654435761u >> 23);
	to.window = loads[_i].window;
	while (taken < total) {
		size_t n = total - given < loads[_i].give ? total - given : loads[_i].give;
		ssize_t got = n ? send(source, out + given, n, MSG_DONTWAIT) : 0;

		given += got > 0 ? (size_t)got : 0;
		switch (pass()) {
		case FLOW_WAIT:
		case FLOW_MORE:
			break;
		default:
			ck_abort_msg("%s: broken", loads[_i].name);
		}
		n = total - taken < loads[_i].take ? total - taken : loads[_i].take;
		got = recv(sink, in + taken, n, MSG_DONTWAIT);
		taken += got > 0 ? (size_t)got : 0;
	}
	ck_assert_msg(memcmp(in, out, total) == 0, "%s", loads[_i].name);
	ck_assert_uint_eq(count, total);
	/* All is out: nothing is kept for an idle connection, and every pipe is back. */
	(void)pass();
	ck_assert(!side_blocked(&to));
	ck_assert_uint_eq(pool_size(), pipes);
	close(source);
	ck_assert_int_eq(pass(), FLOW_ENDED);
	ck_assert_int_eq(recv(sink, in, 1, 0), 0);
	free(out);
	free(in);
}
END_TEST

/* A sink that takes nothing: what is held for it is bounded, in the spill or in one pipe. */
START_TEST(bounded)
{
	char bytes[4096] = { 0 };
	uint64_t held;

	to.window = _i ? SIDE_WINDOW_MAX : SIDE_WINDOW_MIN;
	for (int quiet = 0; quiet < 1000; quiet++) {
		if (send(source, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
			quiet = 0;
		(void)pass();
	}
	ck_assert(side_blocked(&to));
	held = count;
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(pass(), FLOW_WAIT);
	ck_assert_uint_eq(count, held);
	side_close(&to, loop);
	ck_assert_uint_ge(pool_size(), 1);
}
END_TEST

START_TEST(breaks)
{
	const struct linger now = { 1, 0 };
	int victim = _i % 2 ? sink : source;

	to.window = _i < 2 ? SIDE_WINDOW_MIN : SIDE_WINDOW_MAX;
	ck_assert_int_eq(setsockopt(victim, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	close(victim);
	if (_i % 2) {
		enum flow flow = FLOW_WAIT;

		for (int i = 0; i < 100 && flow == FLOW_WAIT; i++) {
			ck_assert_int_eq(send(source, "x", 1, 0), 1);
			flow = pass();
		}
		ck_assert_int_eq(flow, FLOW_TO_RESET);
	} else {
		ck_assert_int_eq(pass(), FLOW_FROM_RESET);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("relay");
	TCase *t = tcase_create("relay");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, every_byte_in_order, 0, sizeof(loads) / sizeof(loads[0]));
	tcase_add_loop_test(t, bounded, 0, 2);
	tcase_add_loop_test(t, breaks, 0, 4);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
