/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * A TLS client and a TLS server in memory, for the tests of worker/record: each side is OpenSSL's
 * object or, once taken over, a struct record.  Everything ends the test program where OpenSSL
 * itself fails.
 */
#ifndef TLS_PAIR_H
#define TLS_PAIR_H

#include "worker/record/crypt.h"
#include "worker/record/record.h"

#include <openssl/ssl.h>

enum side { CLIENT, SERVER };

struct tls_suite {
	const char *name;
	int version;
};
#define TLS_SUITES 6
extern const struct tls_suite tls_suites[TLS_SUITES];

struct tls_pair {
	SSL *ssl[2];          /* NULL once taken over; by enum side */
	struct record rec[2]; /* the sides that were taken over */
	BIO *to[2];           /* bytes on their way to this side */
};

/* Contexts for this suite with a certificate (made once) and the hooks of worker/record. */
SSL_CTX *tls_ctx_for(enum side side, const struct tls_suite *suite);

/* Objects with BIOs, watched; the handshake is not done.  The contexts stay the caller's. */
void tls_pair_start(struct tls_pair *p, SSL_CTX *client, SSL_CTX *server);
/* Returns 0, or -1 when the handshake fails. */
int tls_pair_shake(struct tls_pair *p);
/* All of it, with contexts of its own. */
void tls_pair_open(struct tls_pair *p, const struct tls_suite *suite);

/* record_take, and free the object where it said yes. */
int tls_pair_take(struct tls_pair *p, enum side side);

/* Send in records of at most fragment bytes. */
void
tls_pair_send(struct tls_pair *p, enum side from, const uint8_t *data, size_t n, size_t fragment);
/* Bytes that have come; 0 for none now, -1 for the end, -2 for an error. */
int tls_pair_receive(struct tls_pair *p, enum side at, uint8_t *out, size_t size);

/* Take the bytes on their way to this side. */
size_t tls_pair_grab(struct tls_pair *p, enum side to, uint8_t *out, size_t size);
void tls_pair_inject(struct tls_pair *p, enum side to, const uint8_t *in, size_t n);

void tls_pair_close(struct tls_pair *p);

/* The other side of a record, as its peer would have it. */
void record_mirror(const struct record *r, struct record *mirror_r);

/*
 * One protected record with any content and any header, made without the module's help.  TLS 1.3:
 * content is the whole TLSInnerPlaintext, type and padding included.  The peer's sequence number
 * moves on.  Returns its length.
 */
size_t record_forge(struct record *peer, uint8_t outer, uint16_t version, const uint8_t *content,
    size_t n, uint8_t *out);

#endif
