/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Handshakes in memory.  Part of no program. */
#include "tests/lib/shake.h"

#include <assert.h>
#include <string.h>

void
shake_join(SSL *a, SSL *b)
{
	BIO *x, *y;
	int ok = BIO_new_bio_pair(&x, 256L * 1024, &y, 256L * 1024);
	assert(ok == 1);
	SSL_set_bio(a, x, x);
	SSL_set_bio(b, y, y);
}

/* One step of one side: 1 done, 0 waits, -1 failed. */
static int
step(SSL *ssl)
{
	int r = SSL_do_handshake(ssl);
	if (r == 1)
		return 1;
	int why = SSL_get_error(ssl, r);
	return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

int
shake_run(SSL *client, SSL *server)
{
	int c = 0, s = 0;
	for (int i = 0; i < 100 && (c != 1 || s != 1); i++) {
		c = step(client);
		if (c == -1)
			return 0;
		s = step(server);
		if (s == -1)
			return 0;
	}
	return c == 1 && s == 1;
}

int
shake_talk(SSL *client, SSL *server)
{
	char buf[16] = "";
	if (SSL_write(server, "hello", 5) != 5 || SSL_read(client, buf, sizeof(buf)) != 5)
		return 0;
	if (SSL_write(client, "HELLO", 5) != 5 || SSL_read(server, buf, sizeof(buf)) != 5)
		return 0;
	return memcmp(buf, "HELLO", 5) == 0;
}

static void *
no_const(const char *text)
{
	void *p;
	memcpy(&p, &text, sizeof(p));
	return p;
}

int
shake_set_sigalgs(SSL_CTX *ctx, const char *list)
{
	return (int)SSL_CTX_ctrl(ctx, SSL_CTRL_SET_SIGALGS_LIST, 0, no_const(list));
}

int
shake_set_groups(SSL_CTX *ctx, const char *list)
{
	return (int)SSL_CTX_ctrl(ctx, SSL_CTRL_SET_GROUPS_LIST, 0, no_const(list));
}

int
shake_set_sni(SSL *ssl, const char *name)
{
	return (int)SSL_ctrl(
	    ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, no_const(name));
}
