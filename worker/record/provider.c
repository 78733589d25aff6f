/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The key derivations of TLS as an OpenSSL provider: libssl makes every secret by them, so the
 * traffic secrets that a take-over needs are seen here as they are made.  OpenSSL's other way to
 * them, a keylog line of hexadecimal digits, takes 46,000 instructions for each; and its own
 * derivations look the hash up by its name each time.  See provider-kdf(7).
 *
 * Worker only, one thread.  What derive.c does not do goes to the default provider.  Keeps
 * no secret between two calls.
 */
#include "worker/record/provider.h"

#include "worker/record/derive.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <string.h>

/* An algorithm is taken from where most of these words are true: from us, else from the default. */
#define OURS     "provider=records,records.derive=yes,records.watch=yes"
#define ASK_OURS "?records.derive=yes,?records.watch=yes,?provider=default"
#define ASK      "?provider=default"

static EVP_KDF_CTX *default13, *default12; /* the default provider's */
static OSSL_PROVIDER *standard, *ours;     /* loaded for good */
static int started;
static void (*on_secret)(int servers, const uint8_t *bytes, size_t size);

#define SEED_MOST 1024 /* the default provider takes no more */

static struct span
find(const OSSL_PARAM params[], const char *key)
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, key);

	return p && p->data ? (struct span){ p->data, p->data_size } : (struct span){ NULL, 0 };
}

static enum record_hash
find_hash(const OSSL_PARAM params[])
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_KDF_PARAM_DIGEST);
	const char *name = NULL;

	return p && OSSL_PARAM_get_utf8_string_ptr(p, &name) == 1 ? record_hash_named(name) :
								    HASH_COUNT;
}

static int
find_mode(const OSSL_PARAM params[])
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_KDF_PARAM_MODE);
	int mode;

	return p && OSSL_PARAM_get_int(p, &mode) == 1 ? mode : -1;
}

static int
is(struct span b, const char *s)
{
	return b.n == strlen(s) && memcmp(b.p, s, b.n) == 0;
}

static int
derive_by(EVP_KDF_CTX *other, unsigned char *out, size_t n, const OSSL_PARAM params[])
{
	int ok = EVP_KDF_derive(other, out, n, params);

	EVP_KDF_CTX_reset(other); /* wipes its copies */
	return ok;
}

/* EVP_KDF_derive of a TLS13-KDF, whose parameters all come with the call. */
static int
derive13(void *ctx, unsigned char *out, size_t n, const OSSL_PARAM params[])
{
	const enum record_hash hash = find_hash(params);
	const struct span secret = find(params, OSSL_KDF_PARAM_KEY);
	const struct span salt = find(params, OSSL_KDF_PARAM_SALT);
	const struct span prefix = find(params, OSSL_KDF_PARAM_PREFIX);
	const struct span label = find(params, OSSL_KDF_PARAM_LABEL);
	const struct span context = find(params, OSSL_KDF_PARAM_DATA);
	const int mode = find_mode(params);
	int rc = -1;

	(void)ctx;
	/* there and empty is not the same as missing; libssl has neither */
	if (hash == HASH_COUNT || (secret.p && !secret.n) || (salt.p && !salt.n))
		return derive_by(default13, out, n, params);
	if (mode == EVP_KDF_HKDF_MODE_EXPAND_ONLY)
		rc = record_expand(hash, secret, prefix, label, context, out, n);
	else if (mode == EVP_KDF_HKDF_MODE_EXTRACT_ONLY && n == record_hash_size(hash))
		rc = record_extract(hash, salt, prefix, label, secret, out);
	if (rc == -1)
		return derive_by(default13, out, n, params);
	if (mode == EVP_KDF_HKDF_MODE_EXPAND_ONLY &&
	    (is(label, "s ap traffic") || is(label, "c ap traffic")))
		on_secret(label.p[0] == 's', out, n);
	return 1;
}

/* EVP_KDF_derive of a TLS1-PRF, likewise. */
static int
derive12(void *ctx, unsigned char *out, size_t n, const OSSL_PARAM params[])
{
	const enum record_hash hash = find_hash(params);
	const struct span secret = find(params, OSSL_KDF_PARAM_SECRET);
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_KDF_PARAM_SEED);
	struct span seed[PRF_PARTS];
	size_t parts = 0, size = 0;

	(void)ctx;
	for (; p && parts < PRF_PARTS; p = OSSL_PARAM_locate_const(p + 1, OSSL_KDF_PARAM_SEED)) {
		seed[parts++] = (struct span){ p->data, p->data ? p->data_size : 0 };
		size += p->data ? p->data_size : 0;
	}
	/* p: there are more parts than libssl ever makes */
	if (hash == HASH_COUNT || p || size == 0 || size > SEED_MOST || n == 0 ||
	    record_prf(hash, secret, seed, parts, out, n) == -1)
		return derive_by(default12, out, n, params);
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

#define KDF(derive) \
	{ \
		FN(OSSL_FUNC_KDF_NEWCTX, ctx_new), FN(OSSL_FUNC_KDF_FREECTX, ctx_free), \
		    FN(OSSL_FUNC_KDF_DERIVE, derive), { 0, NULL }, \
	}

static const OSSL_ALGORITHM *
query(void *provider, int operation, int *no_store)
{
	static const OSSL_DISPATCH tls13[] = KDF(derive13), tls12[] = KDF(derive12);
	static const OSSL_ALGORITHM kdfs[] = {
		{ OSSL_KDF_NAME_TLS1_3_KDF, OURS, tls13, NULL },
		{ OSSL_KDF_NAME_TLS1_PRF, OURS, tls12, NULL },
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

/* The default provider's own, whatever is asked for otherwise; NULL without it, or memory. */
static EVP_KDF_CTX *
default_kdf(const char *name)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, name, "provider=default");
	EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;

	EVP_KDF_free(kdf);
	return ctx;
}

/* Once: with another provider the default one is no longer there of itself. */
static int
start(void)
{
	default13 = default_kdf(OSSL_KDF_NAME_TLS1_3_KDF);
	default12 = default_kdf(OSSL_KDF_NAME_TLS1_PRF);
	return default13 && default12 && record_derive_start() == 0 &&
	    (standard = OSSL_PROVIDER_load(NULL, "default")) != NULL &&
	    OSSL_PROVIDER_add_builtin(NULL, "records", init) == 1 &&
	    (ours = OSSL_PROVIDER_load(NULL, "records")) != NULL;
}

int
record_provider_start(void (*secret)(int servers, const uint8_t *bytes, size_t size))
{
	on_secret = secret;
	started = started || start();
	return started && EVP_set_default_properties(NULL, ASK_OURS) == 1 ? 0 : -1;
}

void
record_provider_stop(void)
{
	(void)EVP_set_default_properties(NULL, ASK);
}
