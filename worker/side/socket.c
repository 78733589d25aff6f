/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The socket of a side, its spill and its pipe.  Runs in the worker, on bytes of clients and servers;
 * looks at none of them.  Never blocks, and allocates only for what a peer does not take.
 */
#include "worker/side/socket.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

void
side_init(struct side *s, int fd, void (*fn)(struct watch *, uint32_t))
{
	*s = (struct side){
		.watch = { .fn = fn, .fd = fd },
		.window = SIDE_WINDOW_MIN,
		.dry = 1,
	};
}

void
side_event(struct side *s, uint32_t events)
{
	if (events & ~(uint32_t)EPOLLOUT)
		s->dry = 0;
	if (events & (EPOLLERR | EPOLLHUP))
		s->hup = 1;
}

enum io
side_socket_error(void)
{
	switch (errno) {
	case EAGAIN:
	case EINTR:
		return IO_WAIT;
	case ECONNRESET:
	case EPIPE:
		return IO_RESET;
	default:
		return IO_FAILED;
	}
}

enum io
side_connected(const struct side *s)
{
	struct pollfd p = { .fd = s->watch.fd, .events = POLLOUT };
	int error = 0;
	socklen_t len = sizeof(error);

	/* SO_ERROR alone would call a connect that is still under way a success. */
	if (poll(&p, 1, 0) == 0)
		return IO_WAIT;
	if (!(p.revents & (POLLERR | POLLHUP)))
		return IO_DONE;
	if (getsockopt(s->watch.fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		return IO_FAILED;
	errno = error;
	return error ? IO_FAILED : IO_DONE;
}

/*
 * Level-triggered, epoll tells of what comes later, and of an end that stands behind these bytes:
 * after a read that was not filled, another one would only ask in vain.
 */
ssize_t
side_recv(struct side *s, void *buf, size_t size)
{
	ssize_t n;

	if (s->dry)
		return errno = EAGAIN, -1;
	n = recv(s->watch.fd, buf, size, MSG_DONTWAIT);
	s->dry = n > 0 ? (size_t)n < size : n == -1 && errno == EAGAIN;
	return n;
}

enum io
side_put(struct side *s, const uint8_t *data, size_t size, size_t *n_r)
{
	ssize_t n;

	for (*n_r = 0; *n_r < size; *n_r += (size_t)n) {
		n = send(s->watch.fd, data + *n_r, size - *n_r, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n == -1)
			return side_socket_error();
	}
	return IO_DONE;
}

/* Put bytes behind those that wait already. */
static enum io
spill_add(struct side *s, const uint8_t *bytes, size_t n)
{
	size_t held = s->spill ? s->spill->end - s->spill->start : 0;
	struct spill *spill = malloc(sizeof(*spill) + held + n);

	if (!spill)
		return IO_FAILED;
	if (held)
		memcpy(spill->bytes, s->spill->bytes + s->spill->start, held);
	memcpy(spill->bytes + held, bytes, n);
	spill->start = 0;
	spill->end = held + n;
	free(s->spill);
	s->spill = spill;
	s->window = SIDE_WINDOW_MIN;
	return IO_WAIT;
}

enum io
side_queue(struct side *s, const uint8_t *bytes, size_t n,
    enum io (*put)(struct side *s, const uint8_t *data, size_t size, size_t *n_r))
{
	size_t done = 0;
	enum io io;

	/* What is in a pipe comes before it, and nobody relays past a blocked side. */
	assert(!s->pipe);
	io = s->spill ? IO_WAIT : put(s, bytes, n, &done);
	return io == IO_WAIT ? spill_add(s, bytes + done, n - done) : io;
}

int
side_blocked(const struct side *s)
{
	return s->spill || s->pipe;
}

int
side_rests(const struct side *s)
{
	char byte;

	return !side_blocked(s) && !s->partial && !s->ended &&
	    recv(s->watch.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == -1 && errno == EAGAIN;
}

enum io
side_pull(struct side *s, struct pipe *p)
{
	ssize_t n;

	if (s->dry)
		return IO_WAIT;
	n = splice(s->watch.fd, NULL, p->in, NULL, (size_t)1 << SIDE_WINDOW_MAX,
	    SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
	if (n > 0)
		return p->held = (size_t)n, IO_DONE;
	s->dry = n == -1 && errno == EAGAIN;
	return n == 0 ? IO_EOF : side_socket_error();
}

int
side_broken(const struct side *s)
{
	return s->hup && side_connected(s) == IO_FAILED;
}

uint32_t
side_silence(const struct side *s)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	if (s->watch.fd == -1 ||
	    getsockopt(s->watch.fd, IPPROTO_TCP, TCP_INFO, &info, &len) == -1 ||
	    (info.tcpi_unacked == 0 && info.tcpi_notsent_bytes == 0))
		return 0;
	/* A peer that has closed its window answers every question about it. */
	if (info.tcpi_last_ack_recv < info.tcpi_last_data_recv)
		return info.tcpi_last_ack_recv;
	return info.tcpi_last_data_recv;
}
