/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Which certificates are shown for which name. */
#ifndef WORKER_TLS_CHOICE_H
#define WORKER_TLS_CHOICE_H

#include "worker/tls/certs.h"

/*
 * When all are added (at least one): group them by name and make a context for each group, by
 * ctx_new(arg), which returns one with everything else set.  Of several for one name and type the
 * one that is valid now counts, then the one that is valid longer, then the first.  A name that a
 * wildcard covers too gets the types that it lacks from there, and valid ones for those that are
 * not.  The default is what covers hostname, else the first.  Returns 0, or -1 with words in err_r.
 */
int tls_certs_group(struct tls_certs *c, const char *hostname, SSL_CTX *(*ctx_new)(const void *arg),
    const void *arg, char *err_r, size_t err_size);

/* The site for this clean, lower-case name: itself, else its wildcard; NULL: none. */
struct tls_site *tls_certs_find(const struct tls_certs *c, const char *name);

/* After that: what is shown in place of this one, for the first of its names; NULL: it is shown. */
const struct tls_cert *
tls_certs_instead(const struct tls_certs *c, const struct tls_cert *cert, const char **name_r);

/* Whether it is shown for any name, or without one. */
int tls_certs_shown(const struct tls_certs *c, const struct tls_cert *cert);

#endif
