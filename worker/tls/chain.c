/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * A chain that OpenSSL shows without a word may be one that no client takes.  One worker of a
 * generation looks at each once, at its start, and says what to do.  Of the system's CAs only the
 * names are kept, and only while it looks.
 */
#include "worker/tls/chain.h"

#include "common/log.h"
#include "common/log_escape.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STATUS_REQUEST 5 /* RFC 7633 section 4.2.2 */

/* The words of all warnings. */
struct look {
	const char *where, *file;
	const STACK_OF(X509) * chain;
	int count;
	char *needed; /* by place in the chain: whether it leads on from the first */
};

/* By its name and its key: a CA of the same name may be another, or an old key of the same. */
static int
has_issued(X509 *issuer, X509 *x)
{
	return X509_check_issued(issuer, x) == X509_V_OK &&
	    X509_verify(x, X509_get0_pubkey(issuer)) == 1;
}

/* The common name, or all of the name, as far as a line has room for it. */
static const char *
name_of(const X509_NAME *name, char buf[160])
{
	char text[128];
	int n = X509_NAME_get_text_by_NID(name, NID_commonName, text, sizeof(text));
	if (n <= 0) {
		X509_NAME_oneline(name, text, sizeof(text));
		n = (int)strlen(text);
	}
	log_escape(text, (size_t)n, buf, 160);
	return buf;
}

/* ---- The system's CAs ---- */

static void
add_root(struct tls_roots *roots, const X509 *x)
{
	int ok = 0;
	unsigned long hash = X509_NAME_hash_ex(X509_get_subject_name(x), NULL, NULL, &ok);
	unsigned long *more =
	    ok ? reallocarray(roots->names, roots->count + 1, sizeof(*more)) : NULL;
	if (!more)
		return;
	roots->names = more;
	more[roots->count++] = hash;
}

static void
read_roots(struct tls_roots *roots, const struct bundle *b)
{
	const struct piece *p = bundle_find(b, PIECE_CA, BUNDLE_SYSTEM_CA);
	BIO *bio = p && p->size <= INT_MAX ? BIO_new_mem_buf(p->data, (int)p->size) : NULL;
	X509 *x;
	roots->was_read = 1;
	while (bio && (x = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL)) != NULL) {
		add_root(roots, x);
		X509_free(x);
	}
	BIO_free(bio);
	ERR_clear_error();
}

static int
is_root(const struct tls_roots *roots, const X509_NAME *name)
{
	int ok = 0;
	unsigned long hash = X509_NAME_hash_ex(name, NULL, NULL, &ok);
	for (size_t i = 0; i < roots->count; i++)
		if (ok && roots->names[i] == hash)
			return 1;
	return 0;
}

void
tls_roots_free(struct tls_roots *roots)
{
	free(roots->names);
	*roots = (struct tls_roots){ 0 };
}

/* ---- What clients refuse ---- */

/* Whether its issuer, perhaps itself, is in the file. */
static int
is_issued_here(const struct look *l, int i)
{
	for (int k = 0; k < l->count; k++)
		if (has_issued(sk_X509_value(l->chain, k), sk_X509_value(l->chain, i)))
			return 1;
	return 0;
}

/* The last one whose issuer is neither in the file nor known; -1 where the chain leads to a CA. */
static int
end_of_chain(const struct look *l, const struct tls_roots *roots)
{
	int end = -1;
	for (int i = 0; i < l->count; i++) {
		X509 *x = sk_X509_value(l->chain, i);
		if (!l->needed[i])
			continue;
		if (has_issued(x, x) || is_root(roots, X509_get_issuer_name(x)))
			return -1;
		if (!is_issued_here(l, i))
			end = i;
	}
	return end;
}

static void
look_for_issuer(const struct look *l, const struct bundle *b, struct tls_roots *roots)
{
	char name[160];
	int end;
	if (!roots->was_read)
		read_roots(roots, b);
	end = roots->count > 0 ? end_of_chain(l, roots) : -1;
	if (end == -1)
		return;
	name_of(X509_get_issuer_name(sk_X509_value(l->chain, end)), name);
	if (end == 0)
		log_say(LOG_WARNING,
		    "%s: %s: the certificate of its issuer, \"%s\", is not in the file, so clients "
		    "refuse it; write it behind the first one (with certbot: take fullchain.pem), "
		    "or, if the CA is your own, add it to the system's (update-ca-certificates)",
		    l->where, l->file, name);
	else
		log_say(LOG_WARNING,
		    "%s: %s: the issuer of certificate %d in it, \"%s\", is neither in the file "
		    "nor "
		    "among the system's CAs, so clients may refuse the chain; write its "
		    "certificate "
		    "behind the last one, or, if the CA is your own, add it to the system's "
		    "(update-ca-certificates)",
		    l->where, l->file, end + 1, name);
}

