/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * A lying peer: every message of the list, wrong in every way that it can be wrong.  The cases
 * are made from MESSAGES, so that a new message is attacked without anybody remembering to.
 */
#include "common/chan.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct rule {
	const char *name;
	uint32_t type;
	unsigned from, to;
	size_t fixed, item;
	uint32_t most;
	enum msg_fds fds;
} list[] = {
#define X(no, name, from, to, fixed, items, most, fds) \
	{ #name, no, from, to, sizeof(fixed), sizeof(items), most, fds },
	MESSAGES(X)
#undef X
};
#define RULES ((int)(sizeof(list) / sizeof(list[0])))

static const enum role roles[] = { ROLE_MASTER, ROLE_WORKER, ROLE_CHECKER, ROLE_KEEPER };

static union {
	uint64_t align;
	unsigned char bytes[CHAN_BUF_KEEPER + 64];
} out, in;

static int
open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* Send bytes as they are, with so many copies of standard input. */
static void
send_raw(int fd, const void *buf, size_t len, int nfds)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(253 * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (void *)(uintptr_t)buf, len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fds[253] = { 0 };

	if (nfds > 0) {
		mh.msg_control = control.space;
		mh.msg_controllen = CMSG_SPACE((size_t)nfds * sizeof(int));
		control.align.cmsg_len = CMSG_LEN((size_t)nfds * sizeof(int));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(&control.align), fds, (size_t)nfds * sizeof(int));
	}
	ck_assert_msg(sendmsg(fd, &mh, 0) == (ssize_t)len, "sendmsg: %s", strerror(errno));
}

static int
honest_fds(const struct rule *r, uint32_t count)
{
	return r->fds == FDS_NONE ? 0 : r->fds == FDS_ONE ? 1 : (int)count;
}

static size_t
honest_len(const struct rule *r, uint32_t count)
{
	return sizeof(struct msg_head) + r->fixed + count * r->item;
}

/* What the receiver makes of a message with this head, length and number of descriptors. */
static enum chan_result
lie(unsigned from, unsigned to, uint32_t type, uint32_t count, size_t len, int nfds)
{
	struct msg_head head = { type, count };
	struct chan ours, evil;
	enum chan_result res;
	struct msg m;
	int before, after;

	ck_assert_int_eq(chan_pair((enum role)from, (enum role)to, &evil, &ours), 0);
	memset(out.bytes, 0x41, sizeof(out.bytes));
	memcpy(out.bytes, &head, sizeof(head));
	before = open_fds();
	send_raw(evil.fd, out.bytes, len, nfds);
	res = chan_recv(&ours, in.bytes, CHAN_BUF_KEEPER, &m);
	if (res == CHAN_MSG) {
		ck_assert_uint_eq(m.type, type);
		ck_assert_uint_eq(m.count, count);
		ck_assert_int_eq(m.nfds, nfds);
		for (int i = 0; i < m.nfds; i++)
			ck_assert_int_eq(fcntl(m.fds[i], F_GETFD), FD_CLOEXEC);
		msg_drop_fds(&m);
	}
	ck_assert_int_eq(m.nfds, 0);
	after = open_fds();
	ck_assert_msg(after == before, "%s: %d descriptors leaked", msg_name(type), after - before);
	ck_assert_int_eq(chan_recv(&ours, in.bytes, sizeof(in.bytes), &m), CHAN_AGAIN);
	chan_close(&ours);
	chan_close(&evil);
	return res;
}

/* The list's own directions are taken, with no items, one, and as many as there may be. */
START_TEST(honest)
{
	const struct rule *r = &list[_i];

	for (size_t f = 0; f < 4; f++)
		for (size_t t = 0; t < 4; t++) {
			const uint32_t counts[] = { 0, r->most > 0, r->most };

			if (!(r->from & roles[f]) || !(r->to & roles[t]))
				continue;
			for (size_t c = 0; c < 3; c++)
				ck_assert_msg(lie(roles[f], roles[t], r->type, counts[c],
						  honest_len(r, counts[c]),
						  honest_fds(r, counts[c])) == CHAN_MSG,
				    "%s with %u items refused", r->name, counts[c]);
		}
}
END_TEST

START_TEST(wrong_direction)
{
	const struct rule *r = &list[_i];
	uint32_t count = r->fds == FDS_EACH;
	int tried = 0;

	for (size_t f = 0; f < 4; f++)
		for (size_t t = 0; t < 4; t++) {
			if ((r->from & roles[f]) && (r->to & roles[t]))
				continue;
			ck_assert_msg(lie(roles[f], roles[t], r->type, count, honest_len(r, count),
					  honest_fds(r, count)) == CHAN_BAD,
			    "%s accepted from %d to %d", r->name, roles[f], roles[t]);
			tried++;
		}
	ck_assert_int_gt(tried, 0);
}
END_TEST

