/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The worker's TLS contexts: certificates, SNI, policy, tickets towards clients; verification,
 * client certificate and resumption towards servers.  Everything comes out of the bundle; the
 * private keys stay with the keeper (common/tls/key.h).
 */
#ifndef WORKER_TLS_CTX_H
#define WORKER_TLS_CTX_H

#include "common/bundle.h"
#include "common/conf.h"

#include <openssl/ssl.h>

struct tls_ctx;

/*
 * Contexts for every frontend and backend that has TLS.  tls_key_init comes first.  A piece that
 * was found through a parent directory and is not usable is left out (tell.h says so);
 * anything else that is wrong gives NULL and words for the administrator in err_r, several lines
 * if several things are wrong.
 */
struct tls_ctx *
tls_ctx_new(const struct conf *conf, const struct bundle *b, char *err_r, size_t err_size);
void tls_ctx_free(struct tls_ctx **t);

/* An object that accepts a client of this frontend (the caller's), without a descriptor. */
SSL *tls_ctx_accept(const struct tls_ctx *t, uint32_t frontend);

/*
 * An object that connects to this server (index in conf->servers), checks its name and offers a
 * session of an earlier connection.  The caller's; without a descriptor.  Before it is freed while
 * the connection is open, call SSL_set_shutdown, else its session is lost.
 */
SSL *tls_ctx_connect(const struct tls_ctx *t, uint32_t server);

#endif
