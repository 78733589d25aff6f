/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Reads the certificates of a frontend: their names, their kind of key, until when they are good,
 * and whether the keeper has their keys.
 */
#include "worker/tls/certs.h"

#include "common/log.h"
#include "common/log_escape.h"
#include "common/proxy/clean.h"
#include "common/proxy/proxy.h"
#include "common/tls/pem.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int slot = -1; /* of X509's ex_data: our struct tls_cert */

static int
key_type(EVP_PKEY *key)
{
	if (key && EVP_PKEY_is_a(key, "EC"))
		return TLS_KEY_EC;
	if (key && EVP_PKEY_is_a(key, "RSA"))
		return TLS_KEY_RSA;
	if (key && EVP_PKEY_is_a(key, "ED25519"))
		return TLS_KEY_ED25519;
	return -1;
}

/* A name as it stands in a certificate, if a client can ask for it; the caller's. */
static char *
clean(const ASN1_STRING *s)
{
	char in[256], name[254], *out = NULL;
	size_t n = (size_t)ASN1_STRING_length(s);
	const unsigned char *data = ASN1_STRING_get0_data(s);
	if (n == 0 || n >= sizeof(in) || memchr(data, '\0', n))
		return NULL;
	memcpy(in, data, n);
	in[n] = '\0';
	int wild = strncmp(in, "*.", 2) == 0;
	if (!proxy_clean_name(wild ? in + 2 : in, name))
		return NULL;
	if (asprintf(&out, "%s%s", wild ? "*." : "", name) == -1)
		return NULL;
	return out;
}

static int
add_name(struct tls_cert *c, char *name)
{
	char **names = name ? reallocarray(c->names, c->name_count + 1, sizeof(*names)) : NULL;
	if (!names) {
		free(name);
		return -1;
	}
	c->names = names;
	names[c->name_count++] = name;
	return 0;
}

/* The common name where there is no DNS name (RFC 6125 section 6.4.4). */
static void
read_common_name(struct tls_cert *c)
{
	const X509_NAME *subject = X509_get_subject_name(sk_X509_value(c->chain, 0));
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	char text[128];
	if (at < 0)
		return;
	const ASN1_STRING *cn = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
	if (add_name(c, clean(cn)) == -1)
		c->first = strdup(log_escape(
		    ASN1_STRING_get0_data(cn), (size_t)ASN1_STRING_length(cn), text, sizeof(text)));
}

static void
read_names(struct tls_cert *c)
{
	X509 *x = sk_X509_value(c->chain, 0);
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *n = sk_GENERAL_NAME_value(names, i);
		if (n->type == GEN_DNS)
			add_name(c, clean(n->d.dNSName));
	}
	GENERAL_NAMES_free(names);
	if (c->name_count == 0)
		read_common_name(c);
	if (!c->first)
		c->first = strdup(c->name_count > 0 ? c->names[0] : "-");
	ERR_clear_error();
}

static void
read_algorithms(struct tls_cert *c)
{
	X509 *x = sk_X509_value(c->chain, 0);
	static const char *const words[] = { "EC", "RSA", "ED" };
	if (c->type == TLS_KEY_ED25519)
		snprintf(c->key_alg, sizeof(c->key_alg), "ED25519");
	else
		snprintf(c->key_alg, sizeof(c->key_alg), "%s%d", words[c->type],
		    EVP_PKEY_get_bits(X509_get0_pubkey(x)));
	const char *sig = OBJ_nid2sn(X509_get_signature_nid(x));
	snprintf(c->sig_alg, sizeof(c->sig_alg), "%s", sig ? sig : "-");
}

static time_t
seconds_of(const ASN1_TIME *t)
{
	struct tm tm;
	return ASN1_TIME_to_tm(t, &tm) == 1 ? timegm(&tm) : 0;
}

static void
read_times(struct tls_cert *c)
{
	const X509 *x = sk_X509_value(c->chain, 0);
	c->from = seconds_of(X509_get0_notBefore(x));
	c->until = seconds_of(X509_get0_notAfter(x));
}

static void
cert_free(struct tls_cert *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->name_count; i++)
		free(c->names[i]);
	free(c->names);
	free(c->first);
	sk_X509_pop_free(c->chain, X509_free);
	free(c);
}

/* Whether OpenSSL would show it at all: strong enough, understood. */
static int
check_usable(const struct tls_cert *c, char *err_r, size_t err_size)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	int ok = 0;
	if (ctx) {
		SSL_CTX_set_security_level(ctx, 2);
		ok = pem_use(ctx, c->chain) == 0;
	}
	if (!ok) {
		const char *why = ERR_reason_error_string(ERR_peek_error());
		snprintf(err_r, err_size, "%s: OpenSSL does not accept it: %s", c->piece->name,
		    why ? why : "no memory");
	}
	ERR_clear_error();
	SSL_CTX_free(ctx);
	return ok ? 0 : -1;
}

int
tls_certs_add(struct tls_certs *c, const struct piece *p, char *err_r, size_t err_size)
{
	struct tls_cert *cert = calloc(1, sizeof(*cert));
	struct tls_cert **items = reallocarray(c->items, c->count + 1, sizeof(void *));
	if (items)
		c->items = items;
	snprintf(err_r, err_size, "%s: out of memory", p->name);
	if (!cert || !items)
		goto fail;
	cert->piece = p;
	cert->chain = pem_chain(p, err_r, err_size);
	if (!cert->chain)
		goto fail;
	X509 *x = sk_X509_value(cert->chain, 0);
	cert->type = key_type(X509_get0_pubkey(x));
	if (pem_check_key(p, cert->chain, err_r, err_size) == -1)
		goto fail;
	if (cert->type == -1) {
		snprintf(err_r, err_size, "%s: this type of key cannot be used", p->name);
		goto fail;
	}
	if (check_usable(cert, err_r, err_size) == -1)
		goto fail;
	read_names(cert);
	read_algorithms(cert);
	read_times(cert);
	if (slot == -1)
		slot = X509_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	if (!cert->first || X509_set_ex_data(x, slot, cert) != 1) {
		snprintf(err_r, err_size, "%s: out of memory", p->name);
		goto fail;
	}
	c->items[c->count++] = cert;
	return 0;
fail:
	ERR_clear_error();
	cert_free(cert);
	return -1;
}

const struct tls_cert *
tls_certs_of(X509 *x)
{
	return x && slot != -1 ? X509_get_ex_data(x, slot) : NULL;
}

void
tls_certs_free(struct tls_certs *c)
{
	for (size_t i = 0; i < c->site_count; i++) {
		SSL_CTX_free(c->sites[i]->ctx);
		free(c->sites[i]);
	}
	for (size_t i = 0; i < c->count; i++)
		cert_free(c->items[i]);
	free(c->sites);
	free(c->items);
	free(c->names);
	*c = (struct tls_certs){ 0 };
}
