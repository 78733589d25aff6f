/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Signs for the keeper.  The question comes from a process that may be in an attacker's hands:
 * every size and choice here is made from our own keys and table, never taken from it.
 * Knows no network and no file.
 */
#include "sign.h"

#include "policy.h"

#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/rsa.h>

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
	for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
		if (schemes[i].code == code)
			return &schemes[i];
	return NULL;
}

/* Whether this key can be used so, in the version of TLS that the purpose belongs to. */
static int
scheme_fits(const struct scheme *s, const struct key *key, uint32_t purpose)
{
	if (!EVP_PKEY_is_a(key->pkey, s->key))
		return 0;
	if (purpose != SIGN_TLS13_SERVER && purpose != SIGN_TLS13_CLIENT)
		return 1;
	return s->tls13 && (s->group == NULL || strcmp(key->kind, s->group) == 0);
}

static int
make(const struct scheme *s, EVP_PKEY *pkey, const uint8_t *tbs, size_t size,
    uint8_t sig_r[SIG_MAX], size_t *len_r)
{
	EVP_PKEY_CTX *how; /* belongs to ctx */
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = SIG_MAX;
	int ok =
	    ctx != NULL && EVP_DigestSignInit_ex(ctx, &how, s->digest, NULL, NULL, pkey, NULL) == 1;
	if (ok && s->padding != 0)
		ok = EVP_PKEY_CTX_set_rsa_padding(how, s->padding) == 1;
	/* RFC 8446 section 4.2.3: the salt is as long as the digest. */
	if (ok && s->padding == RSA_PKCS1_PSS_PADDING)
		ok = EVP_PKEY_CTX_set_rsa_pss_saltlen(how, RSA_PSS_SALTLEN_DIGEST) == 1;
	ok = ok && EVP_PKEY_get_size(pkey) <= SIG_MAX &&
	    EVP_DigestSign(ctx, sig_r, &len, tbs, size) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	if (!ok)
		return -1;
	*len_r = len;
	return 0;
}

uint32_t
sign(const struct keys *k, uint32_t uses, const struct msg_sign *q, const uint8_t *tbs, size_t size,
    uint8_t sig_r[SIG_MAX], size_t *len_r)
{
	const struct key *key = keys_find(k, q->id);
	if (key == NULL)
		return REFUSED_KEY;
	uint32_t use = policy_use(q->purpose);
	if (use == 0 || (use & uses & key->use) == 0)
		return REFUSED_PURPOSE;
	const struct scheme *s = find_scheme(q->scheme);
	if (s == NULL || !scheme_fits(s, key, q->purpose))
		return REFUSED_SCHEME;
	if (!policy_shape(q->purpose, tbs, size))
		return REFUSED_SHAPE;
	if (make(s, key->pkey, tbs, size, sig_r, len_r) == -1)
		return REFUSED_FAILED;
	return 0;
}
