/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Certificates and CRLs out of the bundle's pieces.
 */
#ifndef COMMON_TLS_PEM_H
#define COMMON_TLS_PEM_H

#include "common/bundle.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>

/*
 * Every certificate of a piece, in its order; at least one (free with sk_X509_pop_free).  NULL
 * with words in err_r that name the file.
 */
STACK_OF(X509) * pem_chain(const struct piece *p, char *err_r, size_t err_size);

/*
 * A store that trusts the certificates of ca and, if crl is not NULL, asks the CRLs there about
 * every certificate of a chain.  The caller's; NULL with words in err_r.
 */
X509_STORE *
pem_store(const struct piece *ca, const struct piece *crl, char *err_r, size_t err_size);

/*
 * Whether the keeper has the key that belongs to this certificate, the first of piece p.  Returns
 * 0, or -1 with words in err_r: "privkey.pem (EC P-256) does not belong to fullchain.pem (RSA
 * 2048)".
 */
int
pem_check_key(const struct piece *p, const STACK_OF(X509) * chain, char *err_r, size_t err_size);

/* Give ctx this chain with the keeper's key.  0, or -1 with OpenSSL's error queue. */
int pem_use(SSL_CTX *ctx, STACK_OF(X509) * chain);

#endif
