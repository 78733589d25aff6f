/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * relay.c - floors for a proxy: the least code that still relays.
 *
 *   -m pass    plain TCP both ways through splice()
 *   -m tls     TLS from the client, plain to the backend
 *   -m tlstls  TLS both ways (backend certificate checked against -a)
 *
 * Prefork workers, edge-triggered epoll, PROXYv2 to the backend, no
 * configuration, no logs, no timeouts: nothing a real proxy needs. Data that
 * the other side does not take at once waits in a buffer that exists only
 * then, so an idle connection holds two sockets and one SSL object.
 */
#include "tests/bench/common.h"

#include <stdbool.h>

enum { CLIENT, SERVER };

struct side {
	struct pair *pair;
	int fd;
	bool can_read, can_write, eof, shut, up;
	SSL *ssl;
	/* Bytes on their way to this side. */
	char *pend;
	int pend_len, pend_off;
	int pipe[2];
	int in_pipe;
};

struct pair {
	struct side s[2];
	bool dead;
	struct pair *next;
};

static SSL_CTX *sctx, *cctx;
static int ep, bport, spare[256][2], nspare;
static bool pass, read_ahead;
static char scratch[64 * 1024];
static struct pair *graveyard;
static SSL_SESSION *backend_session;

static int
on_backend_session(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	SSL_SESSION_free(backend_session);
	backend_session = session;
	return 1;
}

static void
pipe_get(struct side *d)
{
	if (nspare > 0) {
		nspare--;
		memcpy(d->pipe, spare[nspare], sizeof(d->pipe));
		return;
	}
	if (pipe2(d->pipe, O_NONBLOCK | O_CLOEXEC) < 0)
		die("pipe2");
	fcntl(d->pipe[0], F_SETPIPE_SZ, 256 * 1024);
}

static void
pipe_put(struct side *d)
{
	if (nspare < 256) {
		memcpy(spare[nspare++], d->pipe, sizeof(d->pipe));
	} else {
		close(d->pipe[0]);
		close(d->pipe[1]);
	}
	d->pipe[0] = -1;
}

static void
bury(struct pair *p)
{
	int i;

	if (p->dead)
		return;
	p->dead = true;
	for (i = 0; i < 2; i++) {
		struct side *s = &p->s[i];

		if (s->ssl) {
			if (SSL_is_init_finished(s->ssl))
				SSL_shutdown(s->ssl);
			SSL_free(s->ssl);
		}
		if (s->fd >= 0)
			close(s->fd);
		if (s->pipe[0] >= 0) {
			close(s->pipe[0]);
			close(s->pipe[1]);
		}
		free(s->pend);
	}
	p->next = graveyard;
	graveyard = p;
}

/* Counts; -1 wait, 0 end of stream, -2 error. */
static int
side_read(struct side *s, void *buf, int len)
{
	ssize_t n;
	int err;

	if (!s->ssl) {
		n = read(s->fd, buf, (size_t)len);
		if (n < 0)
			return errno == EAGAIN ? (s->can_read = false, -1) : -2;
		return (int)n;
	}
	ERR_clear_error();
	err = SSL_read(s->ssl, buf, len);
	if (err > 0)
		return err;
	err = SSL_get_error(s->ssl, err);
	if (err == SSL_ERROR_WANT_READ) {
		s->can_read = false;
		return -1;
	}
	return err == SSL_ERROR_ZERO_RETURN ? 0 : -2;
}

static int
side_write(struct side *s, const void *buf, int len)
{
	ssize_t n;
	int err;

	if (!s->ssl) {
		n = send(s->fd, buf, (size_t)len, MSG_NOSIGNAL);
		if (n < 0) {
			if (errno != EAGAIN)
				return -2;
			s->can_write = false;
			return 0;
		}
		if (n < len)
			s->can_write = false;
		return (int)n;
	}
	ERR_clear_error();
	err = SSL_write(s->ssl, buf, len);
	if (err > 0)
		return err;
	err = SSL_get_error(s->ssl, err);
	if (err == SSL_ERROR_WANT_WRITE) {
		s->can_write = false;
		return 0;
	}
	return -2;
}

static void
side_end(struct side *d)
{
	if (d->shut)
		return;
	d->shut = true;
	if (d->ssl)
		SSL_shutdown(d->ssl);
	shutdown(d->fd, SHUT_WR);
}

