/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The first look at a client: which name it asks for, what it offers. */
#ifndef WORKER_TLS_HELLO_H
#define WORKER_TLS_HELLO_H

#include <openssl/ssl.h>
#include <stdint.h>

struct tls_front;

/* What a client said first; lives as long as its SSL object. */
struct tls_hello {
	uint16_t version; /* the newest it offers: 0x0303 is TLS 1.2 */
	uint8_t refused;  /* by strict_sni */
	uint8_t has_sni;
	char sni[256]; /* as sent; "" without, and where it is no text */
};

/* Let ctx, one of this frontend's, look at ClientHellos and choose by them. 0 or -1. */
int tls_hello_watch(SSL_CTX *ctx, const struct tls_front *f);

/* What the client said; NULL before it said anything. */
const struct tls_hello *tls_hello_of(const SSL *ssl);

#endif
