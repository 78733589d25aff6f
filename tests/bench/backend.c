/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * backend.c - the mail server stand-in behind the proxies.
 *
 * Reads and discards a PROXY header (v1 or v2), optionally does TLS, sends a
 * greeting, then obeys one-line commands:
 *   N          answer "+ OK"          E...      echo the line
 *   D <bytes>  send that many bytes   U <bytes> take them, answer "+ OK"
 *
 * With -t and -w and without -x it is also the "floor" peer: the smallest
 * prefork OpenSSL server that can answer the client, with no proxying.
 */
#include "tests/bench/common.h"

#include <stddef.h>

enum state { ST_PROXY, ST_TLS, ST_LINE, ST_RECV };

struct conn {
	int fd;
	enum state state;
	SSL *ssl;
	uint64_t to_send; /* bulk bytes still to send */
	uint64_t to_recv; /* bulk bytes still to take */
	uint32_t events;
	uint16_t line_len, out_len;
	char line[256], out[256];
};

static char bulk[256 * 1024];
static int ep;
static SSL_CTX *ctx;
static int expect_proxy;

static void
conn_close(struct conn *c)
{
	if (c->ssl) {
		if (SSL_is_init_finished(c->ssl))
			SSL_shutdown(c->ssl);
		SSL_free(c->ssl);
	}
	close(c->fd);
	free(c);
}

static void
conn_want(struct conn *c, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = c };

	if (c->events == events)
		return;
	c->events = events;
	epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &ev);
}

/* Both return the count, 0 at the end of the stream, -1 to wait, -2 on error. */
static ssize_t
conn_read(struct conn *c, void *buf, size_t len)
{
	ssize_t n;
	int err;

	if (!c->ssl) {
		n = read(c->fd, buf, len);
		if (n < 0)
			return errno == EAGAIN ? -1 : -2;
		return n;
	}
	ERR_clear_error();
	n = SSL_read(c->ssl, buf, (int)len);
	if (n > 0)
		return n;
	err = SSL_get_error(c->ssl, (int)n);
	if (err == SSL_ERROR_WANT_READ || err == SSL_ERROR_WANT_WRITE)
		return -1;
	return err == SSL_ERROR_ZERO_RETURN ? 0 : -2;
}

static ssize_t
conn_write(struct conn *c, const void *buf, size_t len)
{
	ssize_t n;
	int err;

	if (!c->ssl) {
		n = send(c->fd, buf, len, MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN ? -1 : -2;
		return n;
	}
	if (len > 16384)
		len = 16384;
	ERR_clear_error();
	n = SSL_write(c->ssl, buf, (int)len);
	if (n > 0)
		return n;
	err = SSL_get_error(c->ssl, (int)n);
	if (err == SSL_ERROR_WANT_READ || err == SSL_ERROR_WANT_WRITE)
		return -1;
	return -2;
}

/* Takes exactly the PROXY header off the socket: 1 done, 0 wait, -1 bad. */
static int
take_proxy(int fd)
{
	static const char sig[] = "\r\n\r\n\0\r\nQUIT\n";
	char buf[1024], *nl;
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_PEEK);
	size_t len;

	if (n < 0)
		return errno == EAGAIN ? 0 : -1;
	if (n == 0)
		return -1;
	if (n >= 16 && memcmp(buf, sig, sizeof(sig) - 1) == 0) {
		len = 16 + ((size_t)(uint8_t)buf[14] << 8) + (uint8_t)buf[15];
		if ((size_t)n < len)
			return 0;
	} else if (n >= 8 && memcmp(buf, "PROXY ", 6) == 0) {
		nl = memchr(buf, '\n', (size_t)n);
		if (!nl)
			return 0;
		len = (size_t)(nl - buf) + 1;
	} else {
		return n < 16 ? 0 : -1;
	}
	return recv(fd, buf, len, 0) == (ssize_t)len ? 1 : -1;
}

static void
say(struct conn *c, const char *text, size_t len)
{
	if (c->out_len + len <= sizeof(c->out)) {
		memcpy(c->out + c->out_len, text, len);
		c->out_len = (uint16_t)(c->out_len + len);
	}
}

static void
obey(struct conn *c, size_t len)
{
	switch (c->line[0]) {
	case 'E':
		say(c, c->line, len);
		break;
	case 'D':
		c->to_send = strtoull(c->line + 1, NULL, 10);
		break;
	case 'U':
		c->to_recv = strtoull(c->line + 1, NULL, 10);
		c->state = ST_RECV;
		break;
	default:
		say(c, "+ OK\r\n", 6);
	}
}

/* Sends what is due: 1 all sent, 0 wait, -1 error. */
static int
flush(struct conn *c)
{
	ssize_t n;
	int rounds = 0;

	while (c->out_len > 0) {
		n = conn_write(c, c->out, c->out_len);
		if (n <= 0)
			return n == -1 ? 0 : -1;
		c->out_len = (uint16_t)(c->out_len - n);
		memmove(c->out, c->out + n, c->out_len);
	}
	while (c->to_send > 0) {
		size_t len = sizeof(bulk);

		if (c->to_send < len)
			len = (size_t)c->to_send;
		n = conn_write(c, bulk, len);
		if (n <= 0)
			return n == -1 ? 0 : -1;
		c->to_send -= (uint64_t)n;
		if (++rounds == 32)
			return c->to_send == 0;
	}
	return 1;
}

static void
drop(struct conn *c, size_t len)
{
	c->line_len = (uint16_t)(c->line_len - len);
	memmove(c->line, c->line + len, c->line_len);
}

