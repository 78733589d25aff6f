/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * TLS towards servers: one context per backend, one session to resume per server.
 */
#ifndef WORKER_TLS_BACK_H
#define WORKER_TLS_BACK_H

#include "common/bundle.h"
#include "common/conf.h"

#include <openssl/ssl.h>

struct tls_back {
	SSL_CTX *ctx; /* NULL: no TLS towards this backend */
};

/* Make the context of one backend that has TLS.  0, or -1 with words in err_r. */
int tls_back_open(struct tls_back *back, const struct conf_backend *conf, const struct bundle *b,
    char *err_r, size_t err_size);

/*
 * An object for a connection to this server; *session is this server's place for one to resume.
 * The object offers what is there, and the server's next one replaces it.
 */
SSL *tls_back_ssl(const struct tls_back *back, const struct conf_backend *conf,
    const struct conf_server *server, SSL_SESSION **session);

void tls_back_close(struct tls_back *back);

#endif
