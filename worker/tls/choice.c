/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Chooses certificates by the name that a client asks for: exact, then wildcard; of several for
 * one name and kind of key, the one that is valid now, then the one that is valid longer, then
 * the first.  One of each kind is shown to OpenSSL, which chooses by what the client can verify.
 * Everything is prepared at start; looking a name up is one or two searches in a sorted list.
 */
#include "worker/tls/choice.h"

#include "common/proxy/clean.h"
#include "common/tls/pem.h"

#include <openssl/err.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* One name of one certificate, while grouping. */
struct claim {
	const char *name;
	const struct tls_cert *cert;
	size_t order;
};

/* By name, and for one name the better certificate first. */
static int
by_name(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int r = strcmp(x->name, y->name);
	if (r != 0)
		return r;
	if (x->cert->valid != y->cert->valid)
		return y->cert->valid - x->cert->valid;
	if (x->cert->until != y->cert->until)
		return x->cert->until > y->cert->until ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* The site with exactly these certificates, made if need be; NULL: OpenSSL's error queue. */
static struct tls_site *
site_for(struct tls_certs *c, const struct tls_cert *const certs[TLS_KEY_TYPES],
    SSL_CTX *(*ctx_new)(const void *), const void *arg)
{
	for (size_t i = 0; i < c->site_count; i++)
		if (memcmp(c->sites[i]->certs, certs, sizeof(c->sites[i]->certs)) == 0)
			return c->sites[i];
	struct tls_site **sites = reallocarray(c->sites, c->site_count + 1, sizeof(void *));
	if (!sites)
		return NULL;
	c->sites = sites;
	struct tls_site *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	sites[c->site_count++] = s;
	memcpy(s->certs, certs, sizeof(s->certs));
	s->ctx = ctx_new(arg);
	for (int i = 0; s->ctx && i < TLS_KEY_TYPES; i++)
		if (certs[i] && pem_use(s->ctx, certs[i]->chain) == -1)
			return NULL;
	return s->ctx ? s : NULL;
}

static int
compare_name(const void *key, const void *entry)
{
	return strcmp(key, ((const struct tls_name *)entry)->name);
}

static const struct tls_name *
search(const struct tls_certs *c, const char *name)
{
	return bsearch(name, c->names, c->name_count, sizeof(*c->names), compare_name);
}

/* The wildcard that covers a name: one label, the left-most (RFC 6125 section 6.4.3). */
static const struct tls_name *
search_wildcard(const struct tls_certs *c, const char *name)
{
	char wild[256];
	const char *dot = strchr(name, '.');
	if (!dot || dot == name || name[0] == '*')
		return NULL;
	int n = snprintf(wild, sizeof(wild), "*%s", dot);
	return n > 0 && (size_t)n < sizeof(wild) ? search(c, wild) : NULL;
}

struct tls_site *
tls_certs_find(const struct tls_certs *c, const char *name)
{
	const struct tls_name *n = search(c, name);
	if (!n)
		n = search_wildcard(c, name);
	return n ? n->site : NULL;
}

/* Claims, sorted; wildcards come first, for `*` sorts before letters and digits. */
static struct claim *
sorted_claims(const struct tls_certs *c, size_t *count_r)
{
	size_t count = 0, n = 0;
	for (size_t i = 0; i < c->count; i++)
		count += c->items[i]->name_count;
	struct claim *claims = calloc(count + 1, sizeof(*claims));
	if (!claims)
		return NULL;
	for (size_t i = 0; i < c->count; i++)
		for (size_t k = 0; k < c->items[i]->name_count; k++)
			claims[n++] = (struct claim){ c->items[i]->names[k], c->items[i], i };
	qsort(claims, count, sizeof(*claims), by_name);
	*count_r = count;
	return claims;
}

/* From the wildcard that covers the name too: the kinds that it lacks, and what is valid there. */
static void
borrow(const struct tls_cert *certs[TLS_KEY_TYPES], const struct tls_site *wild)
{
	for (int k = 0; k < TLS_KEY_TYPES; k++)
		if (wild->certs[k] && (!certs[k] || (!certs[k]->valid && wild->certs[k]->valid)))
			certs[k] = wild->certs[k];
}

/*
 * Between kinds of keys the client chooses, and knows nothing of dates: one that is not valid must
 * not stand in the way of one that is.  RSA stays, for those who can do nothing else.
 */
static void
drop_invalid(const struct tls_cert *certs[TLS_KEY_TYPES])
{
	int valid = 0;
	for (int k = 0; k < TLS_KEY_TYPES; k++)
		valid |= certs[k] && certs[k]->valid;
	for (int k = 0; valid && k < TLS_KEY_TYPES; k++)
		if (k != TLS_KEY_RSA && certs[k] && !certs[k]->valid)
			certs[k] = NULL;
}

static int
name_sites(struct tls_certs *c, const struct claim *claims, size_t count,
    SSL_CTX *(*ctx_new)(const void *), const void *arg)
{
	for (size_t i = 0, next; i < count; i = next) {
		const struct tls_cert *certs[TLS_KEY_TYPES] = { 0 };
		for (next = i; next < count && strcmp(claims[next].name, claims[i].name) == 0;
		     next++)
			if (!certs[claims[next].cert->type])
				certs[claims[next].cert->type] = claims[next].cert;
		const struct tls_name *wild = search_wildcard(c, claims[i].name);
		if (wild)
			borrow(certs, wild->site);
		drop_invalid(certs);
		struct tls_site *s = site_for(c, certs, ctx_new, arg);
		if (!s)
			return -1;
		c->names[c->name_count++] = (struct tls_name){ claims[i].name, s };
	}
	return 0;
}

/* Without a name: what covers the hostname, else the first certificate's first name. */
static struct tls_site *
default_site(
    struct tls_certs *c, const char *hostname, SSL_CTX *(*ctx_new)(const void *), const void *arg)
{
	const struct tls_cert *first = c->items[0], *certs[TLS_KEY_TYPES] = { 0 };
	char name[254];
	struct tls_site *s = NULL;
	if (proxy_clean_name(hostname, name))
		s = tls_certs_find(c, name);
	c->by_hostname = s != NULL;
	if (s)
		return s;
	if (first->name_count > 0)
		return tls_certs_find(c, first->names[0]);
	certs[first->type] = first;
	return site_for(c, certs, ctx_new, arg);
}

static int
choose_default(
    struct tls_certs *c, const char *hostname, SSL_CTX *(*ctx_new)(const void *), const void *arg)
{
	struct tls_site *s = default_site(c, hostname, ctx_new, arg);
	if (!s)
		return -1;
	for (size_t i = 0; i < c->site_count; i++)
		if (c->sites[i] == s) {
			c->sites[i] = c->sites[0];
			c->sites[0] = s;
		}
	return 0;
}

static void
set_valid(struct tls_certs *c)
{
	time_t now = time(NULL);
	for (size_t i = 0; i < c->count; i++)
		c->items[i]->valid = c->items[i]->from <= now && now <= c->items[i]->until;
}

int
tls_certs_group(struct tls_certs *c, const char *hostname, SSL_CTX *(*ctx_new)(const void *arg),
    const void *arg, char *err_r, size_t err_size)
{
	size_t count = 0;
	set_valid(c);
	struct claim *claims = sorted_claims(c, &count);
	c->names = calloc(count + 1, sizeof(*c->names));
	int r = -1;
	if (claims && c->names)
		r = name_sites(c, claims, count, ctx_new, arg);
	if (r == 0)
		r = choose_default(c, hostname, ctx_new, arg);
	free(claims);
	if (r == -1) {
		const char *why = ERR_reason_error_string(ERR_peek_error());
		snprintf(err_r, err_size, "OpenSSL does not accept the certificates: %s",
		    why ? why : "no memory");
		ERR_clear_error();
	}
	return r;
}

const struct tls_cert *
tls_certs_instead(const struct tls_certs *c, const struct tls_cert *cert, const char **name_r)
{
	for (size_t i = 0; i < cert->name_count; i++) {
		const struct tls_site *s = tls_certs_find(c, cert->names[i]);
		if (!s || s->certs[cert->type] == cert)
			continue;
		*name_r = cert->names[i];
		for (int k = 0; k < TLS_KEY_TYPES; k++)
			if (!s->certs[cert->type] && s->certs[k])
				return s->certs[k];
		return s->certs[cert->type];
	}
	return NULL;
}

int
tls_certs_shown(const struct tls_certs *c, const struct tls_cert *cert)
{
	for (size_t i = 0; i < c->site_count; i++)
		if (c->sites[i]->certs[cert->type] == cert)
			return 1;
	return 0;
}