/* Moves bytes from one side to the other: false on an error. */
static bool
move_splice(struct side *s, struct side *d)
{
	for (;;) {
		ssize_t n;

		if (d->in_pipe > 0 && d->can_write) {
			n = splice(d->pipe[0], NULL, d->fd, NULL, (size_t)d->in_pipe,
			    SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
			if (n < 0) {
				if (errno != EAGAIN)
					return false;
				d->can_write = false;
			} else {
				d->in_pipe -= (int)n;
			}
		}
		if (d->in_pipe > 0)
			return true;
		if (s->eof || !s->can_read)
			break;
		if (d->pipe[0] < 0)
			pipe_get(d);
		n = splice(
		    s->fd, NULL, d->pipe[1], NULL, 256 * 1024, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
		if (n < 0) {
			if (errno != EAGAIN)
				return false;
			s->can_read = false;
			break;
		}
		if (n == 0)
			s->eof = true;
		d->in_pipe = (int)n;
	}
	if (d->pipe[0] >= 0)
		pipe_put(d);
	if (s->eof)
		side_end(d);
	return true;
}

static bool
move_copy(struct side *s, struct side *d)
{
	int max = d->ssl ? 16384 : (int)sizeof(scratch);
	int n, w, have;

	for (;;) {
		while (d->pend && d->can_write) {
			w = side_write(d, d->pend + d->pend_off, d->pend_len - d->pend_off);
			if (w < 0)
				return false;
			d->pend_off += w;
			if (d->pend_off == d->pend_len) {
				free(d->pend);
				d->pend = NULL;
			}
		}
		if (d->pend || !d->can_write || s->eof || !s->can_read)
			break;
		/* Gather several TLS records for one write to a plain side. */
		have = 0;
		do {
			n = side_read(s, scratch + have, max - have);
			if (n > 0)
				have += n;
		} while (n > 0 && s->ssl && !d->ssl && have < max);
		if (n == 0)
			s->eof = true;
		if (n == -2)
			return false;
		if (!s->ssl && n > 0 && n < max)
			s->can_read = false;
		if (have == 0)
			break;
		w = side_write(d, scratch, have);
		if (w < 0)
			return false;
		if (w < have) {
			d->pend = malloc((size_t)(have - w));
			if (!d->pend)
				return false;
			memcpy(d->pend, scratch + w, (size_t)(have - w));
			d->pend_len = have - w;
			d->pend_off = 0;
		}
	}
	if (s->eof && !d->pend)
		side_end(d);
	return true;
}

static void
watch(struct side *s)
{
	struct epoll_event ev = { .data.ptr = s };

	ev.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
	if (epoll_ctl(ep, EPOLL_CTL_ADD, s->fd, &ev) < 0)
		die("epoll_ctl");
}

static size_t
proxy_header(struct pair *p, unsigned char *h)
{
	struct sockaddr_in src, dst;
	socklen_t len = sizeof(src);

	memcpy(h, "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", 16);
	getpeername(p->s[CLIENT].fd, (struct sockaddr *)&src, &len);
	len = sizeof(dst);
	getsockname(p->s[CLIENT].fd, (struct sockaddr *)&dst, &len);
	memcpy(h + 16, &src.sin_addr, 4);
	memcpy(h + 20, &dst.sin_addr, 4);
	memcpy(h + 24, &src.sin_port, 2);
	memcpy(h + 26, &dst.sin_port, 2);
	return 28;
}

static bool
dial(struct pair *p)
{
	struct side *s = &p->s[SERVER];
	struct sockaddr_in sin = loopback(bport);

	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		return false;
	set_nodelay(s->fd);
	if (connect(s->fd, (struct sockaddr *)&sin, sizeof(sin)) < 0 && errno != EINPROGRESS)
		return false;
	watch(s);
	return true;
}

static int
shake(struct side *s)
{
	int r;

	ERR_clear_error();
	r = SSL_do_handshake(s->ssl);
	if (r == 1)
		return 1;
	r = SSL_get_error(s->ssl, r);
	if (r == SSL_ERROR_WANT_READ)
		s->can_read = false;
	else if (r == SSL_ERROR_WANT_WRITE)
		s->can_write = false;
	else
		return -1;
	return 0;
}

/* Does all that can be done for a pair now: false to close it. */
static bool
run(struct pair *p)
{
	struct side *c = &p->s[CLIENT], *b = &p->s[SERVER];
	int r;

	if (!c->up) {
		if (c->ssl && (r = shake(c)) != 1)
			return r == 0;
		c->up = true;
		if (!dial(p))
			return false;
	}
	if (!b->up) {
		if (!b->can_write)
			return true;
		if (!b->ssl) {
			unsigned char h[32];
			size_t len = proxy_header(p, h);

			if (send(b->fd, h, len, MSG_NOSIGNAL) != (ssize_t)len)
				return false;
			if (cctx) {
				b->ssl = SSL_new(cctx);
				SSL_set_fd(b->ssl, b->fd);
				SSL_set1_host(b->ssl, "localhost");
				SSL_set_tlsext_host_name(b->ssl, "localhost");
				if (backend_session)
					SSL_set_session(b->ssl, backend_session);
				SSL_set_connect_state(b->ssl);
			}
		}
		if (b->ssl && (r = shake(b)) != 1)
			return r == 0;
		b->up = true;
	}
	if (pass) {
		if (!move_splice(c, b) || !move_splice(b, c))
			return false;
	} else {
		if (!move_copy(c, b) || !move_copy(b, c))
			return false;
	}
	/* A mail session is over when either side is. */
	return !((c->shut && b->shut) || (c->eof && b->shut) || (b->eof && c->shut));
}

static void
on_event(struct side *s, uint32_t events)
{
	if (s->pair->dead)
		return;
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		s->can_read = true;
	if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		s->can_write = true;
	if (!run(s->pair))
		bury(s->pair);
}

static void
accept_all(int lfd)
{
	int i, j;

	for (i = 0; i < 64; i++) {
		int fd = accept4(lfd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct pair *p;

		if (fd < 0)
			return;
		set_nodelay(fd);
		p = xcalloc(1, sizeof(*p));
		for (j = 0; j < 2; j++) {
			p->s[j].pair = p;
			p->s[j].fd = p->s[j].pipe[0] = -1;
		}
		p->s[CLIENT].fd = fd;
		if (sctx) {
			p->s[CLIENT].ssl = SSL_new(sctx);
			SSL_set_fd(p->s[CLIENT].ssl, fd);
			SSL_set_accept_state(p->s[CLIENT].ssl);
		}
		watch(&p->s[CLIENT]);
	}
}

int
main(int argc, char **argv)
{
	struct epoll_event evs[256], ev = { .events = EPOLLIN };
	const char *mode = "pass", *pem = NULL, *ca = NULL;
	int port = 0, workers = 1, opt, lfd, i, n;

	while ((opt = getopt(argc, argv, "m:p:b:t:a:w:A")) != -1) {
		switch (opt) {
		case 'm':
			mode = optarg;
			break;
		case 'p':
			port = atoi(optarg);
			break;
		case 'b':
			bport = atoi(optarg);
			break;
		case 't':
			pem = optarg;
			break;
		case 'a':
			ca = optarg;
			break;
		case 'w':
			workers = atoi(optarg);
			break;
		case 'A':
			read_ahead = true;
			break;
		default:
			return 2;
		}
	}
	signal(SIGPIPE, SIG_IGN);
	raise_nofile();
	pass = strcmp(mode, "pass") == 0;
	if (!pass) {
		sctx = server_ctx(pem);
		SSL_CTX_set_read_ahead(sctx, read_ahead);
	}
	if (strcmp(mode, "tlstls") == 0) {
		cctx = SSL_CTX_new(TLS_client_method());
		if (SSL_CTX_load_verify_locations(cctx, ca, NULL) != 1)
			die_ssl(ca);
		SSL_CTX_set_verify(cctx, SSL_VERIFY_PEER, NULL);
		SSL_CTX_set_ciphersuites(cctx, "TLS_AES_128_GCM_SHA256");
		SSL_CTX_set1_groups_list(cctx, "X25519:P-256");
		SSL_CTX_set_read_ahead(cctx, read_ahead);
		SSL_CTX_set_session_cache_mode(
		    cctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
		SSL_CTX_sess_set_new_cb(cctx, on_backend_session);
		SSL_CTX_set_mode(cctx,
		    SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
			SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	}
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
				on_event(evs[i].data.ptr, evs[i].events);
		}
		while (graveyard) {
			struct pair *p = graveyard;

			graveyard = p->next;
			free(p);
		}
	}
}
