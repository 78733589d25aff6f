/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Reads certificates and CRLs that the master took from files the administrator named.  Worker
 * and checker.  Sees no private key: the master has left them out.
 */
#include "common/tls/pem.h"

#include "common/tls/key.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* Whether reading ended because the text did, and not at something that is broken. */
static int
at_end(void)
{
	unsigned long e = ERR_peek_last_error();
	int ok = ERR_GET_LIB(e) == ERR_LIB_PEM && ERR_GET_REASON(e) == PEM_R_NO_START_LINE;
	ERR_clear_error();
	return ok;
}

static BIO *
open_piece(const struct piece *p)
{
	return p->size <= INT_MAX ? BIO_new_mem_buf(p->data, (int)p->size) : NULL;
}

STACK_OF(X509) * pem_chain(const struct piece *p, char *err_r, size_t err_size)
{
	STACK_OF(X509) *chain = sk_X509_new_null();
	BIO *bio = open_piece(p);
	X509 *x = NULL;
	ERR_clear_error();
	while (bio && chain && (x = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL)) != NULL)
		if (sk_X509_push(chain, x) == 0)
			X509_free(x);
	int good = at_end();
	BIO_free(bio);
	if (good && sk_X509_num(chain) > 0)
		return chain;
	if (good)
		snprintf(err_r, err_size, "%s: no certificate in it", p->name);
	else
		snprintf(err_r, err_size,
		    "%s: certificate %d in it cannot be read; write the file again", p->name,
		    sk_X509_num(chain) + 1);
	sk_X509_pop_free(chain, X509_free);
	return NULL;
}

static int
add_crls(X509_STORE *store, const struct piece *p, char *err_r, size_t err_size)
{
	BIO *bio = open_piece(p);
	X509_CRL *crl = NULL;
	int n = 0, added = 1;
	ERR_clear_error();
	while (bio && added && (crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL)) != NULL) {
		added = X509_STORE_add_crl(store, crl) == 1;
		X509_CRL_free(crl);
		n++;
	}
	int good = at_end();
	BIO_free(bio);
	if (good && n > 0) {
		X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
		return 0;
	}
	snprintf(err_r, err_size,
	    good ? "%s: no CRL in it (PEM is needed)" : "%s: a CRL in it cannot be read", p->name);
	return -1;
}

X509_STORE *
pem_store(const struct piece *ca, const struct piece *crl, char *err_r, size_t err_size)
{
	STACK_OF(X509) *certs = pem_chain(ca, err_r, err_size);
	X509_STORE *store = certs ? X509_STORE_new() : NULL;
	int ok = store != NULL;
	for (int i = 0; ok && i < sk_X509_num(certs); i++)
		ok = X509_STORE_add_cert(store, sk_X509_value(certs, i)) == 1;
	if (certs && !ok)
		snprintf(err_r, err_size, "%s: out of memory", ca->name);
	if (ok && crl)
		ok = add_crls(store, crl, err_r, err_size) == 0;
	sk_X509_pop_free(certs, X509_free);
	ERR_clear_error();
	if (ok)
		return store;
	X509_STORE_free(store);
	return NULL;
}

/* Whether the keeper could do something with the key of this certificate. */
static int
is_good(const struct piece *p, const struct msg_key *key, char *err_r, size_t err_size)
{
	switch (key->known) {
	case KEY_GOOD:
		return 1;
	case KEY_ENCRYPTED:
		snprintf(err_r, err_size,
		    "%s: the private key is encrypted; write it without a password "
		    "(openssl pkey -in OLD -out NEW) and let only root read it",
		    p->key_name);
		break;
	case KEY_UNUSABLE:
		snprintf(err_r, err_size,
		    "%s: a key of the kind %s is not usable; use EC P-256, or RSA with 2048 bits",
		    p->key_name, key->kind);
		break;
	default:
		snprintf(err_r, err_size,
		    "%s: no private key in it can be read; write the file again", p->key_name);
	}
	return 0;
}

/* The place in the chain of the certificate with this key, or -1. */
static int
find_owner(const STACK_OF(X509) * chain, const uint8_t id[MSG_KEY_ID])
{
	uint8_t own[MSG_KEY_ID];
	for (int i = 0; i < sk_X509_num(chain); i++)
		if (tls_key_id(sk_X509_value(chain, i), own) == 0 &&
		    memcmp(own, id, sizeof(own)) == 0)
			return i;
	ERR_clear_error();
	return -1;
}

int
pem_check_key(const struct piece *p, const STACK_OF(X509) * chain, char *err_r, size_t err_size)
{
	X509 *cert = sk_X509_value(chain, 0);
	int fits;
	struct msg_key key;
	uint8_t id[MSG_KEY_ID];
	char kind[64];
	if (!X509_get0_pubkey(cert) || tls_key_id(cert, id) == -1) {
		ERR_clear_error();
		snprintf(err_r, err_size, "%s: the public key in it is not one we know", p->name);
		return -1;
	}
	if (tls_key_ask(p->key, &key) == -1) {
		snprintf(err_r, err_size, "%s: the keeper does not answer for its key: %s", p->name,
		    strerror(errno));
		return -1;
	}
	if (!is_good(p, &key, err_r, err_size))
		return -1;
	if (memcmp(key.id, id, sizeof(id)) == 0)
		return 0;
	fits = find_owner(chain, key.id);
	tls_key_kind(X509_get0_pubkey(cert), kind, sizeof(kind));
	if (fits > 0)
		snprintf(err_r, err_size,
		    "%s: the key in %s belongs to certificate %d in it, not to the first; write "
		    "each certificate before that of its issuer",
		    p->name, p->key_name, fits + 1);
	else if (strcmp(p->key_name, p->name) == 0)
		snprintf(err_r, err_size,
		    "%s: its private key (%s) does not belong to its first certificate (%s)",
		    p->name, key.kind, kind);
	else
		snprintf(err_r, err_size, "%s (%s) does not belong to %s (%s)", p->key_name,
		    key.kind, p->name, kind);
	return -1;
}

int
pem_use(SSL_CTX *ctx, STACK_OF(X509) * chain)
{
	X509 *leaf = sk_X509_value(chain, 0);
	EVP_PKEY *key = tls_key_for(leaf);
	int ok =
	    key && SSL_CTX_use_certificate(ctx, leaf) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1;
	for (int i = 1; ok && i < sk_X509_num(chain); i++)
		ok = SSL_CTX_add1_chain_cert(ctx, sk_X509_value(chain, i)) == 1;
	EVP_PKEY_free(key);
	return ok ? 0 : -1;
}
