/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What the master, which parses no certificate, hears of them from the first worker of a
 * generation: it decides by this whether something that is in use would be lost.
 */
#include "worker/tls/tell.h"

#include "common/tls/key.h"
#include "worker/tls/choice.h"
#include "worker/tls/int.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <errno.h>
#include <poll.h>
#include <string.h>

/* The master reads: it may be behind, with so many certificates, but not for long. */
#define PATIENCE 10000 /* milliseconds */

static int
wait_for(const struct chan *master)
{
	struct pollfd p = { .fd = master->fd, .events = POLLOUT };
	return poll(&p, 1, PATIENCE) == 1 ? 0 : -1;
}

static int
send_text(const struct chan *master, const struct msg_cert *c, const char *text, size_t len)
{
	while (chan_send(master, MSG_CERT, c, text, (uint32_t)len, NULL, 0) == -1)
		if ((errno != EAGAIN && errno != ENOBUFS) || wait_for(master) == -1)
			return -1;
	return 0;
}

/* All its names, in as many messages as they take. */
static int
send_names(const struct chan *master, const struct msg_cert *c, const struct tls_cert *cert)
{
	char text[CERT_TEXT];
	size_t len = 0;
	for (size_t i = 0; i < cert->name_count; i++) {
		size_t n = strlen(cert->names[i]);
		if (len + n + 1 > sizeof(text)) {
			if (send_text(master, c, text, len) == -1)
				return -1;
			len = 0;
		}
		memcpy(text + len, cert->names[i], n);
		text[len + n] = '\n';
		len += n + 1;
	}
	return send_text(master, c, text, len);
}

static int
send_cert(const struct chan *master, const struct tls_cert *cert, uint32_t piece)
{
	struct msg_cert c = { .piece = piece,
		.kind = CERT_SHOWN,
		.until = cert->until > 0 ? (uint64_t)cert->until : 0 };
	X509 *x = sk_X509_value(cert->chain, 0);
	if (tls_key_id(x, c.key_id) == -1 || X509_digest(x, EVP_sha256(), c.print, NULL) != 1) {
		errno = ENOMEM;
		return -1;
	}
	tls_key_kind(X509_get0_pubkey(x), c.key, sizeof(c.key));
	return send_names(master, &c, cert);
}

/* The certificate that was made of this piece and is shown for something; or NULL. */
static const struct tls_cert *
shown(const struct tls_ctx *t, const struct piece *p)
{
	const struct tls_certs *c = &t->fronts[p->owner].certs;
	for (size_t i = 0; i < c->count; i++)
		if (c->items[i]->piece == p)
			return tls_certs_shown(c, c->items[i]) ? c->items[i] : NULL;
	return NULL;
}

int
tls_tell(const struct tls_ctx *t, const struct bundle *b, const struct chan *master)
{
	for (size_t i = 0; i < bundle_count(b); i++) {
		const struct piece *p = bundle_piece(b, i);
		const struct tls_cert *cert = p->kind == PIECE_CERT ? shown(t, p) : NULL;
		if (cert && send_cert(master, cert, (uint32_t)i) == -1)
			return -1;
	}
	for (size_t i = 0; i < t->left_out_count; i++) {
		struct msg_cert c = { .piece = t->left_out[i].piece, .kind = CERT_LEFT_OUT };
		size_t len = strlen(t->left_out[i].why);
		if (send_text(master, &c, t->left_out[i].why, len < CERT_TEXT ? len : CERT_TEXT) ==
		    -1)
			return -1;
	}
	/* It polls as writable when most of its room is free: READY will fit. */
	return wait_for(master);
}