/* The first permitted pair of roles, for the lies that are not about direction. */
static void
direction(const struct rule *r, unsigned *from_r, unsigned *to_r)
{
	*from_r = r->from & -r->from;
	*to_r = r->to & -r->to;
}

START_TEST(wrong_length)
{
	const struct rule *r = &list[_i];
	uint32_t count = r->fds == FDS_EACH;
	size_t right = honest_len(r, count);
	const size_t lens[] = { 1, 4, 7, 8, right - 1, right + 1, right + r->item, right + 8,
		sizeof(struct msg_head) + r->fixed - 1, CHAN_BUF, CHAN_BUF_KEEPER + 1 };
	unsigned from, to;

	direction(r, &from, &to);
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
		ck_assert_msg(
		    lie(from, to, r->type, count, lens[i], honest_fds(r, count)) == CHAN_BAD,
		    "%s with %zu bytes, not %zu, accepted", r->name, lens[i], right);
}
END_TEST

START_TEST(wrong_count)
{
	const struct rule *r = &list[_i];
	/* The last ones wrap around when multiplied in 32 or 64 bits. */
	const uint32_t counts[] = { r->most + 1, 0x7fffffff, 0x80000000, 0xffffffff,
		(uint32_t)(0x100000000 / r->item), (uint32_t)(0x100000000 / r->item) + 1 };
	unsigned from, to;

	direction(r, &from, &to);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		uint32_t c = counts[i];
		size_t len = honest_len(r, c);

		if (c <= r->most) /* wrapped: an honest count */
			continue;
		if (len > CHAN_BUF_KEEPER)
			len = (uint32_t)len % CHAN_BUF;
		if (len < sizeof(struct msg_head) + r->fixed)
			len = honest_len(r, 0);
		ck_assert_msg(lie(from, to, r->type, c, len, honest_fds(r, 0)) == CHAN_BAD,
		    "%s with count %u and %zu bytes accepted", r->name, c, len);
		ck_assert_msg(lie(from, to, r->type, c, honest_len(r, 0), 0) == CHAN_BAD,
		    "%s with count %u and no items accepted", r->name, c);
	}
}
END_TEST

START_TEST(wrong_fds)
{
	const struct rule *r = &list[_i];
	static const int numbers[] = { 0, 1, 2, 3, HANDOVER_MAX, HANDOVER_MAX + 1, 253 };
	unsigned from, to;

	direction(r, &from, &to);
	for (uint32_t count = 0; count <= (r->most < 2 ? r->most : 2); count++)
		for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
			if (numbers[i] == honest_fds(r, count))
				continue;
			ck_assert_msg(lie(from, to, r->type, count, honest_len(r, count),
					  numbers[i]) == CHAN_BAD,
			    "%s with %d descriptors accepted", r->name, numbers[i]);
		}
}
END_TEST

static const uint32_t no_types[] = { 0, MSG_COUNT, MSG_COUNT + 1, 0x7fffffff, 0xffffffff };

START_TEST(unknown_type)
{
	ck_assert_int_eq(lie(ROLE_WORKER, ROLE_MASTER, no_types[_i], 0, 16, 0), CHAN_BAD);
	ck_assert_int_eq(lie(ROLE_MASTER, ROLE_WORKER, no_types[_i], 0, 16, 1), CHAN_BAD);
	ck_assert_str_eq(msg_name(no_types[_i]), "(unknown)");
}
END_TEST

START_TEST(descriptors_without_a_byte)
{
	ck_assert_int_eq(lie(ROLE_WORKER, ROLE_MASTER, 0, 0, 0, 1), CHAN_BAD);
	ck_assert_int_eq(lie(ROLE_WORKER, ROLE_MASTER, 0, 0, 0, 253), CHAN_BAD);
	/* Nothing at all cannot be told from the end, and is as final. */
	ck_assert_int_eq(lie(ROLE_WORKER, ROLE_MASTER, 0, 0, 0, 0), CHAN_GONE);
}
END_TEST

