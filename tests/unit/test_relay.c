/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Moving bytes between two sides: all of them, in order, whatever the peers do; with few system
 * calls, which the linker lets this test count, and in records of the right size.
 */
#include "worker/record/crypt.h"
#include "worker/record/record.h"
#include "worker/record/start.h"
#include "worker/side/relay.h"
#include "worker/side/side.h"

#include <check.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static struct relay relay;
static struct loop *loop;
static struct side from, to;
static int source, sink; /* the peers' ends */
static uint64_t count;

/* ---- the system calls that are counted ---- */

ssize_t __real_send(int fd, const void *bytes, size_t n, int flags);
ssize_t __wrap_send(int fd, const void *bytes, size_t n, int flags);
ssize_t __real_splice(int in, off_t *in_at, int out, off_t *out_at, size_t n, unsigned flags);
ssize_t __wrap_splice(int in, off_t *in_at, int out, off_t *out_at, size_t n, unsigned flags);
static unsigned sends, splices;

ssize_t
__wrap_send(int fd, const void *bytes, size_t n, int flags)
{
	sends++;
	return __real_send(fd, bytes, n, flags);
}

ssize_t
__wrap_splice(int in, off_t *in_at, int out, off_t *out_at, size_t n, unsigned flags)
{
	splices++;
	return __real_splice(in, in_at, out, out_at, n, flags);
}

/*
 * A connected pair of TCP sockets with buffers of a size that hosts permit (net.core.wmem_max), so
 * that those which the kernel would give them (tcp_wmem, tcp_rmem) do not matter.
 */
