/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * HKDF-Expand-Label (RFC 8446 section 7.1, RFC 5869 section 2.3), as an OpenSSL provider: libssl
 * makes every secret of TLS 1.3 by it, so the traffic secrets that a take-over needs are seen
 * here as they are made.  OpenSSL's other way to them, a keylog line of hexadecimal digits, takes
 * 46,000 instructions for each; and its own expansion finds the hash by name each time.  See
 * provider-kdf(7).
 *
 * Worker only, one thread.  The HMACs are libcrypto's, and whatever is not this one step goes to
 * its default provider.  Keeps no secret between two calls.
 */
#include "record_kdf.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <string.h>

/* An algorithm is taken from where most of these words are true: from us, else from the default. */
#define OURS     "provider=records,records.expand=yes,records.watch=yes"
#define ASK_OURS "?records.expand=yes,?records.watch=yes,?provider=default"
#define ASK      "?provider=default"

/* The hashes of TLS 1.3's suites, by any of their names; the HMAC's context has a key of zeros. */
static struct hash {
	const char *name, *other;
	size_t size;
	EVP_MAC_CTX *hmac;
} hashes[] = { { "SHA256", "SHA2-256", 32, NULL }, { "SHA384", "SHA2-384", 48, NULL } };
#define HASHES (sizeof(hashes) / sizeof(hashes[0]))

static const uint8_t zero[48];

static EVP_KDF_CTX *plain; /* the default provider's */

struct bytes {
	const uint8_t *p;
	size_t n;
};

static int
prepare(EVP_MAC *mac, struct hash *h)
{
	char name[8];
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
		OSSL_PARAM_construct_end(),
	};

	memcpy(name, h->name, strlen(h->name) + 1);
	h->hmac = EVP_MAC_CTX_new(mac);
	return h->hmac && EVP_MAC_init(h->hmac, zero, h->size, params) == 1 ? 0 : -1;
}

/* T(1) of RFC 5869, which is all that is needed where a hash is long enough. */
static int
first_block(
    const struct hash *h, struct bytes secret, const uint8_t *info, size_t size, uint8_t *out)
{
	size_t n;
	int ok = EVP_MAC_init(h->hmac, secret.p, secret.n, NULL) == 1 &&
	    EVP_MAC_update(h->hmac, info, size) == 1 &&
	    EVP_MAC_final(h->hmac, out, &n, h->size) == 1;

	/* nothing of the secret stays: with another key all of the context is another's */
	return EVP_MAC_init(h->hmac, zero, h->size, NULL) == 1 && ok ? 0 : -1;
}

static size_t
put(uint8_t *out, struct bytes b)
{
	if (b.n)
		memcpy(out, b.p, b.n);
	return b.n;
}

/* HKDF-Expand-Label; the label may not be longer than 255 bytes, nor the context. */
static int
expand(const struct hash *h, struct bytes secret, struct bytes prefix, struct bytes label,
    struct bytes context, uint8_t *out, size_t n)
{
	uint8_t info[2 + 1 + 255 + 1 + 255 + 1], block[48];
	size_t at = 0;
	int rc;

	info[at++] = (uint8_t)(n >> 8);
	info[at++] = (uint8_t)n;
	info[at++] = (uint8_t)(prefix.n + label.n);
	at += put(info + at, prefix);
	at += put(info + at, label);
	info[at++] = (uint8_t)context.n;
	at += put(info + at, context);
	info[at++] = 1; /* the number of the block */
	rc = first_block(h, secret, info, at, block);
	if (rc == 0)
		memcpy(out, block, n);
	OPENSSL_cleanse(block, sizeof(block));
	return rc;
}

static struct bytes
of_text(const char *s)
{
	return (struct bytes){ (const uint8_t *)s, strlen(s) };
}

int
record_kdf_expand(const uint8_t *secret, size_t size, const char *label, uint8_t *out_r, size_t n)
{
	const struct bytes none = { NULL, 0 };

	for (size_t i = 0; i < HASHES; i++)
		if (hashes[i].size == size && n <= size)
			return expand(&hashes[i], (struct bytes){ secret, size }, of_text("tls13 "),
			    of_text(label), none, out_r, n);
	return -1;
}

/* ---- the provider ---- */

static struct bytes
find(const OSSL_PARAM params[], const char *key)
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, key);

	return p ? (struct bytes){ p->data, p->data_size } : (struct bytes){ NULL, 0 };
}

