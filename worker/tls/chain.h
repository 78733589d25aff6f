/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Chains that serve here and are refused by clients. */
#ifndef WORKER_TLS_CHAIN_H
#define WORKER_TLS_CHAIN_H

#include "common/bundle.h"

#include <openssl/x509.h>

/* Who may have issued a certificate whose issuer is in no file: by the hashes of their names. */
struct tls_roots {
	unsigned long *names;
	size_t count;
	int was_read;
};

/*
 * Log a warning for each thing in this chain, of that file, that makes clients refuse it.  The
 * system's CAs are read out of the bundle into *roots when the first chain needs them; a bundle
 * that has none says nothing about issuers.
 */
void tls_chain_look(const char *where, const char *file, const STACK_OF(X509) * chain,
    const struct bundle *b, struct tls_roots *roots);

void tls_roots_free(struct tls_roots *roots);

#endif
