/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What the administrator should hear of the files behind TLS: what was left out, what has expired
 * and what soon will.  One worker says it, at its start and every day.
 */
#include "worker/tls/look.h"

#include "common/log.h"
#include "worker/tls/chain.h"
#include "worker/tls/choice.h"
#include "worker/tls/int.h"

#include <openssl/x509.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#define SOON 14 /* days */

static const char *
day_of(const ASN1_TIME *t, char buf[16])
{
	struct tm tm;
	if (ASN1_TIME_to_tm(t, &tm) != 1 || strftime(buf, 16, "%Y-%m-%d", &tm) == 0)
		snprintf(buf, 16, "?");
	return buf;
}

static void
look_at_cert(const char *where, const char *file, const X509 *x)
{
	const ASN1_TIME *end = X509_get0_notAfter(x);
	char day[16];
	int days, seconds;
	if (X509_cmp_current_time(X509_get0_notBefore(x)) > 0)
		log_say(LOG_WARNING,
		    "%s: %s: the certificate is valid only from %s; is the clock right?", where,
		    file, day_of(X509_get0_notBefore(x), day));
	if (ASN1_TIME_diff(&days, &seconds, NULL, end) != 1)
		return;
	if (days < 0 || seconds < 0)
		log_say(LOG_WARNING, "%s: %s: the certificate expired on %s; renew it", where, file,
		    day_of(end, day));
	else if (days < SOON)
		log_say(LOG_WARNING, "%s: %s: the certificate expires on %s; renew it", where, file,
		    day_of(end, day));
}

static void
look_at_crls(const char *where, const char *file, X509_STORE *store)
{
	char day[16];
	if (!store || !file)
		return;
	const STACK_OF(X509_OBJECT) *all = X509_STORE_get0_objects(store);
	for (int i = 0; i < sk_X509_OBJECT_num(all); i++) {
		X509_CRL *crl = X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(all, i));
		const ASN1_TIME *next = crl ? X509_CRL_get0_nextUpdate(crl) : NULL;
		if (next && X509_cmp_current_time(next) < 0)
			log_say(LOG_WARNING,
			    "%s: %s: the CRL expired on %s; no certificate verifies until "
			    "there is a new one",
			    where, file, day_of(next, day));
	}
}

static const char *
why_instead(const struct tls_cert *other, const struct tls_cert *c, char buf[64])
{
	char day[16];
	if (other->valid == c->valid)
		return other->until != c->until ? "it is valid longer" :
						  "it stands before this one";
	if (c->until >= time(NULL))
		return "this one is not valid yet";
	snprintf(buf, 64, "this one expired on %s",
	    day_of(X509_get0_notAfter(sk_X509_value(c->chain, 0)), day));
	return buf;
}

/* Of several for one name: what nobody will see. */
static void
look_at_choice(const char *where, const struct tls_front *f)
{
	const struct tls_certs *all = &f->certs;
	for (size_t i = 0; i < all->count; i++) {
		const struct tls_cert *c = all->items[i];
		const char *name;
		char why[64];
		const struct tls_cert *other = tls_certs_instead(all, c, &name);
		if (other &&
		    X509_cmp(sk_X509_value(other->chain, 0), sk_X509_value(c->chain, 0)) != 0)
			log_say(LOG_WARNING, "%s: %s is not shown for %s, but %s: %s", where,
			    c->piece->name, name, other->piece->name, why_instead(other, c, why));
	}
	if (all->count > 0 && !all->by_hostname)
		log_say(LOG_WARNING,
		    "%s: no certificate covers hostname \"%s\": clients that name no host get the "
		    "first, %s (%s); set hostname to a name that one of them covers",
		    where, f->conf->hostname, all->items[0]->piece->name, all->items[0]->first);
}

/* Whether a frontend before this one shows the same file. */
static int
was_looked_at(const struct tls_ctx *t, size_t frontend, const char *file)
{
	for (size_t i = 0; i < frontend; i++) {
		const struct tls_certs *all = &t->fronts[i].certs;
		for (size_t k = 0; k < all->count; k++)
			if (strcmp(all->items[k]->piece->name, file) == 0)
				return 1;
	}
	return 0;
}

void
tls_look_at_chains(const struct tls_ctx *t, const struct bundle *b)
{
	struct tls_roots roots = { 0 };
	char where[512];
	for (size_t i = 0; i < t->conf->frontend_count; i++) {
		const struct tls_front *f = &t->fronts[i];
		conf_where(t->conf, f->conf->tls.line, where, sizeof(where));
		for (size_t k = 0; k < f->certs.count; k++) {
			const struct tls_cert *c = f->certs.items[k];
			if (tls_certs_shown(&f->certs, c) && !was_looked_at(t, i, c->piece->name))
				tls_chain_look(where, c->piece->name, c->chain, b, &roots);
		}
	}
	tls_roots_free(&roots);
}

void
tls_look(const struct tls_ctx *t, int first)
{
	char where[512];
	for (size_t i = 0; i < t->conf->frontend_count; i++) {
		const struct tls_front *f = &t->fronts[i];
		conf_where(t->conf, f->conf->tls.line, where, sizeof(where));
		if (first)
			look_at_choice(where, f);
		for (size_t k = 0; k < f->certs.count; k++)
			if (tls_certs_shown(&f->certs, f->certs.items[k]))
				look_at_cert(where, f->certs.items[k]->piece->name,
				    sk_X509_value(f->certs.items[k]->chain, 0));
		look_at_crls(where, f->conf->tls.client_crl, f->clients);
	}
	for (size_t i = 0; i < t->conf->backend_count; i++) {
		const struct conf_back_tls *b = &t->conf->backends[i].tls;
		SSL_CTX *ctx = t->backs[i].ctx;
		if (!ctx)
			continue;
		conf_where(t->conf, b->line, where, sizeof(where));
		if (b->certificate)
			look_at_cert(where, b->certificate, SSL_CTX_get0_certificate(ctx));
		look_at_crls(where, b->crl, SSL_CTX_get_cert_store(ctx));
	}
}