/* Mark what leads from the first certificate to an issuer. */
static void
mark_needed(struct look *l)
{
	int more = 1;
	l->needed[0] = 1;
	while (more) {
		more = 0;
		for (int i = 1; i < l->count; i++)
			for (int k = 0; k < l->count && !l->needed[i]; k++)
				if (k != i && l->needed[k] &&
				    has_issued(
					sk_X509_value(l->chain, i), sk_X509_value(l->chain, k)))
					more = l->needed[i] = 1;
	}
}

static void
look_for_foreign(const struct look *l)
{
	char name[160];
	for (int i = 1; i < l->count; i++)
		if (!l->needed[i])
			log_say(LOG_WARNING,
			    "%s: %s: certificate %d in it, \"%s\", has issued none of the others, "
			    "so clients may refuse the chain; take it out",
			    l->where, l->file, i + 1,
			    name_of(X509_get_subject_name(sk_X509_value(l->chain, i)), name));
}

static int
stands_behind_its_own(const struct look *l, int i)
{
	for (int k = 0; k < i; k++)
		if (has_issued(sk_X509_value(l->chain, i), sk_X509_value(l->chain, k)))
			return 1;
	return 0;
}

static void
look_at_order(const struct look *l)
{
	char name[160];
	for (int i = 1; i < l->count; i++) {
		if (!l->needed[i] || stands_behind_its_own(l, i))
			continue;
		log_say(LOG_WARNING,
		    "%s: %s: certificate %d in it, \"%s\", stands before the one that it has "
		    "issued, so clients may refuse the chain; write each before its issuer",
		    l->where, l->file, i + 1,
		    name_of(X509_get_subject_name(sk_X509_value(l->chain, i)), name));
		return;
	}
}

static const char *
day_of(const ASN1_TIME *t, char buf[16])
{
	struct tm tm;
	if (ASN1_TIME_to_tm(t, &tm) != 1 || strftime(buf, 16, "%Y-%m-%d", &tm) == 0)
		snprintf(buf, 16, "?");
	return buf;
}

/* Of the first one others speak daily. */
static void
look_at_dates(const struct look *l)
{
	char name[160], day[16];
	for (int i = 1; i < l->count; i++) {
		const X509 *x = sk_X509_value(l->chain, i);
		const ASN1_TIME *end = X509_get0_notAfter(x), *from = X509_get0_notBefore(x);
		if (!l->needed[i])
			continue;
		name_of(X509_get_subject_name(x), name);
		if (X509_cmp_current_time(end) < 0)
			log_say(LOG_WARNING,
			    "%s: %s: certificate %d in it, \"%s\", expired on %s, so clients "
			    "refuse "
			    "the chain; take the issuer's new one in its place",
			    l->where, l->file, i + 1, name, day_of(end, day));
		else if (X509_cmp_current_time(from) > 0)
			log_say(LOG_WARNING,
			    "%s: %s: certificate %d in it, \"%s\", is valid only from %s, so "
			    "clients "
			    "refuse the chain until then; is the clock right?",
			    l->where, l->file, i + 1, name, day_of(from, day));
	}
}

static void
look_for_staple(const struct look *l)
{
	TLS_FEATURE *all = X509_get_ext_d2i(sk_X509_value(l->chain, 0), NID_tlsfeature, NULL, NULL);
	int wanted = 0;
	for (int i = 0; i < sk_ASN1_INTEGER_num(all); i++)
		wanted |= ASN1_INTEGER_get(sk_ASN1_INTEGER_value(all, i)) == STATUS_REQUEST;
	TLS_FEATURE_free(all);
	if (wanted)
		log_say(LOG_WARNING,
		    "%s: %s: the certificate demands a stapled OCSP answer (must-staple), which is "
		    "not sent here, so clients refuse it; have it reissued without that",
		    l->where, l->file);
}

void
tls_chain_look(const char *where, const char *file, const STACK_OF(X509) * chain,
    const struct bundle *b, struct tls_roots *roots)
{
	struct look l = {
		.where = where, .file = file, .chain = chain, .count = sk_X509_num(chain)
	};
	l.needed = l.count > 0 ? calloc((size_t)l.count, 1) : NULL;
	if (!l.needed)
		return;
	mark_needed(&l);
	look_for_issuer(&l, b, roots);
	look_for_foreign(&l);
	look_at_order(&l);
	look_at_dates(&l);
	look_for_staple(&l);
	free(l.needed);
	ERR_clear_error();
}
