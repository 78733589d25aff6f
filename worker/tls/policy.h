/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Which TLS a frontend speaks: versions, ciphers, groups, and what is never done.
 */
#ifndef WORKER_TLS_POLICY_H
#define WORKER_TLS_POLICY_H

#include "common/conf.h"

#include <openssl/ssl.h>

/*
 * A server context with the settings of this frontend, without certificates.  The caller's; NULL
 * with words in err_r, which name the key of the configuration.
 */
SSL_CTX *tls_policy_ctx(const struct conf_front_tls *t, char *err_r, size_t err_size);

#endif