static void
received(struct conn *c, size_t len)
{
	c->to_recv -= len;
	if (c->to_recv == 0) {
		c->state = ST_LINE;
		say(c, "+ OK\r\n", 6);
	}
}

/* Uses up what lies in the line buffer, as far as it goes. */
static void
digest(struct conn *c)
{
	while (c->line_len > 0 && c->to_send == 0 && c->out_len == 0) {
		size_t len;
		char *nl;

		if (c->state == ST_RECV) {
			len = c->line_len;
			if (c->to_recv < len)
				len = (size_t)c->to_recv;
			drop(c, len);
			received(c, len);
			continue;
		}
		nl = memchr(c->line, '\n', c->line_len);
		if (!nl)
			return;
		len = (size_t)(nl - c->line) + 1;
		obey(c, len);
		drop(c, len);
	}
}

/* Takes input: 1 went on to the end of it, -1 closed or failed. */
static int
take(struct conn *c)
{
	static char sink[256 * 1024];
	ssize_t n;
	int rounds = 0;

	digest(c);
	while (c->to_send == 0 && c->out_len == 0) {
		if (c->state == ST_RECV) {
			size_t len = sizeof(sink);

			if (c->to_recv < len)
				len = (size_t)c->to_recv;
			n = conn_read(c, sink, len);
			if (n == -1)
				return 1;
			if (n <= 0)
				return -1;
			received(c, (size_t)n);
			/* TLS data may be left inside the SSL object. */
			if (!c->ssl && ++rounds == 16)
				return 1;
			continue;
		}
		if (c->line_len == sizeof(c->line))
			return -1;
		n = conn_read(c, c->line + c->line_len, sizeof(c->line) - c->line_len);
		if (n == -1)
			return 1;
		if (n <= 0)
			return -1;
		c->line_len = (uint16_t)(c->line_len + n);
		digest(c);
	}
	return 1;
}

static void
serve(struct conn *c)
{
	int r;

	if (c->state == ST_PROXY) {
		r = take_proxy(c->fd);
		if (r <= 0) {
			if (r < 0)
				conn_close(c);
			return;
		}
		c->state = c->ssl ? ST_TLS : ST_LINE;
		if (c->state == ST_LINE)
			say(c, GREETING, sizeof(GREETING) - 1);
	}
	if (c->state == ST_TLS) {
		ERR_clear_error();
		r = SSL_accept(c->ssl);
		if (r != 1) {
			r = SSL_get_error(c->ssl, r);
			if (r == SSL_ERROR_WANT_READ)
				conn_want(c, EPOLLIN);
			else if (r == SSL_ERROR_WANT_WRITE)
				conn_want(c, EPOLLOUT);
			else
				conn_close(c);
			return;
		}
		c->state = ST_LINE;
		say(c, GREETING, sizeof(GREETING) - 1);
	}
	for (;;) {
		r = flush(c);
		if (r < 0) {
			conn_close(c);
			return;
		}
		if (r == 0) {
			conn_want(c, EPOLLOUT);
			return;
		}
		if (take(c) < 0) {
			conn_close(c);
			return;
		}
		if (c->to_send == 0 && c->out_len == 0) {
			conn_want(c, EPOLLIN);
			return;
		}
	}
}

static void
accept_all(int lfd)
{
	int i;

	for (i = 0; i < 64; i++) {
		struct epoll_event ev = { .events = EPOLLIN };
		struct conn *c;
		int fd = accept4(lfd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0)
			return;
		set_nodelay(fd);
		c = malloc(sizeof(*c));
		if (!c)
			die("malloc");
		memset(c, 0, offsetof(struct conn, line));
		c->fd = fd;
		c->events = EPOLLIN;
		if (ctx) {
			c->ssl = SSL_new(ctx);
			if (!c->ssl || SSL_set_fd(c->ssl, fd) != 1)
				die_ssl("SSL_new");
			SSL_set_accept_state(c->ssl);
		}
		c->state = expect_proxy ? ST_PROXY : ctx ? ST_TLS : ST_LINE;
		if (c->state == ST_LINE)
			say(c, GREETING, sizeof(GREETING) - 1);
		ev.data.ptr = c;
		epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
		serve(c);
	}
}

int
main(int argc, char **argv)
{
	struct epoll_event evs[256], ev = { .events = EPOLLIN };
	int port = 0, workers = 1, opt, lfd, i, n;

	while ((opt = getopt(argc, argv, "p:t:w:x")) != -1) {
		switch (opt) {
		case 'p':
			port = atoi(optarg);
			break;
		case 't':
			ctx = server_ctx(optarg);
			break;
		case 'w':
			workers = atoi(optarg);
			break;
		case 'x':
			expect_proxy = 1;
			break;
		default:
			fprintf(stderr,
			    "usage: backend -p port [-t pem] "
			    "[-w workers] [-x]\n");
			return 2;
		}
	}
	signal(SIGPIPE, SIG_IGN);
	raise_nofile();
	for (i = 0; i < (int)sizeof(bulk); i++)
		bulk[i] = (char)(i * 2654435761u >> 13);
	prefork(workers);
	lfd = listen_loopback(port);
	ep = epoll_create1(EPOLL_CLOEXEC);
	ev.data.ptr = NULL;
	epoll_ctl(ep, EPOLL_CTL_ADD, lfd, &ev);
	for (;;) {
		n = epoll_wait(ep, evs, 256, -1);
		for (i = 0; i < n; i++) {
			if (!evs[i].data.ptr)
				accept_all(lfd);
			else
				serve(evs[i].data.ptr);
		}
	}
}
