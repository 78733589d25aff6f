/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The certificates of one frontend: for which name which are shown.
 */
#ifndef WORKER_TLS_CERTS_H
#define WORKER_TLS_CERTS_H

#include "common/bundle.h"

#include <openssl/ssl.h>
#include <time.h>

/* One certificate with its chain. */
struct tls_cert {
	const struct piece *piece;
	STACK_OF(X509) * chain; /* the first is it */
	int type;               /* enum tls_key_type */
	char **names;           /* "a.example", "*.example"; lower case */
	size_t name_count;
	time_t from, until; /* valid */
	int valid;          /* ... when they were grouped */
	char *first;        /* the first of them, or the common name, for logs */
	char key_alg[16];   /* "EC256", "RSA2048", "ED25519" */
	char sig_alg[48];   /* "ecdsa-with-SHA256" */
};

/* A client's signature algorithms decide between certificates of several types. */
enum tls_key_type { TLS_KEY_EC, TLS_KEY_RSA, TLS_KEY_ED25519, TLS_KEY_TYPES };

/* The certificates that are shown together, one of a type, and the context that shows them. */
struct tls_site {
	SSL_CTX *ctx;
	const struct tls_cert *certs[TLS_KEY_TYPES];
};

struct tls_name {
	const char *name;
	struct tls_site *site;
};

struct tls_certs {
	struct tls_cert **items; /* in the order of the configuration */
	size_t count;
	struct tls_site **sites; /* sites[0] is the default */
	size_t site_count;
	struct tls_name *names; /* sorted, each once */
	size_t name_count;
	int by_hostname; /* the default is what covers the hostname, else merely the first */
};

/*
 * Read one certificate and make sure that the keeper has its key.  Returns 0, or -1 with words in
 * err_r that name the file.
 */
int tls_certs_add(struct tls_certs *c, const struct piece *p, char *err_r, size_t err_size);

/* Which of our certificates this is; NULL: none of ours. */
const struct tls_cert *tls_certs_of(X509 *x);

void tls_certs_free(struct tls_certs *c);

#endif