static const struct hash *
find_hash(const OSSL_PARAM params[])
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_KDF_PARAM_DIGEST);
	const char *name = NULL;

	if (p && OSSL_PARAM_get_utf8_string_ptr(p, &name) == 1)
		for (size_t i = 0; i < HASHES; i++)
			if (strcmp(name, hashes[i].name) == 0 || strcmp(name, hashes[i].other) == 0)
				return &hashes[i];
	return NULL;
}

static int
is(struct bytes b, const char *s)
{
	return b.n == strlen(s) && memcmp(b.p, s, b.n) == 0;
}

/* EVP_KDF_derive of a TLS13-KDF, whose parameters all come with the call. */
static int
derive(void *ctx, unsigned char *out, size_t n, const OSSL_PARAM params[])
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_KDF_PARAM_MODE);
	const struct hash *h = find_hash(params);
	struct bytes secret = find(params, OSSL_KDF_PARAM_KEY);
	struct bytes prefix = find(params, OSSL_KDF_PARAM_PREFIX);
	struct bytes label = find(params, OSSL_KDF_PARAM_LABEL);
	struct bytes context = find(params, OSSL_KDF_PARAM_DATA);
	int mode = 0, ok;

	(void)ctx;
	if (p && OSSL_PARAM_get_int(p, &mode) != 1)
		mode = 0;
	if (mode != EVP_KDF_HKDF_MODE_EXPAND_ONLY || !h || secret.n != h->size || n > h->size ||
	    prefix.n + label.n > 255 || context.n > 255) {
		ok = EVP_KDF_derive(plain, out, n, params);
		EVP_KDF_CTX_reset(plain); /* wipes its copies */
		return ok;
	}
	if (expand(h, secret, prefix, label, context, out, n) == -1)
		return 0;
	if (is(label, "s ap traffic") || is(label, "c ap traffic"))
		record_kdf_made(label.p[0] == 's', out, n);
	return 1;
}

/* Nothing is kept between two derivations; NULL would be an error. */
static int nothing;

static void *
ctx_new(void *provider)
{
	(void)provider;
	return &nothing;
}

static void
ctx_free(void *ctx)
{
	(void)ctx;
}

/* clang-format off */
#define FN(id, fn) { id, (void (*)(void))(fn) }
/* clang-format on */

static const OSSL_ALGORITHM *
query(void *provider, int operation, int *no_store)
{
	static const OSSL_DISPATCH functions[] = {
		FN(OSSL_FUNC_KDF_NEWCTX, ctx_new),
		FN(OSSL_FUNC_KDF_FREECTX, ctx_free),
		FN(OSSL_FUNC_KDF_DERIVE, derive),
		{ 0, NULL },
	};
	static const OSSL_ALGORITHM kdfs[] = {
		{ OSSL_KDF_NAME_TLS1_3_KDF, OURS, functions, NULL },
		{ NULL, NULL, NULL, NULL },
	};

	(void)provider;
	*no_store = 0;
	return operation == OSSL_OP_KDF ? kdfs : NULL;
}

static int
init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
    void **provider)
{
	static const OSSL_DISPATCH functions[] = {
		FN(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query),
		{ 0, NULL },
	};

	(void)handle, (void)in;
	*out = functions;
	*provider = &nothing;
	return 1;
}

int
record_kdf_start(void)
{
	EVP_MAC *mac;
	EVP_KDF *kdf;
	int ok;

	if (plain)
		return EVP_set_default_properties(NULL, ASK_OURS) == 1 ? 0 : -1;
	mac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
	kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_TLS1_3_KDF, "provider=default");
	ok = mac && kdf && (plain = EVP_KDF_CTX_new(kdf)) != NULL;
	for (size_t i = 0; ok && i < HASHES; i++)
		ok = prepare(mac, &hashes[i]) == 0;
	EVP_MAC_free(mac);
	EVP_KDF_free(kdf);
	/* with another provider the default one is no longer there of itself */
	return ok && OSSL_PROVIDER_load(NULL, "default") &&
		OSSL_PROVIDER_add_builtin(NULL, "records", init) == 1 &&
		OSSL_PROVIDER_load(NULL, "records") &&
		EVP_set_default_properties(NULL, ASK_OURS) == 1 ?
	    0 :
	    -1;
}

void
record_kdf_stop(void)
{
	(void)EVP_set_default_properties(NULL, ASK);
}
