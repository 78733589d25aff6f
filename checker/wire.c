/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Sockets of checks.  Runs in the checker on the bytes of servers.  Bytes leave by send and by
 * OpenSSL's write; a reset is connect(AF_UNSPEC), because no child may set a linger time.
 */
#include "checker/wire.h"

#include "common/stack.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

static enum wire_io
wait_for(struct wire *w, uint32_t events)
{
	w->want = events;
	return WIRE_WAIT;
}

static enum wire_io
failed(struct wire *w, int error, int ours)
{
	w->error = error;
	w->ours = ours;
	return WIRE_FAILED;
}

/* A socket for this address, bound if need be. */
static int
open_socket(struct wire *w, const struct addr *to, const struct addr *from, int quiet)
{
	const int on = 1, off = 0;
	struct sockaddr_storage ss;
	socklen_t len;

	w->fd = socket(to->family == ADDR_V6 ? AF_INET6 : AF_INET,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (w->fd == -1)
		return -1;
	/*
	 * Linux then waits 200 ms for data before it acknowledges the server's SYN; if we
	 * reset within that time, the server's accept() never returns.
	 */
	if (quiet && setsockopt(w->fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof(off)) == -1)
		return -1;
	if (!from)
		return 0;
	/* Without this, one source address could make no more than 28,000 checks at a time. */
	(void)setsockopt(w->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	len = addr_to_sockaddr(from, &ss);
	return bind(w->fd, (const struct sockaddr *)&ss, len);
}

enum wire_io
wire_connect(struct wire *w, const struct addr *to, const struct addr *from, int quiet)
{
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(to, &ss);

	if (w->fd == -1 && open_socket(w, to, from, quiet) == -1)
		return failed(w, errno, 1);
	/* Asked again, connect() says how the first call ended. */
	if (connect(w->fd, (const struct sockaddr *)&ss, len) == 0 || errno == EISCONN)
		return WIRE_DONE;
	if (errno == EINPROGRESS || errno == EALREADY || errno == EINTR)
		return wait_for(w, EPOLLOUT);
	return failed(w, errno, errno == EADDRNOTAVAIL || errno == EACCES || errno == EPERM);
}

int
wire_ends(const struct wire *w, struct addr *local_r, struct addr *peer_r)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (getsockname(w->fd, (struct sockaddr *)&ss, &len) == -1)
		return -1;
	addr_from_sockaddr((const struct sockaddr *)&ss, local_r);
	len = sizeof(ss);
	if (getpeername(w->fd, (struct sockaddr *)&ss, &len) == -1)
		return -1;
	addr_from_sockaddr((const struct sockaddr *)&ss, peer_r);
	return 0;
}

enum wire_io
wire_whole(struct wire *w, const void *bytes, size_t n)
{
	ssize_t sent = send(w->fd, bytes, n, MSG_NOSIGNAL);

	if (sent == -1)
		return failed(w, errno, 0);
	/* A fresh socket takes any header at once. */
	return (size_t)sent == n ? WIRE_DONE : failed(w, EMSGSIZE, 1);
}

enum wire_io
wire_tls(struct wire *w, SSL *ssl)
{
	w->ssl = ssl;
	/* OpenSSL returns after each message that is not data: a server must not keep us busy. */
	SSL_clear_mode(ssl, SSL_MODE_AUTO_RETRY);
	ERR_clear_error();
	if (SSL_set_fd(ssl, w->fd) != 1)
		return failed(w, 0, 1);
	SSL_set_connect_state(ssl);
	return WIRE_DONE;
}

/* What OpenSSL's return value asks for. */
static enum wire_io
tls_wants(struct wire *w, int ret)
{
	int saved = errno;
	unsigned long why;

	switch (SSL_get_error(w->ssl, ret)) {
	case SSL_ERROR_WANT_READ:
		return wait_for(w, EPOLLIN);
	case SSL_ERROR_WANT_WRITE:
		return wait_for(w, EPOLLOUT);
	case SSL_ERROR_ZERO_RETURN:
		return WIRE_END;
	case SSL_ERROR_SYSCALL:
		return failed(w, saved, 0);
	default:
		break;
	}
	why = ERR_peek_error();
	if (SSL_is_init_finished(w->ssl) &&
	    ERR_GET_REASON(why) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
		return WIRE_END;
	return failed(w, 0, 0);
}

enum wire_io
wire_handshake(struct wire *w)
{
	int ret;

	ERR_clear_error();
	ret = SSL_do_handshake(w->ssl);
	return ret == 1 ? WIRE_DONE : tls_wants(w, ret);
}

enum wire_io
wire_write(struct wire *w, const void *bytes, size_t n, size_t *n_r)
{
	ssize_t sent;
	int ret;

	if (w->ssl) {
		ERR_clear_error();
		ret = SSL_write_ex(w->ssl, bytes, n, n_r);
		return ret == 1 ? WIRE_DONE : tls_wants(w, ret);
	}
	sent = send(w->fd, bytes, n, MSG_NOSIGNAL);
	if (sent == -1)
		return errno == EAGAIN ? wait_for(w, EPOLLOUT) : failed(w, errno, 0);
	*n_r = (size_t)sent;
	return WIRE_DONE;
}

/* The same without TLS, whatever the wire speaks. */
static enum wire_io
read_plain(struct wire *w, void *buf, size_t size, size_t *n_r)
{
	ssize_t got = recv(w->fd, buf, size, 0);

	if (got == 0)
		return WIRE_END;
	if (got == -1)
		return errno == EAGAIN ? wait_for(w, EPOLLIN) : failed(w, errno, 0);
	*n_r = (size_t)got;
	return WIRE_DONE;
}

enum wire_io
wire_read(struct wire *w, void *buf, size_t size, size_t *n_r)
{
	int ret;

	if (!w->ssl)
		return read_plain(w, buf, size, n_r);
	ERR_clear_error();
	ret = SSL_read_ex(w->ssl, buf, size, n_r);
	return ret == 1 ? WIRE_DONE : tls_wants(w, ret);
}

void
wire_finish(struct wire *w)
{
	ERR_clear_error();
	/* One call sends our close_notify; the server's is not waited for. */
	if (w->ssl && SSL_is_init_finished(w->ssl))
		(void)SSL_shutdown(w->ssl);
	(void)shutdown(w->fd, SHUT_WR);
}

enum wire_io
wire_discard(struct wire *w, size_t max)
{
	char waste[2048];
	enum wire_io io;
	size_t n = 0, all = 0;

	/* Closing with bytes unread would send a reset after our FIN. */
	while ((io = read_plain(w, waste, sizeof(waste), &n)) == WIRE_DONE) {
		all += n;
		if (all >= max)
			return WIRE_DONE;
	}
	return io;
}

void
wire_reset(struct wire *w)
{
	const struct sockaddr none = { .sa_family = AF_UNSPEC };

	(void)connect(w->fd, &none, sizeof(none));
}

void
wire_close(struct wire *w)
{
	SSL_free(w->ssl);
	stack_secret();
	w->ssl = NULL;
	if (w->fd != -1)
		close(w->fd);
	w->fd = -1;
}
