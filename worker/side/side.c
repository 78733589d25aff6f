/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * One side of a connection: the socket, the spill, and which of the two forms of TLS is on it.
 * Runs in the worker, on bytes of clients and servers; looks at none of them.  Never blocks, and
 * allocates only for what a peer does not take.
 */
#include "worker/side/int.h"

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
#include <unistd.h>

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

int
side_has_tls(const struct side *s)
{
	return s->ssl || s->record;
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
side_read(struct side *s, void *buf, size_t size, size_t *n_r)
{
	enum io last = s->last;
	ssize_t n;

	*n_r = 0;
	if (last != IO_DONE)
		return last;
	if (s->ssl)
		return ssl_read(s, buf, size, n_r);
	if (s->record)
		return rec_read(s, buf, size, n_r);
	n = side_recv(s, buf, size);
	if (n > 0)
		return *n_r = (size_t)n, IO_DONE;
	return n == 0 ? IO_EOF : side_socket_error();
}

/* Write to the socket; *n_r says how much went, also when the answer is WAIT. */
static enum io
raw_put(struct side *s, const uint8_t *data, size_t size, size_t *n_r)
{
	ssize_t n;

	for (*n_r = 0; *n_r < size; *n_r += (size_t)n) {
		n = send(s->watch.fd, data + *n_r, size - *n_r, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n == -1)
			return side_socket_error();
	}
	return IO_DONE;
}

/* Bytes of the spill: to OpenSSL where it makes the records, else to the socket as they are. */
static enum io
put(struct side *s, const uint8_t *data, size_t size, size_t *n_r)
{
	return s->ssl ? ssl_put(s, data, size, n_r) : raw_put(s, data, size, n_r);
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
side_queue(struct side *s, const uint8_t *bytes, size_t n)
{
	size_t done = 0;
	enum io io;

	/* What is in a pipe comes before it, and nobody relays past a blocked side. */
	assert(!s->pipe);
	io = s->spill ? IO_WAIT : put(s, bytes, n, &done);
	return io == IO_WAIT ? spill_add(s, bytes + done, n - done) : io;
}

enum io
side_write(struct side *s, const void *data, size_t n)
{
	return s->record ? rec_write(s, data, n) : side_queue(s, data, n);
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

static void
pipe_home(struct side *s)
{
	struct pipe *p = s->pipe;

	s->pipe = NULL;
	p->next = *p->home;
	*p->home = p;
}

static enum io
flush_pipe(struct side *s)
{
	ssize_t n;

	while (s->pipe->held > 0) {
		n = splice(s->pipe->out, NULL, s->watch.fd, NULL, s->pipe->held,
		    SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
		if (n == -1)
			return side_socket_error();
		s->pipe->held -= (size_t)n;
	}
	pipe_home(s);
	return IO_DONE;
}

enum io
side_flush(struct side *s)
{
	struct spill *spill = s->spill;
	enum io io = IO_DONE;
	size_t n;

	if (spill) {
		io = put(s, spill->bytes + spill->start, spill->end - spill->start, &n);
		spill->start += n;
		if (io != IO_DONE)
			return io;
		free(spill);
		s->spill = NULL;
	}
	return s->pipe ? flush_pipe(s) : io;
}

enum io
side_finish(struct side *s, int with_notify)
{
	enum io io;

	if (s->finished)
		return IO_DONE;
	if ((io = side_flush(s)) != IO_DONE)
		return io;
	if (with_notify && s->ssl)
		ssl_notify(s);
	if (with_notify && s->record && (io = rec_notify(s)) != IO_DONE)
		return io;
	s->finished = 1;
	(void)shutdown(s->watch.fd, SHUT_WR);
	return IO_DONE;
}

int
side_pending(const struct side *s)
{
	return s->last != IO_DONE || (s->ssl && SSL_has_pending(s->ssl));
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

int
side_await(struct side *s, struct loop *loop, int to_read)
{
	uint32_t events = 0;

	if (s->watch.fd == -1)
		return 0;
	if (to_read && !s->ended)
		events |= EPOLLIN;
	if (side_blocked(s) || s->wants_write)
		events |= EPOLLOUT;
	/* A side that waits for nothing stays registered for its end, until that was told once:
	 * level-triggered, it would be told again and again. */
	if (!events && !s->hup)
		events = EPOLLERR;
	/* Most sides are read from sooner or later: asked for at once, it need not be asked later. */
	if (!s->watch.asked && events == EPOLLERR)
		(void)watch_set(loop, &s->watch, EPOLLIN);
	return watch_set(loop, &s->watch, events);
}

/* What is in the pipe will never be sent. */
static void
empty_pipe(struct side *s)
{
	uint8_t waste[16384];
	ssize_t n;

	while (s->pipe->held > 0 && (n = read(s->pipe->out, waste, sizeof(waste))) > 0)
		s->pipe->held -= (size_t)n;
	pipe_home(s);
}

void
side_close(struct side *s, struct loop *loop)
{
	ssl_free(s);
	rec_free(s);
	free(s->spill);
	s->spill = NULL;
	if (s->pipe)
		empty_pipe(s);
	if (s->watch.fd == -1)
		return;
	if (!s->shared) {
		watch_close(loop, &s->watch);
		return;
	}
	(void)watch_set(loop, &s->watch, 0);
	close(s->watch.fd);
	s->watch.fd = -1;
}

void
side_reset(struct side *s, struct loop *loop)
{
	/* Dissolving the association sends the reset; SO_LINGER is not ours to use (the master
	 * holds a duplicate for a while and must never be made to wait in close). */
	if (s->watch.fd != -1)
		(void)connect(s->watch.fd, &(struct sockaddr){ .sa_family = AF_UNSPEC },
		    sizeof(struct sockaddr));
	side_close(s, loop);
}
