/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Words for what is wrong with a peer's certificate or handshake.
 */
#ifndef COMMON_TLS_WHY_H
#define COMMON_TLS_WHY_H

#include <openssl/ssl.h>
#include <stddef.h>

/* Have ctx verify its peers, remembering for why_certificate what was wrong. */
void why_verify(SSL_CTX *ctx, int mode);

/*
 * What was wrong with the peer's certificate: "certificate expired on 2026-01-01"; NULL if
 * nothing was found wrong.  name is what was expected, NULL towards clients.  Lives with ssl.
 */
const char *why_certificate(SSL *ssl);

/*
 * The first error of OpenSSL's queue in words, and empties it; "" if there was none.  Returns its
 * reason (SSL_R_...), or 0 if it was not libssl's.
 */
int why_error(char *buf_r, size_t size);

/* An alert's name, RFC 8446 section 6: "unknown CA". */
const char *why_alert(int alert);

/* The first names of a certificate: "a.example, b.example and 3 more"; printable ASCII. */
void why_names(X509 *cert, char *buf_r, size_t size);

#endif
