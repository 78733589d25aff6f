/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * An OpenSSL 3 provider for worker and checker.  Its keys are public halves; a signature sends the
 * whole text to be signed to the keeper, which can so see what it signs.  Two things make libssl
 * stay with it: exporting a private key is refused (else libcrypto would move the public half to
 * the default provider and try to sign there), and a key pair can be imported without a private
 * half.  See provider-keymgmt(7) and provider-signature(7).
 */
#include "common/tls/provider.h"

#include "common/tls/ask.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <errno.h>
#include <string.h>

#define OURS "provider=keeper"

enum kind { KIND_RSA, KIND_EC, KIND_ED25519 };
static const char *const kind_names[] = { "RSA", "EC", "ED25519" };

/* The provider's side of an EVP_PKEY. */
struct keydata {
	enum kind kind;
	EVP_PKEY *pub; /* of the default provider */
	uint8_t id[MSG_KEY_ID];
};

/* One signature being made. */
struct sigctx {
	const struct keydata *key; /* held by the EVP_PKEY for as long as this lives */
	int bits;                  /* of the digest; 0: the scheme has its own */
	int pss;
};

int
provider_key_id(const EVP_PKEY *pub, uint8_t id_r[MSG_KEY_ID])
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(pub, &der);
	int ok = n > 0 && EVP_Digest(der, (size_t)n, id_r, NULL, EVP_sha256(), NULL) == 1;
	OPENSSL_free(der);
	return ok ? 0 : -1;
}

/* Keys */

static void *
keydata_new(enum kind kind)
{
	struct keydata *k = OPENSSL_zalloc(sizeof(*k));
	if (k)
		k->kind = kind;
	return k;
}

static void *
rsa_new(void *provctx)
{
	(void)provctx;
	return keydata_new(KIND_RSA);
}

static void *
ec_new(void *provctx)
{
	(void)provctx;
	return keydata_new(KIND_EC);
}

static void *
ed25519_new(void *provctx)
{
	(void)provctx;
	return keydata_new(KIND_ED25519);
}

static void
key_free(void *keydata)
{
	struct keydata *k = keydata;
	if (!k)
		return;
	EVP_PKEY_free(k->pub);
	OPENSSL_free(k);
}

static int
key_has(const void *keydata, int selection)
{
	(void)selection; /* the private half too: the keeper has it */
	return keydata != NULL;
}

static int
key_match(const void *a, const void *b, int selection)
{
	const struct keydata *x = a, *y = b;
	(void)selection;
	return x->pub && y->pub && EVP_PKEY_eq(x->pub, y->pub) == 1;
}

static int
key_import(void *keydata, int selection, const OSSL_PARAM params[])
{
	struct keydata *k = keydata;
	OSSL_PARAM *copy = OSSL_PARAM_dup(params); /* EVP_PKEY_fromdata wants it writable */
	EVP_PKEY_CTX *ctx =
	    EVP_PKEY_CTX_new_from_name(NULL, kind_names[k->kind], "provider=default");
	(void)selection;
	EVP_PKEY_free(k->pub);
	k->pub = NULL;
	int ok = copy && ctx && EVP_PKEY_fromdata_init(ctx) == 1 &&
	    EVP_PKEY_fromdata(ctx, &k->pub, EVP_PKEY_PUBLIC_KEY, copy) == 1 &&
	    provider_key_id(k->pub, k->id) == 0;
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(copy);
	return ok;
}

static int
key_export(void *keydata, int selection, OSSL_CALLBACK *cb, void *arg)
{
	const struct keydata *k = keydata;
	OSSL_PARAM *params = NULL;
	if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 || !k->pub)
		return 0;
	if (EVP_PKEY_todata(k->pub, EVP_PKEY_PUBLIC_KEY, &params) != 1)
		return 0;
	int ok = cb(params, arg);
	OSSL_PARAM_free(params);
	return ok;
}

static const OSSL_PARAM *
key_types(int selection)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
		OSSL_PARAM_END,
	};
	(void)selection;
	return types;
}

/* What libssl asks about a key; the default provider knows it of the public half. */
static const OSSL_PARAM askable[] = {
	OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
	OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
	OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
	OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
	OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, NULL, 0),
	OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
	OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, NULL, 0),
	OSSL_PARAM_END,
};

