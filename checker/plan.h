/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* What every check of one server does: made once, from nothing but the validated configuration. */
#ifndef CHECKER_PLAN_H
#define CHECKER_PLAN_H

#include "common/conf.h"
#include "common/proxy/proxy.h"

#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

enum plan_header { HEADER_NONE, HEADER_LOCAL, HEADER_PROXY };

struct plan {
	const struct conf_check *check;
	const struct conf_server *server;
	const struct addr *sources; /* the backend's bind_address */
	size_t source_count;
	SSL_CTX *ctx; /* NULL: no TLS */
	uint16_t port;
	enum plan_header header;
	struct proxy_style style;
};

/* How to check this server; ctx stays the caller's. */
void
plan_make(const struct conf *conf, const struct conf_server *s, SSL_CTX *ctx, struct plan *plan_r);

/*
 * Whether neither side will read or write on a connection of this plan: then the server need not
 * even see it.
 */
int plan_unseen(const struct plan *p);

/* The source address towards a server there, as real connections have it; NULL: any. */
const struct addr *plan_source(const struct plan *p, const struct addr *to);

#endif
