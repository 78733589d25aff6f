/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The inside of struct tls_ctx.  Only this folder includes it. */
#ifndef WORKER_TLS_INT_H
#define WORKER_TLS_INT_H

#include "common/conf.h"
#include "worker/tls/back.h"
#include "worker/tls/front.h"
#include "worker/tls/ticket.h"

#include <openssl/ssl.h>
#include <stdint.h>

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
