/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* TLS handshakes in memory, for tests: both ends in one process, no socket. */
#ifndef SHAKE_H
#define SHAKE_H

#include <openssl/ssl.h>

/* Join two SSL objects by a BIO pair. */
void shake_join(SSL *a, SSL *b);

/*
 * Let both go on until both are done, or one fails.  Returns 1 when both are done; 0 leaves the
 * error queue as it is.
 */
int shake_run(SSL *client, SSL *server);

/* Send one line each way, so that tickets arrive.  1 if it came through. */
int shake_talk(SSL *client, SSL *server);

/* As OpenSSL's macros of like names, which cast a const away: 1, or 0. */
int shake_set_sigalgs(SSL_CTX *ctx, const char *list);
int shake_set_groups(SSL_CTX *ctx, const char *list);
int shake_set_sni(SSL *ssl, const char *name);

#endif