START_TEST(there_and_back)
{
	struct msg_empty none = { 0 };
	struct msg_handover item[2] = { { .id = 7, .listener = 1 }, { .id = 8, .listener = 2 } };
	struct msg_signed sig = { 0 };
	struct chan master, worker, asker, keeper;
	const struct msg_handover *got;
	int fds[2] = { 0, 1 };
	struct msg m;

	ck_assert_int_eq(chan_pair(ROLE_MASTER, ROLE_WORKER, &master, &worker), 0);
	ck_assert_int_eq(chan_send(&master, MSG_HANDOVER, &none, item, 2, fds, 2), 0);
	ck_assert_int_eq(chan_tell(&master, MSG_RETIRE, &none), 0);
	ck_assert_int_eq(chan_recv(&worker, in.bytes, CHAN_BUF, &m), CHAN_MSG);
	ck_assert_uint_eq(m.type, MSG_HANDOVER);
	ck_assert_int_eq(m.nfds, 2);
	got = m.items;
	ck_assert_mem_eq(got, item, sizeof(item));
	msg_drop_fds(&m);
	ck_assert_int_eq(chan_recv(&worker, in.bytes, CHAN_BUF, &m), CHAN_MSG);
	ck_assert_uint_eq(m.type, MSG_RETIRE);
	ck_assert_int_eq(chan_recv(&worker, in.bytes, CHAN_BUF, &m), CHAN_AGAIN);
	chan_close(&master);
	ck_assert_int_eq(master.fd, -1);
	ck_assert_int_eq(chan_recv(&worker, in.bytes, CHAN_BUF, &m), CHAN_GONE);
	ck_assert_int_eq(chan_tell(&worker, MSG_TAKEN, &(struct msg_taken){ 1 }), -1);
	ck_assert_int_eq(errno, EPIPE);
	chan_close(&worker);

	/* The longest message there is, and its answer. */
	ck_assert_int_eq(chan_pair(ROLE_WORKER, ROLE_KEEPER, &asker, &keeper), 0);
	memset(out.bytes, 0x5a, TBS_MAX);
	ck_assert_int_eq(chan_send(&asker, MSG_SIGN, &(struct msg_sign){ .scheme = 0x0403 },
			     out.bytes, TBS_MAX, NULL, 0),
	    0);
	ck_assert_int_eq(chan_recv(&keeper, in.bytes, CHAN_BUF_KEEPER, &m), CHAN_MSG);
	ck_assert_uint_eq(m.count, TBS_MAX);
	ck_assert_mem_eq(m.items, out.bytes, TBS_MAX);
	ck_assert_int_eq(chan_send(&keeper, MSG_SIGNED, &sig, out.bytes, 71, NULL, 0), 0);
	ck_assert_int_eq(chan_recv(&asker, in.bytes, CHAN_BUF, &m), CHAN_MSG);
	ck_assert_uint_eq(m.count, 71);
	chan_close(&asker);
	chan_close(&keeper);
}
END_TEST

/* A peer that reads nothing costs an error, not a wait. */
START_TEST(peer_that_does_not_read)
{
	struct chan master, worker;
	int n = 0;

	ck_assert_int_eq(chan_pair(ROLE_MASTER, ROLE_WORKER, &master, &worker), 0);
	while (chan_tell(&master, MSG_PING, &(struct msg_ping){ 1 }) == 0)
		ck_assert_int_lt(++n, 100000);
	ck_assert_int_eq(errno, EAGAIN);
	chan_close(&master);
	chan_close(&worker);
}
END_TEST

START_TEST(bug_sends_what_it_may_not)
{
	struct chan worker = { .fd = -1, .self = ROLE_WORKER, .peer = ROLE_MASTER };

	if (_i == 0)
		chan_tell(&worker, MSG_RETIRE, &(struct msg_empty){ 0 });
	if (_i == 1)
		chan_send(
		    &worker, MSG_CLOSED, &(struct msg_empty){ 0 }, out.bytes, IDS_MAX + 1, NULL, 0);
	if (_i == 2)
		chan_send(&worker, MSG_CLOSED, &(struct msg_empty){ 0 }, NULL, 0, (int[]){ 0 }, 1);
}
END_TEST

START_TEST(buffer_too_small)
{
	struct chan master, worker;
	struct msg m;

	ck_assert_int_eq(chan_pair(ROLE_MASTER, ROLE_WORKER, &master, &worker), 0);
	ck_assert_int_eq(chan_tell(&master, MSG_PING, &(struct msg_ping){ 1 }), 0);
	ck_assert_int_eq(chan_recv(&worker, in.bytes, 15, &m), CHAN_BAD);
	chan_close(&master);
	chan_close(&worker);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("chan");
	TCase *t = tcase_create("lies");
	SRunner *r;
	int failed;

	signal(SIGPIPE, SIG_IGN);
	tcase_add_loop_test(t, honest, 0, RULES);
	tcase_add_loop_test(t, wrong_direction, 0, RULES);
	tcase_add_loop_test(t, wrong_length, 0, RULES);
	tcase_add_loop_test(t, wrong_count, 0, RULES);
	tcase_add_loop_test(t, wrong_fds, 0, RULES);
	tcase_add_loop_test(t, unknown_type, 0, sizeof(no_types) / sizeof(no_types[0]));
	tcase_add_test(t, descriptors_without_a_byte);
	tcase_add_test(t, there_and_back);
	tcase_add_test(t, peer_that_does_not_read);
	tcase_add_test(t, buffer_too_small);
	tcase_add_loop_test_raise_signal(t, bug_sends_what_it_may_not, SIGABRT, 0, 3);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
