/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The inside of struct tls_ctx, and of a frontend in it.  Only this folder includes it. */
#ifndef WORKER_TLS_INT_H
#define WORKER_TLS_INT_H

#include "common/conf.h"
#include "worker/tls/back.h"
#include "worker/tls/certs.h"
#include "worker/tls/ticket.h"

#include <openssl/ssl.h>
#include <stdint.h>

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

struct tls_left_out {
	uint32_t piece; /* its number in the bundle */
	char *why;
};

struct tls_ctx {
	const struct conf *conf;
	struct tls_front *fronts; /* by index of the configuration */
	struct tls_back *backs;
	SSL_SESSION **sessions; /* by server */
	struct tls_tickets tickets;
	struct tls_left_out *left_out; /* certificates that were found but are not usable */
	size_t left_out_count;
};

#endif
