/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What a process in an attacker's hands may send over a channel: bytes of its choice with
 * descriptors of its choice.  What is handed on must be what msg.h permits, readable to its end,
 * and no descriptor may be left over.
 *
 * The first byte says who sends to whom, the second how many descriptors come with the rest.
 */
#include "common/chan.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const enum role roles[] = { ROLE_MASTER, ROLE_WORKER, ROLE_CHECKER, ROLE_KEEPER };

static void
must(int holds)
{
	if (!holds)
		abort();
}

static void
send_raw(int fd, const uint8_t *data, size_t size, int nfds)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(253 * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_len = size };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fds[253];

	memcpy(&iov.iov_base, &data, sizeof(data));
	if (nfds > 0) {
		for (int i = 0; i < nfds; i++)
			fds[i] = fd;
		mh.msg_control = control.space;
		mh.msg_controllen = CMSG_SPACE((size_t)nfds * sizeof(int));
		control.align.cmsg_len = CMSG_LEN((size_t)nfds * sizeof(int));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(&control.align), fds, (size_t)nfds * sizeof(int));
	}
	must(sendmsg(fd, &mh, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size);
}

/* The direction, again and by another way than chan.c's. */
static int
is_direction(const struct msg *m, enum role from, enum role to)
{
	switch (m->type) {
#define X(no, name, senders, receivers, fixed, items, most, fds) \
	case MSG_##name: \
		return ((senders)&from) && ((receivers)&to) && m->count <= (most) && \
		    m->nfds == \
		    ((fds) == FDS_NONE       ? 0 : \
			    (fds) == FDS_ONE ? 1 : \
					       (int)m->count);
		MESSAGES(X)
#undef X
	case MSG_COUNT:
		break;
	}
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static union {
		uint64_t align;
		uint8_t bytes[CHAN_BUF_KEEPER];
	} buf;
	struct chan evil, ours;
	struct msg m;
	int nfds, lowest, after;

	if (size < 2 || size - 2 > sizeof(buf) + 64)
		return 0;
	nfds = data[1] > 253 ? 253 : data[1];
	must(chan_pair(roles[data[0] & 3], roles[data[0] >> 2 & 3], &evil, &ours) == 0);
	lowest = dup(0);
	close(lowest);
	send_raw(evil.fd, data + 2, size - 2, nfds);
	switch (chan_recv(&ours, buf.bytes, sizeof(buf.bytes), &m)) {
	case CHAN_MSG: {
		const uint8_t *end = buf.bytes + size - 2;

		must(is_direction(&m, evil.self, ours.self));
		must((const uint8_t *)m.fixed == buf.bytes + sizeof(struct msg_head));
		must((const uint8_t *)m.items <= end && ((size_t)m.items & 7) == 0);
		must(m.count > 0 || (const uint8_t *)m.items == end);
		msg_drop_fds(&m);
		break;
	}
	case CHAN_GONE:
		must(size == 2 && nfds == 0);
		break;
	case CHAN_BAD:
		must(m.nfds == 0);
		break;
	case CHAN_AGAIN:
		abort();
	}
	after = dup(0);
	close(after);
	must(after == lowest); /* nothing was left open */
	chan_close(&evil);
	chan_close(&ours);
	return 0;
}