static int
key_get_params(void *keydata, OSSL_PARAM params[])
{
	const struct keydata *k = keydata;
	if (!k->pub)
		return 0;
	/* One by one: a parameter that this kind of key does not have is left alone. */
	for (const OSSL_PARAM *a = askable; a->key; a++) {
		OSSL_PARAM *p = OSSL_PARAM_locate(params, a->key);
		if (!p)
			continue;
		OSSL_PARAM one[] = { *p, OSSL_PARAM_END };
		one[0].return_size = OSSL_PARAM_UNMODIFIED;
		if (EVP_PKEY_get_params(k->pub, one) == 1)
			p->return_size = one[0].return_size;
	}
	return 1;
}

static const OSSL_PARAM *
key_gettable(void *provctx)
{
	(void)provctx;
	return askable;
}

static const char *
rsa_signs_as(int operation)
{
	(void)operation;
	return "RSA";
}

static const char *
ec_signs_as(int operation)
{
	(void)operation;
	return "ECDSA";
}

static const char *
ed25519_signs_as(int operation)
{
	(void)operation;
	return "ED25519";
}

/* Signatures */

static void *
sig_new(void *provctx, const char *propq)
{
	(void)provctx;
	(void)propq;
	return OPENSSL_zalloc(sizeof(struct sigctx));
}

static void
sig_free(void *vctx)
{
	OPENSSL_free(vctx);
}

static int
sig_set_params(void *vctx, const OSSL_PARAM params[])
{
	struct sigctx *s = vctx;
	const OSSL_PARAM *p;
	int n = 0;
	if (!params)
		return 1;
	/* Either may come as a number or as its name. */
	p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
	if (p && p->data_type == OSSL_PARAM_UTF8_STRING)
		s->pss = strcmp(p->data, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0;
	else if (p && OSSL_PARAM_get_int(p, &n) == 1)
		s->pss = n == RSA_PKCS1_PSS_PADDING;
	else if (p)
		return 0;
	/* TLS knows one length of salt, and the keeper makes only that. */
	p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN);
	if (p && p->data_type == OSSL_PARAM_UTF8_STRING)
		return strcmp(p->data, OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST) == 0;
	if (p)
		return OSSL_PARAM_get_int(p, &n) == 1 && n == RSA_PSS_SALTLEN_DIGEST;
	return 1;
}

static const OSSL_PARAM *
sig_settable(void *vctx, void *provctx)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
		OSSL_PARAM_END,
	};
	(void)vctx;
	(void)provctx;
	return types;
}

static int
sig_init(void *vctx, const char *digest, void *keydata, const OSSL_PARAM params[])
{
	static const struct {
		const char *name;
		int bits;
	} digests[] = {
		{ "SHA256", 256 },
		{ "SHA2-256", 256 },
		{ "SHA384", 384 },
		{ "SHA2-384", 384 },
		{ "SHA512", 512 },
		{ "SHA2-512", 512 },
	};
	struct sigctx *s = vctx;
	if (keydata)
		s->key = keydata;
	s->pss = 0;
	s->bits = 0;
	for (size_t i = 0; digest && i < sizeof(digests) / sizeof(digests[0]); i++)
		if (OPENSSL_strcasecmp(digest, digests[i].name) == 0)
			s->bits = digests[i].bits;
	if (!s->key || (s->bits == 0) != (s->key->kind == KIND_ED25519))
		return 0;
	return sig_set_params(vctx, params);
}

/* SignatureScheme, RFC 8446 section 4.2.3. */
static uint32_t
scheme_of(const struct sigctx *s)
{
	uint32_t step = s->bits == 512 ? 2 : s->bits == 384 ? 1 : 0;
	switch (s->key->kind) {
	case KIND_ED25519:
		return 0x0807;
	case KIND_EC:
		return 0x0403 + step * 0x0100;
	case KIND_RSA:
		return s->pss ? 0x0804 + step : 0x0401 + step * 0x0100;
	}
	return 0;
}

/*
 * What libssl is about to do with this text, seen from the text.  No TLS 1.2 client has a
 * transcript (with two certificates in it) as short as the longest ServerECDHParams.
 */
static uint32_t
purpose_of(const unsigned char *tbs, size_t size)
{
	static const char blanks[] = "                                "
				     "                                TLS 1.3, ";
	const size_t len = sizeof(blanks) - 1;
	if (size > len && memcmp(tbs, blanks, len) == 0)
		return tbs[len] == 's' ? SIGN_TLS13_SERVER : SIGN_TLS13_CLIENT;
	return size <= 64 + 4 + 133 ? SIGN_TLS12_SERVER : SIGN_TLS12_CLIENT;
}

