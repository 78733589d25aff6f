/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What the worker's TLS files share about one frontend, and what is kept of a ClientHello.
 * Nobody outside tls_*.c includes this.
 */
#ifndef WORKER_TLS_FRONT_H
#define WORKER_TLS_FRONT_H

#include "common/conf.h"
#include "worker/tls/certs.h"

#include <openssl/ssl.h>
#include <stdint.h>

struct tls_tickets;

struct tls_front {
	const struct conf_frontend *conf;
	struct tls_certs certs;
	X509_STORE *clients; /* who may sign clients' certificates; NULL: they are not asked */
	STACK_OF(X509_NAME) * client_names;
	uint8_t context[32]; /* what a session is bound to (SSL_CTX_set_session_id_context) */
	unsigned char *alpn; /* ids accepted, as ALPN writes a list; NULL: ALPN is ignored */
	unsigned int alpn_size;
	struct tls_tickets *tickets; /* NULL: none are issued, none are taken */
};

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
