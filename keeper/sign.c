/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Signs for the keeper.  The question comes from a process that may be compromised: every size and
 * choice here is made from our own keys and table, never taken from it.
 * Knows no network and no file.
 */
#include "keeper/sign.h"

#include "keeper/policy.h"

#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/rsa.h>

#include <assert.h>
#include <string.h>

/* TLS SignatureSchemes (RFC 8446 section 4.2.3) that we make; SHA-1 is not among them. */
/* clang-format off */
static const struct scheme {
	uint32_t code;
	const char *key;    /* EVP_PKEY_is_a */
	const char *group;  /* of an EC key: the only one in TLS 1.3, any in TLS 1.2 */
	const char *digest; /* NULL: the scheme has its own */
	int padding;
	int tls13;          /* permitted there */
} schemes[] = {
	{ 0x0403, "EC",      "EC P-256", "SHA256", 0,                     1 }, /* ecdsa_secp256r1_sha256 */
	{ 0x0503, "EC",      "EC P-384", "SHA384", 0,                     1 },
	{ 0x0603, "EC",      "EC P-521", "SHA512", 0,                     1 },
	{ 0x0807, "ED25519", NULL,       NULL,     0,                     1 },
	{ 0x0804, "RSA",     NULL,       "SHA256", RSA_PKCS1_PSS_PADDING, 1 }, /* rsa_pss_rsae_sha256 */
	{ 0x0805, "RSA",     NULL,       "SHA384", RSA_PKCS1_PSS_PADDING, 1 },
	{ 0x0806, "RSA",     NULL,       "SHA512", RSA_PKCS1_PSS_PADDING, 1 },
	{ 0x0401, "RSA",     NULL,       "SHA256", RSA_PKCS1_PADDING,     0 }, /* rsa_pkcs1_sha256 */
	{ 0x0501, "RSA",     NULL,       "SHA384", RSA_PKCS1_PADDING,     0 },
	{ 0x0601, "RSA",     NULL,       "SHA512", RSA_PKCS1_PADDING,     0 },
};
/* clang-format on */
static_assert(sizeof(schemes) / sizeof(schemes[0]) == KEY_WAYS, "a key has room for each");

uint32_t
sign_uses(enum role role)
{
	switch (role) {
	case ROLE_WORKER:
		return USE_SERVER | USE_CLIENT;
	case ROLE_CHECKER:
		return USE_CLIENT;
	case ROLE_MASTER:
	case ROLE_KEEPER:
		break;
	}
	return 0;
}

static const struct scheme *
find_scheme(uint32_t code)
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (schemes[i].code == code)
			return &schemes[i];
	return NULL;
}

/* Whether the scheme fits this key, in the version of TLS that the purpose belongs to. */
static int
scheme_fits(const struct scheme *s, const struct key *key, uint32_t purpose)
{
	if (!EVP_PKEY_is_a(key->pkey, s->key))
		return 0;
	if (purpose != SIGN_TLS13_SERVER && purpose != SIGN_TLS13_CLIENT)
		return 1;
	return s->tls13 && (!s->group || strcmp(key->kind, s->group) == 0);
}

/*
 * Key and scheme put together, once for all signatures: looking the algorithms up by name each
 * time takes longer than an ECDSA signature.
 */
static EVP_PKEY_CTX *
prepare(const struct scheme *s, const EVP_MD *md, EVP_PKEY *pkey)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	int ok = ctx && EVP_PKEY_sign_init(ctx) == 1 && EVP_PKEY_CTX_set_signature_md(ctx, md) == 1;
	if (ok && s->padding != 0)
		ok = EVP_PKEY_CTX_set_rsa_padding(ctx, s->padding) == 1;
	/* RFC 8446 section 4.2.3: the salt is as long as the digest. */
	if (ok && s->padding == RSA_PKCS1_PSS_PADDING)
		ok = EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
	if (ok)
		return ctx;
	EVP_PKEY_CTX_free(ctx);
	return NULL;
}

static int
sign_digest(const struct scheme *s, struct key *key, const uint8_t *tbs, size_t size,
    uint8_t sig_r[SIG_MAX], size_t *len_r)
{
	static EVP_MD *mds[KEY_WAYS]; /* by scheme */
	EVP_MD **md = &mds[s - schemes];
	EVP_PKEY_CTX **ctx = &key->ready[s - schemes];
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned int n;
	if (!*md)
		*md = EVP_MD_fetch(NULL, s->digest, NULL);
	if (*md && !*ctx)
		*ctx = prepare(s, *md, key->pkey);
	*len_r = SIG_MAX;
	return *md && *ctx && EVP_Digest(tbs, size, digest, &n, *md, NULL) == 1 &&
	    EVP_PKEY_sign(*ctx, sig_r, len_r, digest, n) == 1;
}

/* Ed25519 signs the text itself. */
static int
sign_text(EVP_PKEY *pkey, const uint8_t *tbs, size_t size, uint8_t sig_r[SIG_MAX], size_t *len_r)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	*len_r = SIG_MAX;
	int ok = ctx && EVP_DigestSignInit_ex(ctx, NULL, NULL, NULL, NULL, pkey, NULL) == 1 &&
	    EVP_DigestSign(ctx, sig_r, len_r, tbs, size) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

static int
make(const struct scheme *s, struct key *key, const uint8_t *tbs, size_t size,
    uint8_t sig_r[SIG_MAX], size_t *len_r)
{
	int ok = EVP_PKEY_get_size(key->pkey) <= SIG_MAX &&
	    (s->digest ? sign_digest(s, key, tbs, size, sig_r, len_r) :
			 sign_text(key->pkey, tbs, size, sig_r, len_r));
	ERR_clear_error();
	if (ok)
		return 0;
	*len_r = 0;
	return -1;
}

uint32_t
sign(const struct keys *k, uint32_t uses, const struct msg_sign *q, const uint8_t *tbs, size_t size,
    uint8_t sig_r[SIG_MAX], size_t *len_r)
{
	struct key *key = keys_find(k, q->id);
	if (!key)
		return REFUSED_KEY;
	uint32_t use = policy_use(q->purpose);
	if (use == 0 || (use & uses & key->use) == 0)
		return REFUSED_PURPOSE;
	const struct scheme *s = find_scheme(q->scheme);
	if (!s || !scheme_fits(s, key, q->purpose))
		return REFUSED_SCHEME;
	if (!policy_shape(q->purpose, tbs, size))
		return REFUSED_SHAPE;
	if (make(s, key, tbs, size, sig_r, len_r) == -1)
		return REFUSED_FAILED;
	return 0;
}
