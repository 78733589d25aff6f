/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Message channel between two processes, one end of it.
 *
 * Runs in every process, also in root's, on bytes from processes that may be in an attacker's
 * hands.  It keeps no state between messages, allocates nothing, and must never hand on a message
 * or a descriptor that the list in msg.h does not permit.
 */
#include "common/chan.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static const struct msg_rule {
	const char *name;
	unsigned from, to; /* enum role, or-ed; 0: no such message */
	size_t fixed;
	size_t item;
	uint32_t most;
	enum msg_fds fds;
} rules[MSG_COUNT] = {
#define X(no, name, from, to, fixed, items, most, fds) \
	[no] = { #name, from, to, sizeof(fixed), sizeof(items), most, fds },
	MESSAGES(X)
#undef X
};

/* Receivers read fixed part and items in place, and HANDOVER_MAX descriptors are all there are. */
#define X(no, name, from, to, fixed, items, most, fds) \
	static_assert((no) > 0 && (no) < MSG_COUNT, #name ": number"); \
	static_assert(sizeof(fixed) % 8 == 0, #name ": its items would not be aligned"); \
	static_assert((to) == ROLE_KEEPER || \
		sizeof(struct msg_head) + sizeof(fixed) + (most) * sizeof(items) <= CHAN_BUF, \
	    #name ": CHAN_BUF has no room for it"); \
	static_assert((fds) != FDS_EACH || (most) <= HANDOVER_MAX, #name ": too many descriptors");
MESSAGES(X)
#undef X

static const struct msg_rule *
rule_of(uint32_t type)
{
	return type < MSG_COUNT && rules[type].from ? &rules[type] : NULL;
}

const char *
msg_name(uint32_t type)
{
	const struct msg_rule *rule = rule_of(type);

	return rule ? rule->name : "(unknown)";
}

static int
fds_of(const struct msg_rule *rule, uint32_t count)
{
	switch (rule->fds) {
	case FDS_NONE:
		return 0;
	case FDS_ONE:
		return 1;
	case FDS_EACH:
		return (int)count;
	}
	return -1;
}

int
chan_pair(enum role a, enum role b, struct chan *a_r, struct chan *b_r)
{
	/* The kernel counts its own overhead too, and doubles what it is given. */
	int size = 256 * 1024;
	int sp[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sp) == -1)
		return -1;
	if ((a | b) & ROLE_KEEPER) {
		/* Where net.core.wmem_max keeps it smaller, the longest SIGN gets EMSGSIZE. */
		(void)setsockopt(sp[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
		(void)setsockopt(sp[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	}
	*a_r = (struct chan){ .fd = sp[0], .self = a, .peer = b };
	*b_r = (struct chan){ .fd = sp[1], .self = b, .peer = a };
	return 0;
}

/* The kernel's structure has no const, for it serves both ways. */
static struct iovec
part(const void *data, size_t size)
{
	struct iovec v = { .iov_len = size };

	memcpy(&v.iov_base, &data, sizeof(data));
	return v;
}

/*
 * The one use of sendmsg: children's filters have none, so whatever a child may send goes out
 * by writev.
 */
static ssize_t
send_with_fds(int fd, struct iovec *iov, size_t iovs, const int *fds, int nfds)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(HANDOVER_MAX * sizeof(int))];
	} control = { 0 };
	size_t size = (size_t)nfds * sizeof(int);
	struct msghdr mh = {
		.msg_iov = iov,
		.msg_iovlen = iovs,
		.msg_control = control.space,
		.msg_controllen = CMSG_SPACE(size),
	};

	control.align.cmsg_len = CMSG_LEN(size);
	control.align.cmsg_level = SOL_SOCKET;
	control.align.cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(&control.align), fds, size);
	return sendmsg(fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int
chan_send(const struct chan *ch, enum msg_type type, const void *fixed, const void *items,
    uint32_t count, const int *fds, int nfds)
{
	const struct msg_rule *rule = rule_of(type);
	struct msg_head head = { .type = type, .count = count };
	struct iovec iov[3];
	size_t iovs = 2;
	ssize_t n;

	/* What we send is our own doing: anything else is a bug here. */
	assert(rule && (rule->from & ch->self) && (rule->to & ch->peer));
	assert(count <= rule->most && nfds == fds_of(rule, count));

	iov[0] = part(&head, sizeof(head));
	iov[1] = part(fixed, rule->fixed);
	if (count > 0)
		iov[iovs++] = part(items, count * rule->item);
	do
		n = nfds > 0 ? send_with_fds(ch->fd, iov, iovs, fds, nfds) :
			       writev(ch->fd, iov, (int)iovs);
	while (n == -1 && errno == EINTR);
	return n == -1 ? -1 : 0;
}

int
chan_tell(const struct chan *ch, enum msg_type type, const void *fixed)
{
	return chan_send(ch, type, fixed, NULL, 0, NULL, 0);
}

/* Take the descriptors out of mh: as many as m_r has room for, the rest closed. */
static void
take_fds(struct msghdr *mh, struct msg *m_r)
{
	int fd;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (m_r->nfds < HANDOVER_MAX)
				m_r->fds[m_r->nfds++] = fd;
			else
				close(fd);
		}
	}
}

/* Known type, sent by that peer to us, of exactly its length, with exactly its descriptors. */
static int
is_permitted(const struct chan *ch, const struct msg_head *head, size_t len, int nfds)
{
	const struct msg_rule *rule;

	if (len < sizeof(*head))
		return 0;
	rule = rule_of(head->type);
	if (!rule || !(rule->from & ch->peer) || !(rule->to & ch->self))
		return 0;
	if (head->count > rule->most)
		return 0;
	if (len != sizeof(*head) + rule->fixed + head->count * rule->item)
		return 0;
	return nfds == fds_of(rule, head->count);
}

enum chan_result
chan_recv(const struct chan *ch, void *buf, size_t size, struct msg *m_r)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(HANDOVER_MAX * sizeof(int))];
	} control;
	struct iovec iov = { buf, size };
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	struct msg_head head = { 0 };
	ssize_t n;

	memset(m_r, 0, sizeof(*m_r));
	do
		n = recvmsg(ch->fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		return errno == EAGAIN ? CHAN_AGAIN : CHAN_GONE;

	take_fds(&mh, m_r);
	if (n == 0 && m_r->nfds == 0 && !(mh.msg_flags & MSG_CTRUNC))
		return CHAN_GONE;
	memcpy(&head, buf, (size_t)n < sizeof(head) ? (size_t)n : sizeof(head));
	if ((mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) ||
	    !is_permitted(ch, &head, (size_t)n, m_r->nfds)) {
		msg_drop_fds(m_r);
		return CHAN_BAD;
	}
	m_r->type = (enum msg_type)head.type;
	m_r->count = head.count;
	m_r->fixed = (const char *)buf + sizeof(head);
	m_r->items = (const char *)m_r->fixed + rules[head.type].fixed;
	return CHAN_MSG;
}

void
msg_drop_fds(struct msg *m)
{
	while (m->nfds > 0)
		close(m->fds[--m->nfds]);
}

void
chan_close(struct chan *ch)
{
	if (ch->fd != -1)
		close(ch->fd);
	ch->fd = -1;
}
