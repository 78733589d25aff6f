/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Makes keys and certificates for unit tests with libcrypto.  Part of no program.
 */
#include "tests/lib/certs.h"

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define DAY 86400L

EVP_PKEY *
certs_key(const char *kind)
{
	EVP_PKEY *key = NULL;
	if (strncmp(kind, "RSA ", 4) == 0)
		key = EVP_RSA_gen((unsigned)strtoul(kind + 4, NULL, 10));
	else if (strncmp(kind, "EC ", 3) == 0)
		key = EVP_EC_gen(kind + 3);
	else
		key = EVP_PKEY_Q_keygen(NULL, NULL, kind);
	assert(key);
	return key;
}

static void
add_cn(X509_NAME *name, const char *cn, int size, int type)
{
	int ok =
	    X509_NAME_add_entry_by_NID(name, NID_commonName, type != 0 ? type : V_ASN1_UTF8STRING,
		(const unsigned char *)cn, size != 0 ? size : (int)strlen(cn), -1, 0);
	assert(ok == 1);
}

static void
add_ext(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert(ext);
	int ok = X509_add_ext(x, ext, -1);
	assert(ok == 1);
	X509_EXTENSION_free(ext);
}

static void
add_raw_name(X509 *x, const char *bytes, int size)
{
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_IA5STRING *text = ASN1_IA5STRING_new();
	assert(names && name && text);
	int ok = ASN1_STRING_set(text, bytes, size);
	assert(ok == 1);
	GENERAL_NAME_set0_value(name, GEN_DNS, text);
	sk_GENERAL_NAME_push(names, name);
	ok = X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT);
	assert(ok == 1);
	GENERAL_NAMES_free(names);
}

static const EVP_MD *
digest_for(const EVP_PKEY *key)
{
	return EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256();
}

X509 *
certs_make(const struct cert_spec *spec, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
	X509 *x = X509_new();
	assert(x);
	int days = spec->from_day != 0 || spec->to_day != 0;
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), spec->serial != 0 ? spec->serial : 1);
	X509_gmtime_adj(X509_getm_notBefore(x), (days ? spec->from_day : -1) * DAY);
	X509_gmtime_adj(X509_getm_notAfter(x), (days ? spec->to_day : 90) * DAY);
	X509_NAME *name = X509_get_subject_name(x);
	if (spec->cn)
		add_cn(name, spec->cn, spec->cn_size, spec->cn_type);
	if (spec->cn2)
		add_cn(name, spec->cn2, 0, 0);
	X509_set_issuer_name(x, issuer ? X509_get_subject_name(issuer) : name);
	X509_set_pubkey(x, key);
	X509 *signer = issuer ? issuer : x;
	add_ext(x, signer, NID_subject_key_identifier, "hash");
	if (issuer)
		add_ext(x, signer, NID_authority_key_identifier, "keyid:always");
	if (spec->ca)
		add_ext(x, signer, NID_basic_constraints, "critical,CA:TRUE");
	if (spec->must_staple)
		add_ext(x, signer, NID_tlsfeature, "status_request");
	if (spec->san)
		add_ext(x, signer, NID_subject_alt_name, spec->san);
	if (spec->san_raw)
		add_raw_name(x, spec->san_raw, spec->san_raw_size);
	EVP_PKEY *by = issuer ? issuer_key : key;
	int ok = X509_sign(x, by, digest_for(by));
	assert(ok > 0);
	return x;
}

X509_CRL *
certs_crl(X509 *issuer, EVP_PKEY *issuer_key, long serial, int from_day)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *when = ASN1_TIME_new();
	assert(crl && when);
	X509_CRL_set_version(crl, X509_CRL_VERSION_2);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer));
	X509_gmtime_adj(when, from_day * DAY);
	X509_CRL_set1_lastUpdate(crl, when);
	X509_gmtime_adj(when, (from_day + 10) * DAY);
	X509_CRL_set1_nextUpdate(crl, when);
	if (serial != 0) {
		X509_REVOKED *r = X509_REVOKED_new();
		ASN1_INTEGER *n = ASN1_INTEGER_new();
		assert(r && n);
		ASN1_INTEGER_set(n, serial);
		X509_REVOKED_set_serialNumber(r, n);
		X509_gmtime_adj(when, from_day * DAY);
		X509_REVOKED_set_revocationDate(r, when);
		X509_CRL_add0_revoked(crl, r);
		ASN1_INTEGER_free(n);
	}
	ASN1_TIME_free(when);
	int ok = X509_CRL_sign(crl, issuer_key, digest_for(issuer_key));
	assert(ok > 0);
	return crl;
}

static char *
text_of(BIO *bio)
{
	char *data;
	long n = BIO_get_mem_data(bio, &data);
	char *text = strndup(data, (size_t)n);
	assert(text);
	BIO_free(bio);
	return text;
}

char *
certs_key_pem(EVP_PKEY *key, const char *password)
{
	BIO *bio = BIO_new(BIO_s_mem());
	const EVP_CIPHER *cipher = password ? EVP_aes_128_cbc() : NULL;
	const unsigned char *pass = (const unsigned char *)password;
	int len = password ? (int)strlen(password) : 0;
	int ok = PEM_write_bio_PrivateKey(bio, key, cipher, pass, len, NULL, NULL);
	assert(ok == 1);
	return text_of(bio);
}

char *
certs_pem(X509 *cert, ...)
{
	BIO *bio = BIO_new(BIO_s_mem());
	va_list more;
	va_start(more, cert);
	for (X509 *x = cert; x; x = va_arg(more, X509 *)) {
		int ok = PEM_write_bio_X509(bio, x);
		assert(ok == 1);
	}
	va_end(more);
	return text_of(bio);
}

char *
certs_crl_pem(X509_CRL *crl)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int ok = PEM_write_bio_X509_CRL(bio, crl);
	assert(ok == 1);
	return text_of(bio);
}
