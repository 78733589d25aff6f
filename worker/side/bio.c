/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The path between an OpenSSL object and its socket.  Runs in the worker, on bytes of clients and
 * servers; looks at none of them.  OpenSSL's own socket BIO uses read and write, which block if
 * another process has made the socket blocking; here nothing ever blocks.
 */
#include "worker/side/bio.h"

#include <errno.h>
#include <openssl/bio.h>
#include <stdint.h>
#include <sys/socket.h>

/*
 * While messages come that are not data (KeyUpdates, tickets, requests to renegotiate), OpenSSL keeps
 * reading, and a peer that sends nothing else would keep this process busy.  So each call may read
 * the socket this often, twice a record; then it is told that there is nothing more for now.
 */
#define READS_MOST 128

static int reads_left;

void
bio_turn(void)
{
	reads_left = READS_MOST;
}

static int
fd_of(BIO *b)
{
	return (int)(intptr_t)BIO_get_data(b);
}

static int
on_read(BIO *b, char *buf, size_t size, size_t *n_r)
{
	ssize_t n = -1;

	BIO_clear_retry_flags(b);
	*n_r = 0;
	if (reads_left-- > 0)
		n = recv(fd_of(b), buf, size, MSG_DONTWAIT);
	else
		errno = EAGAIN;
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		BIO_set_retry_read(b);
	if (n == 0 && size > 0)
		BIO_set_flags(b, BIO_FLAGS_IN_EOF);
	if (n <= 0)
		return 0;
	*n_r = (size_t)n;
	return 1;
}

static int
on_write(BIO *b, const char *data, size_t size, size_t *n_r)
{
	ssize_t n = send(fd_of(b), data, size, MSG_DONTWAIT | MSG_NOSIGNAL);

	BIO_clear_retry_flags(b);
	*n_r = n > 0 ? (size_t)n : 0;
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		BIO_set_retry_write(b);
	return n > 0;
}

static long
on_ctrl(BIO *b, int command, long num, void *ptr)
{
	(void)num, (void)ptr;
	switch (command) {
	case BIO_CTRL_EOF:
		return BIO_test_flags(b, BIO_FLAGS_IN_EOF) != 0;
	case BIO_CTRL_FLUSH:
		return 1;
	default:
		return 0;
	}
}

/* Made once and kept; NULL without memory. */
static const BIO_METHOD *
method(void)
{
	static BIO_METHOD *made;
	BIO_METHOD *m;

	if (made)
		return made;
	m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "side");
	if (!m || BIO_meth_set_read_ex(m, on_read) != 1 ||
	    BIO_meth_set_write_ex(m, on_write) != 1 || BIO_meth_set_ctrl(m, on_ctrl) != 1) {
		BIO_meth_free(m);
		return NULL;
	}
	return made = m;
}

int
bio_attach(SSL *ssl, int fd)
{
	const BIO_METHOD *m = method();
	BIO *b = m ? BIO_new(m) : NULL;

	if (!b)
		return -1;
	/* The number itself: what holds it may move. */
	BIO_set_data(b, (void *)(intptr_t)fd); /* NOLINT(performance-no-int-to-ptr) */
	BIO_set_init(b, 1);
	SSL_set_bio(ssl, b, b);
	return 0;
}