static int
sig_sign(
    void *vctx, unsigned char *sig, size_t *len, size_t max, const unsigned char *tbs, size_t size)
{
	const struct sigctx *s = vctx;
	size_t most = (size_t)EVP_PKEY_get_size(s->key->pub);
	if (!sig) {
		*len = most;
		return 1;
	}
	if (ask_sign(s->key->id, scheme_of(s), purpose_of(tbs, size), tbs, size, sig,
		max < most ? max : most, len) == -1) {
		ERR_raise_data(ERR_LIB_USER, ERR_R_OPERATION_FAIL, "the keeper did not sign: %s",
		    errno == EACCES ? "refused" : strerror(errno));
		return 0;
	}
	return 1;
}

/* What OpenSSL is told */

/* clang-format off */
#define FN(id, fn) { id, (void (*)(void))(fn) }
#define KEYMGMT(name, new, signs_as) \
	static const OSSL_DISPATCH name[] = { \
		FN(OSSL_FUNC_KEYMGMT_NEW, new), \
		FN(OSSL_FUNC_KEYMGMT_FREE, key_free), \
		FN(OSSL_FUNC_KEYMGMT_HAS, key_has), \
		FN(OSSL_FUNC_KEYMGMT_MATCH, key_match), \
		FN(OSSL_FUNC_KEYMGMT_IMPORT, key_import), \
		FN(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, key_types), \
		FN(OSSL_FUNC_KEYMGMT_EXPORT, key_export), \
		FN(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, key_types), \
		FN(OSSL_FUNC_KEYMGMT_GET_PARAMS, key_get_params), \
		FN(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, key_gettable), \
		FN(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, signs_as), \
		{ 0, NULL }, \
	}
KEYMGMT(rsa_keymgmt, rsa_new, rsa_signs_as);
KEYMGMT(ec_keymgmt, ec_new, ec_signs_as);
KEYMGMT(ed25519_keymgmt, ed25519_new, ed25519_signs_as);

static const OSSL_DISPATCH signature[] = {
	FN(OSSL_FUNC_SIGNATURE_NEWCTX, sig_new),
	FN(OSSL_FUNC_SIGNATURE_FREECTX, sig_free),
	FN(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, sig_init),
	FN(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, sig_sign),
	FN(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, sig_set_params),
	FN(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, sig_settable),
	{ 0, NULL },
};

static const OSSL_ALGORITHM keymgmts[] = {
	{ "RSA:rsaEncryption", OURS, rsa_keymgmt, NULL },
	{ "EC:id-ecPublicKey", OURS, ec_keymgmt, NULL },
	{ "ED25519", OURS, ed25519_keymgmt, NULL },
	{ NULL, NULL, NULL, NULL },
};
static const OSSL_ALGORITHM signatures[] = {
	{ "RSA:rsaEncryption", OURS, signature, NULL },
	{ "ECDSA", OURS, signature, NULL },
	{ "ED25519", OURS, signature, NULL },
	{ NULL, NULL, NULL, NULL },
};
/* clang-format on */

static const OSSL_ALGORITHM *
provider_query(void *provctx, int operation, int *no_store)
{
	(void)provctx;
	*no_store = 0;
	if (operation == OSSL_OP_KEYMGMT)
		return keymgmts;
	if (operation == OSSL_OP_SIGNATURE)
		return signatures;
	return NULL;
}

static int
provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
    void **provctx)
{
	static const OSSL_DISPATCH functions[] = {
		FN(OSSL_FUNC_PROVIDER_QUERY_OPERATION, provider_query),
		{ 0, NULL },
	};
	static int none; /* we keep nothing per provider; NULL would be an error */
	(void)handle;
	(void)in;
	*out = functions;
	*provctx = &none;
	return 1;
}

int
provider_load(void)
{
	static OSSL_PROVIDER *standard, *ours; /* loaded for good */

	/* Ours must be asked for by name: ephemeral keys and everybody's certificates are not it. */
	standard = OSSL_PROVIDER_load(NULL, "default");
	if (!standard || OSSL_PROVIDER_add_builtin(NULL, "keeper", provider_init) != 1)
		return -1;
	ours = OSSL_PROVIDER_load(NULL, "keeper");
	if (!ours || EVP_set_default_properties(NULL, "?provider=default") != 1)
		return -1;
	return 0;
}

EVP_PKEY *
provider_key(EVP_PKEY *pub)
{
	const char *name = NULL;
	for (size_t i = 0; i < sizeof(kind_names) / sizeof(kind_names[0]); i++)
		if (EVP_PKEY_is_a(pub, kind_names[i]))
			name = kind_names[i];
	OSSL_PARAM *params = NULL;
	if (!name || EVP_PKEY_todata(pub, EVP_PKEY_PUBLIC_KEY, &params) != 1)
		return NULL;
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, name, OURS);
	if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	return key;
}
