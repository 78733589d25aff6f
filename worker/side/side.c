/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * One side of a connection: what of it depends on whether TLS is on it, and in which form.  Runs in
 * the worker, on bytes of clients and servers; looks at none of them.
 */
#include "worker/side/side.h"

#include "common/tls/why.h"
#include "worker/record/take.h"
#include "worker/side/record.h"
#include "worker/side/ssl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

int
side_has_tls(const struct side *s)
{
	return s->ssl || s->record;
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

/* Bytes of the spill: to OpenSSL where it makes the records, else to the socket as they are. */
static enum io
put(struct side *s, const uint8_t *data, size_t size, size_t *n_r)
{
	return s->ssl ? ssl_put(s, data, size, n_r) : side_put(s, data, size, n_r);
}

enum io
side_write(struct side *s, const void *data, size_t n)
{
	if (s->ssl)
		return ssl_write(s, data, n);
	return s->record ? rec_write(s, data, n) : side_queue(s, data, n, side_put);
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

/* The same in as little memory as this suite needs; without memory it stays where it is. */
static struct record *
tightened(struct record *all)
{
	size_t size = record_size(all);
	struct record *r = malloc(size);

	if (!r)
		return all;
	memcpy(r, all, size);
	OPENSSL_cleanse(all, size);
	free(all);
	return r;
}

void
side_detach(struct side *s)
{
	struct record *r;

	if (!s->ssl || side_blocked(s) || side_pending(s))
		return;
	if ((r = malloc(sizeof(*r))) == NULL)
		return;
	if (record_take(s->ssl, r) == -1) {
		free(r);
		return;
	}
	ssl_free(s);
	s->wants_write = 0;
	s->record = tightened(r);
}

void
side_why(const struct side *s, char *buf_r, size_t size)
{
	*buf_r = '\0';
	if (s->alert)
		(void)snprintf(buf_r, size, "TLS alert: %s", why_alert(s->alert));
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
