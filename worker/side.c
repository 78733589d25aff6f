/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * One side of a connection.  Runs in the worker, on bytes of clients and servers; looks at none
 * of them.  Never blocks, and allocates only for what a peer does not take.
 */
#include "side.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* One TLS record: what SSL_write is given at a time, so that a retry repeats the same bytes. */
#define RECORD_MAX 16384

struct spill {
	size_t start, end;
	uint8_t bytes[];
};

void
side_init(struct side *s, int fd, void (*fn)(struct watch *, uint32_t))
{
	*s = (struct side){ .watch = { .fn = fn, .fd = fd }, .window = SIDE_WINDOW_MIN };
}

int
side_start_tls(struct side *s, SSL *ssl)
{
	s->ssl = ssl;
	return SSL_set_fd(ssl, s->watch.fd) == 1 ? 0 : -1;
}

static enum io
socket_error(void)
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

/* What a return value of SSL_read, SSL_write or a handshake means. */
static enum io
tls_error(struct side *s, int ret)
{
	int saved = errno;

	switch (SSL_get_error(s->ssl, ret)) {
	case SSL_ERROR_WANT_READ:
		return IO_WAIT;
	case SSL_ERROR_WANT_WRITE:
		s->wants_write = 1;
		return IO_WAIT;
	case SSL_ERROR_ZERO_RETURN:
		return IO_EOF;
	case SSL_ERROR_SYSCALL:
		errno = saved;
		return saved == 0 ? IO_CUT : socket_error();
	default:
		/* OpenSSL 3 reports a bare FIN as an error of its own (SSL_OP_IGNORE_UNEXPECTED_EOF
		 * would hide it). */
		if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
			return IO_CUT;
		errno = 0;
		return IO_FAILED;
	}
}

enum io
side_shake(struct side *s)
{
	int ret;

	ERR_clear_error();
	errno = 0;
	s->wants_write = 0;
	ret = SSL_do_handshake(s->ssl);
	return ret == 1 ? IO_DONE : tls_error(s, ret);
}

enum io
side_connected(const struct side *s)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(s->watch.fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		return IO_FAILED;
	errno = error;
	return error ? IO_FAILED : IO_DONE;
}

static enum io
read_tls(struct side *s, uint8_t *buf, size_t size, size_t *n_r)
{
	size_t have = 0, n;
	enum io io;

	s->wants_write = 0;
	for (;;) {
		ERR_clear_error();
		errno = 0;
		if (SSL_read_ex(s->ssl, buf + have, size - have, &n) != 1)
			break;
		have += n;
		/* Less than a record's room left: another one might only half fit. */
		if (size - have < RECORD_MAX)
			return *n_r = have, IO_DONE;
	}
	io = tls_error(s, 0);
	if (have > 0)
		return *n_r = have, IO_DONE; /* the end, if it was one, shows at the next read */
	return io;
}

enum io
side_read(struct side *s, void *buf, size_t size, size_t *n_r)
{
	ssize_t n;

	*n_r = 0;
	if (s->ssl)
		return read_tls(s, buf, size, n_r);
	n = recv(s->watch.fd, buf, size, 0);
	if (n > 0)
		return *n_r = (size_t)n, IO_DONE;
	return n == 0 ? IO_EOF : socket_error();
}

/* Write to the socket or to TLS; *n_r says how much went, also when the answer is WAIT. */
static enum io
put(struct side *s, const uint8_t *data, size_t size, size_t *n_r)
{
	size_t n;
	ssize_t sent;

	for (*n_r = 0; *n_r < size; *n_r += n) {
		if (s->ssl) {
			size_t chunk = size - *n_r < RECORD_MAX ? size - *n_r : RECORD_MAX;

			ERR_clear_error();
			errno = 0;
			if (SSL_write_ex(s->ssl, data + *n_r, chunk, &n) != 1) {
				enum io io = tls_error(s, 0);

				return io == IO_EOF ? IO_FAILED : io;
			}
		} else {
			sent = send(s->watch.fd, data + *n_r, size - *n_r, MSG_NOSIGNAL);
			if (sent == -1)
				return socket_error();
			n = (size_t)sent;
		}
	}
	return IO_DONE;
}

enum io
side_write(struct side *s, const void *data, size_t n)
{
	size_t done = 0, rest;
	enum io io = s->spill ? IO_WAIT : put(s, data, n, &done);
	size_t held = s->spill ? s->spill->end - s->spill->start : 0;
	struct spill *spill;

	assert(
	    !s->pipe); /* what is in a pipe comes before it, and nobody relays past a blocked side */
	if (io != IO_WAIT)
		return io;
	rest = n - done;
	if ((spill = malloc(sizeof(*spill) + held + rest)) == NULL)
		return IO_FAILED;
	if (held)
		memcpy(spill->bytes, s->spill->bytes + s->spill->start, held);
	memcpy(spill->bytes + held, (const uint8_t *)data + done, rest);
	spill->start = 0;
	spill->end = held + rest;
	free(s->spill);
	s->spill = spill;
	s->window = SIDE_WINDOW_MIN;
	return IO_WAIT;
}

int
side_blocked(const struct side *s)
{
	return s->spill != NULL || s->pipe != NULL;
}

enum io
side_pull(struct side *s, struct pipe *p)
{
	ssize_t n = splice(s->watch.fd, NULL, p->in, NULL, (size_t)1 << SIDE_WINDOW_MAX,
	    SPLICE_F_NONBLOCK | SPLICE_F_MOVE);

	if (n > 0)
		return p->held = (size_t)n, IO_DONE;
	return n == 0 ? IO_EOF : socket_error();
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
			return socket_error();
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
	if (s->ssl && with_notify && SSL_is_init_finished(s->ssl)) {
		ERR_clear_error();
		/* One record of a few bytes; where even that does not fit, the FIN must do. */
		(void)SSL_shutdown(s->ssl);
	}
	s->finished = 1;
	(void)shutdown(s->watch.fd, SHUT_WR);
	return IO_DONE;
}

int
side_pending(const struct side *s)
{
	return s->ssl && SSL_has_pending(s->ssl);
}

int
side_broken(const struct side *s)
{
	return s->hup && side_connected(s) != IO_DONE;
}

void
side_await(struct side *s, struct loop *loop, int to_read)
{
	uint32_t events = 0;

	if (s->watch.fd == -1)
		return;
	if (to_read && !s->ended)
		events |= EPOLLIN;
	if (side_blocked(s) || s->wants_write)
		events |= EPOLLOUT;
	/* A side that waits for nothing stays registered for its end, until that was told once:
	 * level-triggered, it would be told again and again. */
	if (!events && !s->hup)
		events = EPOLLERR;
	(void)watch_set(loop, &s->watch, events);
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
	if (s->ssl) {
		/* Not an error of the session: without this SSL_free would make it unusable for
		 * resumption. */
		SSL_set_shutdown(s->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
		SSL_free(s->ssl);
		s->ssl = NULL;
	}
	free(s->spill);
	s->spill = NULL;
	if (s->pipe)
		empty_pipe(s);
	if (s->watch.fd == -1)
		return;
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
