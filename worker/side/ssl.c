/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * A side whose TLS is done by an OpenSSL object: during the handshake, and for as long as the object
 * is kept.  Runs in the worker, on bytes of clients and servers.
 */
#include "worker/side/ssl.h"

#include "common/stack.h"
#include "worker/record/crypt.h"
#include "worker/side/bio.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

int
ssl_start(struct side *s, SSL *ssl)
{
	s->ssl = ssl;
	return bio_attach(ssl, s->watch.fd);
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
		return saved == 0 ? IO_CUT : side_socket_error();
	default:
		/* OpenSSL 3 reports a bare FIN as an error of its own (SSL_OP_IGNORE_UNEXPECTED_EOF
		 * would hide it). */
		if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
			return IO_CUT;
		errno = 0;
		return IO_FAILED;
	}
}

/*
 * Give back the 34 KB of buffers, if nothing is in them.  Not between the header of a record and
 * its body, where OpenSSL before 3.0.14 gives back what it goes on to read from (CVE-2024-4741).
 */
static void
drop_buffers(SSL *ssl)
{
	if (strcmp(SSL_rstate_string(ssl), "RH") == 0)
		(void)SSL_free_buffers(ssl);
}

enum io
ssl_shake(struct side *s)
{
	int ret, saved;

	ERR_clear_error();
	errno = 0;
	s->wants_write = 0;
	bio_turn();
	ret = SSL_do_handshake(s->ssl);
	saved = errno;
	if (ret == 1)
		stack_secret(); /* those of the handshake */
	/*
	 * From now on OpenSSL drops them after each record.  In the handshake that would be several
	 * times a flight; here it is while somebody is waited for, who may never answer.
	 */
	if (ret == 1)
		SSL_set_mode(s->ssl, SSL_MODE_RELEASE_BUFFERS);
	drop_buffers(s->ssl);
	errno = saved;
	return ret == 1 ? IO_DONE : tls_error(s, ret);
}

enum io
ssl_read(struct side *s, uint8_t *buf, size_t size, size_t *n_r)
{
	size_t have = 0, n;
	enum io io;

	s->wants_write = 0;
	bio_turn();
	for (;;) {
		ERR_clear_error();
		errno = 0;
		if (SSL_read_ex(s->ssl, buf + have, size - have, &n) != 1)
			break;
		have += n;
		/* Less than a record's room left: another one might only half fit. */
		if (size - have < RECORD_PLAIN)
			return *n_r = have, IO_DONE;
	}
	io = tls_error(s, 0);
	if (have == 0)
		return io;
	if (io != IO_WAIT)
		s->last = (uint8_t)io; /* no event may come to tell it */
	return *n_r = have, IO_DONE;
}

/* One record at a time, so that a retry repeats the same bytes. */
enum io
ssl_put(struct side *s, const uint8_t *data, size_t size, size_t *n_r)
{
	size_t n;

	bio_turn();
	for (*n_r = 0; *n_r < size; *n_r += n) {
		size_t chunk = size - *n_r < RECORD_PLAIN ? size - *n_r : RECORD_PLAIN;

		ERR_clear_error();
		errno = 0;
		if (SSL_write_ex(s->ssl, data + *n_r, chunk, &n) != 1) {
			uint8_t wants_write = s->wants_write;
			enum io io = tls_error(s, 0);

			/* What waits is in the spill, which asks for room by itself. */
			s->wants_write = wants_write;
			return io == IO_EOF ? IO_FAILED : io;
		}
	}
	return IO_DONE;
}

enum io
ssl_write(struct side *s, const uint8_t *data, size_t n)
{
	return side_queue(s, data, n, ssl_put);
}

/* Without a finished handshake there is nothing to close. */
void
ssl_notify(struct side *s)
{
	if (!SSL_is_init_finished(s->ssl))
		return;
	ERR_clear_error();
	/* One record of a few bytes; where even that does not fit, the FIN must do. */
	(void)SSL_shutdown(s->ssl);
}

void
ssl_free(struct side *s)
{
	if (!s->ssl)
		return;
	/* Not an error of the session: without this SSL_free would make it unusable for
	 * resumption. */
	SSL_set_shutdown(s->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(s->ssl);
	s->ssl = NULL;
	stack_secret();
}
