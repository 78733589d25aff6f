/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * TLS towards servers: contexts, and whether the server is who it should be (RFC 6125, RFC 7817).
 * Shared by worker (real connections) and checker (health checks), so that both say the same.
 */
#ifndef COMMON_TLS_VERIFY_H
#define COMMON_TLS_VERIFY_H

#include "common/bundle.h"
#include "common/conf.h"
#include "common/mail/reason.h"

#include <openssl/ssl.h>

/*
 * A client context for these settings, certificate files taken from the bundle; key (tls_key_for)
 * included; it keeps no sessions.  NULL with the reason in err_r, naming the file.
 */
SSL_CTX *
tls_back_ctx(const struct conf_back_tls *t, const struct bundle *b, char *err_r, size_t err_size);

/*
 * The name to check and, if it is a DNS name, to send as SNI: the server's own server_name, else
 * the settings' one, else its host name, else its address as text (into buf).
 */
const char *
tls_back_name(const struct conf_back_tls *t, const struct conf_server *s, char buf[ADDR_TEXT]);

/* Make ssl check for that name and send it as SNI where it is a DNS name.  0 or -1. */
int tls_back_expect(SSL *ssl, const struct conf_back_tls *t, const char *name);

/*
 * Why a handshake with a server failed; reason_words says it: "certificate is for
 * dovecot1.example.org, not 10.0.0.1; set server_name", "certificate expired on 2026-01-01",
 * "answered in plain text: is this a TLS port?".  Takes and empties OpenSSL's error queue.
 */
void tls_back_why(SSL *ssl, const char *name, struct finding *f_r);

/* Days left on the peer's certificate, negative when expired; INT32_MIN without one. */
int32_t tls_days_left(SSL *ssl);

#endif
