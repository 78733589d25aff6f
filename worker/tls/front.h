/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* What the contexts of one frontend are made of. */
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

#endif