static void
tcp_pair(int *a_r, int *b_r)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	const int in = 64 * 1024, out = 200 * 1024;
	int l = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(l, (struct sockaddr *)&sin, sizeof(sin)), 0);
	ck_assert_int_eq(setsockopt(l, SOL_SOCKET, SO_RCVBUF, &in, sizeof(in)), 0);
	ck_assert_int_eq(setsockopt(l, SOL_SOCKET, SO_SNDBUF, &out, sizeof(out)), 0);
	ck_assert_int_eq(listen(l, 1), 0);
	ck_assert_int_eq(getsockname(l, (struct sockaddr *)&sin, &len), 0);
	*a_r = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(setsockopt(*a_r, SOL_SOCKET, SO_RCVBUF, &in, sizeof(in)), 0);
	ck_assert_int_eq(setsockopt(*a_r, SOL_SOCKET, SO_SNDBUF, &out, sizeof(out)), 0);
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
	int splices; /* -1: as it comes */
} loads[] = {
	{ "one byte", 1, 1, 10, SIDE_WINDOW_MIN, 0 },
	{ "small pieces", 100000, 100, 100, SIDE_WINDOW_MIN, 0 },
	{ "bulk", 32 << 20, 1 << 20, 1 << 20, SIDE_WINDOW_MIN, -1 },
	{ "bulk, spliced from the start", 32 << 20, 1 << 20, 1 << 20, SIDE_WINDOW_MAX, 1 },
	{ "slow sink", 4 << 20, 1 << 20, 3001, SIDE_WINDOW_MIN, -1 },
	{ "slow sink, spliced", 4 << 20, 1 << 20, 3001, SIDE_WINDOW_MAX, 1 },
	{ "slow source", 300000, 701, 1 << 20, SIDE_WINDOW_MAX, 1 },
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
	ck_assert_msg(loads[_i].splices == -1 || !loads[_i].splices == !splices, "%s: %u splices",
	    loads[_i].name, splices);
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
	/* One buffer's worth at the most, and only on one side. */
	ck_assert(!side_blocked(&from));
	ck_assert_ptr_null(from.spill);
	if (to.spill)
		ck_assert_uint_le(to.spill->end - to.spill->start, (size_t)1 << SIDE_WINDOW_MAX);
	else
		ck_assert_uint_le(to.pipe->held, (size_t)1 << SIDE_WINDOW_MAX);
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

/* Keys of a TLS 1.3 server; what they are is of no interest here. */
static void
with_records(struct side *s)
{
	ck_assert_ptr_null(record_init());
	s->record = calloc(1, sizeof(*s->record));
	s->record->server = 1;
	s->record->suite = SUITE_AES128;
	ck_assert_int_eq(record_crypt_keys(s->record, RECORD_READ), 0);
	ck_assert_int_eq(record_crypt_keys(s->record, RECORD_WRITE), 0);
}

/* What the sink gets: the number of its records, and how large the largest is, header included. */
static unsigned
records_at_sink(size_t *largest_r)
{
	static uint8_t bytes[400000];
	size_t have = 0, size;
	ssize_t n;
	unsigned records = 0;
	int left = 1, was;

	/* All that was sent, however late the kernel brings it here. */
	do {
		was = left;
		ck_assert_int_eq(ioctl(to.watch.fd, SIOCOUTQ, &left), 0);
		while ((n = recv(sink, bytes + have, sizeof(bytes) - have, MSG_DONTWAIT)) > 0)
			have += (size_t)n;
		if (left > 0)
			(void)poll(NULL, 0, 1);
	} while ((left > 0 || was > 0) && have < sizeof(bytes));
	*largest_r = 0;
	for (size_t at = 0; at < have; at += size, records++) {
		ck_assert_uint_ge(have - at, RECORD_HEAD);
		size = RECORD_HEAD + ((size_t)bytes[at + 3] << 8 | bytes[at + 4]);
		*largest_r = size > *largest_r ? size : *largest_r;
		ck_assert_uint_le(size, have - at);
	}
	return records;
}

/* After a silence a record fits into a segment; in bulk it is as large as it may be. */
static const struct {
	uint8_t window;
	size_t n, largest;
	unsigned records;
} writes[] = {
	{ SIDE_WINDOW_MIN, 1, 1 + 22, 1 },
	{ SIDE_WINDOW_MIN, 20000, 1393, 15 },
	{ SIDE_WINDOW_MAX, 50000, 16384 + 22, 4 },
};

START_TEST(records_go_together)
{
	static uint8_t bytes[50000];
	size_t largest;

	with_records(&to);
	to.window = writes[_i].window;
	sends = 0;
	ck_assert_int_eq(side_write(&to, bytes, writes[_i].n), IO_DONE);
	ck_assert_uint_eq(sends, 1);
	ck_assert_uint_eq(records_at_sink(&largest), writes[_i].records);
	ck_assert_uint_eq(largest, writes[_i].largest);
}
END_TEST

/* As much of an endless download as the source's socket takes, plain or in records of this size. */
static void
pour(struct record *records, size_t fragment)
{
	static uint8_t plain[1 << 18], out[(1 << 18) + 16384];
	static size_t sent, size;
	ssize_t n;
	size_t taken;

	do {
		if (sent == size) {
			size = records ? (size_t)record_seal(records, plain, 15 * fragment,
					     fragment, out, sizeof(out), &taken) :
					 sizeof(plain);
			sent = 0;
		}
		n = __real_send(source, out + sent, size - sent, MSG_DONTWAIT);
		sent += n > 0 ? (size_t)n : 0;
	} while (n > 0);
}

/*
 * Bulk under TLS: the window grows as it flows, and the records with it; nothing is spliced.  It
 * also grows if the server speaks TLS as well, and two whole records do not quite fit a window.
 */
static const size_t fragments[] = { 0, RECORD_PLAIN, RECORD_PLAIN - 20 };

START_TEST(records_grow)
{
	size_t largest = 0, once;
	struct side peer = { 0 };

	with_records(&to);
	if (_i) {
		with_records(&from);
		with_records(&peer);
	}
	while (to.window < SIDE_WINDOW_MAX) {
		struct pollfd p = { .fd = from.watch.fd, .events = POLLIN };

		pour(peer.record, fragments[_i]);
		ck_assert_int_eq(poll(&p, 1, -1), 1);
		ck_assert(pass() == FLOW_WAIT || pass() == FLOW_MORE);
		(void)records_at_sink(&once);
		largest = once > largest ? once : largest;
	}
	ck_assert_uint_eq(to.window, SIDE_WINDOW_MAX);
	ck_assert_uint_eq(largest, 16384 + 22);
	ck_assert_uint_eq(splices, 0);
}
END_TEST

/* Bulk without TLS comes to be spliced, sooner or later. */
START_TEST(bulk_is_spliced)
{
	static uint8_t bytes[1 << 20];

	while (splices == 0) {
		pour(NULL, 0);
		ck_assert(pass() == FLOW_WAIT || pass() == FLOW_MORE);
		while (recv(sink, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
			continue;
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
	tcase_add_test(t, bulk_is_spliced);
	tcase_add_loop_test(t, records_go_together, 0, sizeof(writes) / sizeof(writes[0]));
	tcase_add_loop_test(t, records_grow, 0, sizeof(fragments) / sizeof(fragments[0]));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
