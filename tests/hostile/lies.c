/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The lies, and how each is put into bytes and descriptors.  A test's; never part of a product. */
#include "tests/hostile/lies.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FDS_MOST 253 /* SCM_MAX_FD */

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
	/* Numbers that are nobody's. */
	{ "none", 0, 0, 0, 8, 1, 0, FDS_NONE },
	{ "next", MSG_COUNT, 0, 0, 8, 1, 0, FDS_NONE },
	{ "most", UINT32_MAX, 0, 0, 8, 1, 0, FDS_NONE },
};
#define RULES (sizeof(list) / sizeof(list[0]))

static const char *const kinds[LIE_KINDS] = {
	[LIE_DIRECTION] = "direction",
	[LIE_ONES] = "ones",
	[LIE_SHORT] = "short",
	[LIE_LONG] = "long",
	[LIE_COUNT] = "count",
	[LIE_COUNT_MAX] = "count-max",
	[LIE_ONE_FD] = "one-fd",
	[LIE_TWO_FDS] = "two-fds",
	[LIE_MANY_FDS] = "many-fds",
	[LIE_HALF_HEAD] = "half-head",
};

static const struct rule *
rule_of(uint32_t type)
{
	for (size_t i = 0; i < RULES; i++)
		if (list[i].type == type)
			return &list[i];
	return NULL;
}

size_t
lies_make(enum role self, enum role peer, struct lie *lies_r)
{
	size_t n = 0;

	for (size_t i = 0; i < RULES; i++)
		for (int kind = 0; kind < LIE_KINDS; kind++) {
			int ours = (list[i].from & self) && (list[i].to & peer);

			if ((kind == LIE_DIRECTION && ours) || (kind == LIE_ONES && !ours))
				continue;
			lies_r[n].type = list[i].type;
			lies_r[n].kind = (enum lie_kind)kind;
			snprintf(lies_r[n].name, sizeof(lies_r[n].name), "%s-%s", list[i].name,
			    kinds[kind]);
			n++;
		}
	return n;
}

/* How many descriptors a lie brings; a message that carries some is lied about with others. */
static int
fds_of(const struct lie *lie, const struct rule *r)
{
	int right = r->fds == FDS_NONE ? 0 : 1;

	switch (lie->kind) {
	case LIE_ONE_FD:
		return right == 1 ? 0 : 1;
	case LIE_TWO_FDS:
		return 2;
	case LIE_MANY_FDS:
		return FDS_MOST;
	default:
		return right;
	}
}

int
lie_tell(int fd, const struct lie *lie)
{
	static unsigned char buf[sizeof(struct msg_head) + 8192];
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(FDS_MOST * sizeof(int))];
	} control = { 0 };
	const struct rule *r = rule_of(lie->type);
	uint32_t items = r->most > 0 ? 1 : 0;
	size_t len = sizeof(struct msg_head) + r->fixed + items * r->item;
	struct msg_head head = { .type = lie->type, .count = items };
	struct iovec iov = { buf, len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fds[FDS_MOST], count = fds_of(lie, r);

	memset(buf, lie->kind == LIE_ONES ? 0xff : 0, sizeof(buf));
	head.count += lie->kind == LIE_COUNT;
	if (lie->kind == LIE_COUNT_MAX)
		head.count = UINT32_MAX;
	memcpy(buf, &head, sizeof(head));
	if (lie->kind == LIE_SHORT)
		iov.iov_len--;
	else if (lie->kind == LIE_LONG)
		iov.iov_len++;
	else if (lie->kind == LIE_HALF_HEAD)
		iov.iov_len = 4;
	if (count > 0) {
		for (int i = 0; i < count; i++)
			fds[i] = STDIN_FILENO;
		mh.msg_control = control.space;
		mh.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
		memcpy(CMSG_DATA(&control.head), fds, (size_t)count * sizeof(int));
	}
	while (sendmsg(fd, &mh, MSG_NOSIGNAL) == -1) {
		struct pollfd p = { .fd = fd, .events = POLLOUT };

		if (errno != EAGAIN || poll(&p, 1, 5000) != 1)
			return -1;
	}
	return 0;
}
