/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * TLS on checks: one context for each different group of settings, shared by all the backends
 * that have the same.  common/tls/verify.h decides which certificate is good, so that a check and
 * a real connection never disagree.
 */
#ifndef CHECKER_TLS_H
#define CHECKER_TLS_H

#include "common/bundle.h"
#include "common/conf.h"
#include "common/mail/reason.h"

#include <openssl/ssl.h>
#include <stddef.h>

struct tls_set;

/*
 * Contexts for every backend whose check speaks TLS; tls_key_init comes first.  NULL with words
 * for the administrator in err_r, several lines if several things are wrong.
 */
struct tls_set *
tls_set_new(const struct conf *conf, const struct bundle *b, char *err_r, size_t err_size);
void tls_set_free(struct tls_set **set);

/* The context of this backend's check, NULL if it speaks no TLS; the set's. */
SSL_CTX *tls_set_ctx(const struct tls_set *set, size_t backend);

/*
 * An object for a check of this server, which verifies as the settings say; the caller's.  NULL
 * when memory is out.
 */
SSL *tls_begin(SSL_CTX *ctx, const struct conf_back_tls *t, const struct conf_server *s);

/* An object that only finds out whether the server speaks TLS; the caller's.  NULL when memory is out. */
SSL *tls_probe(void);

/* Why the handshake failed. */
void
tls_why(SSL *ssl, const struct conf_back_tls *t, const struct conf_server *s, struct finding *f_r);

#endif
