/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Secrets and keys from secrets: HKDF as TLS 1.3 uses it (RFC 8446 section 7.1, RFC 5869), and the
 * PRF of TLS 1.2 (RFC 5246 section 5).  Worker only, one thread.
 *
 * The HMACs are libcrypto's, with contexts that are prepared once: to find an algorithm by its name
 * each time takes longer than to use it.  Between two calls their key is nothing but zeros.
 */
#include "worker/record/derive.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>

static struct hash {
	const char *name, *other;
	size_t size;
	EVP_MAC_CTX *hmac;
	uint8_t of_nothing[HASH_MOST];
} hashes[HASH_COUNT] = {
	[HASH_SHA256] = { "SHA256", "SHA2-256", 32, NULL, { 0 } },
	[HASH_SHA384] = { "SHA384", "SHA2-384", 48, NULL, { 0 } },
};

static const uint8_t zeros[HASH_MOST];

static int
prepare(EVP_MAC *mac, struct hash *h)
{
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
	char name[8];
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
		OSSL_PARAM_construct_end(),
	};

	memcpy(name, h->name, strlen(h->name) + 1);
	if (!ctx || EVP_MAC_init(ctx, zeros, h->size, params) != 1 ||
	    EVP_Q_digest(NULL, h->name, NULL, NULL, 0, h->of_nothing, NULL) != 1) {
		EVP_MAC_CTX_free(ctx);
		return -1;
	}
	h->hmac = ctx;
	return 0;
}

int
record_derive_start(void)
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
	int rc = mac ? 0 : -1;

	for (int i = 0; rc == 0 && i < HASH_COUNT; i++)
		if (!hashes[i].hmac)
			rc = prepare(mac, &hashes[i]);
	EVP_MAC_free(mac);
	return rc;
}

enum record_hash
record_hash_named(const char *name)
{
	int i = 0;

	while (i < HASH_COUNT && strcmp(name, hashes[i].name) != 0 &&
	    strcmp(name, hashes[i].other) != 0)
		i++;
	return (enum record_hash)i;
}

size_t
record_hash_size(enum record_hash hash)
{
	return hashes[hash].size;
}

struct span
record_text(const char *s)
{
	return (struct span){ (const uint8_t *)s, strlen(s) };
}

/* With this key, or the last one's if it is NULL. */
static int
hmac(
    const struct hash *h, struct span key, const struct span *message, size_t parts, uint8_t *out_r)
{
	int ok = h->hmac && EVP_MAC_init(h->hmac, key.p, key.n, NULL);

	for (size_t i = 0; ok && i < parts; i++)
		ok = EVP_MAC_update(h->hmac, message[i].p, message[i].n);
	return ok && EVP_MAC_final(h->hmac, out_r, NULL, h->size) ? 0 : -1;
}

/* With another key all of the context is another's; without one, for there is no memory, it goes. */
static int
forget_key(struct hash *h)
{
	if (h->hmac && EVP_MAC_init(h->hmac, zeros, h->size, NULL) == 1)
		return 0;
	EVP_MAC_CTX_free(h->hmac);
	h->hmac = NULL;
	return -1;
}

int
record_expand(enum record_hash hash, struct span secret, struct span prefix, struct span label,
    struct span context, uint8_t *out_r, size_t n)
{
	struct hash *h = &hashes[hash];
	const uint8_t size[3] = { (uint8_t)(n >> 8), (uint8_t)n, (uint8_t)(prefix.n + label.n) };
	const uint8_t context_size = (uint8_t)context.n, number = 1;
	const struct span info[] = { { size, sizeof(size) }, prefix, label, { &context_size, 1 },
		context, { &number, 1 } };
	uint8_t block[HASH_MOST];
	int rc;

	/* one block, RFC 5869's T(1), is all that a secret or key of TLS needs */
	if (secret.n != h->size || n > h->size || prefix.n + label.n > 255 || context.n > 255)
		return -1;
	rc = hmac(h, secret, info, sizeof(info) / sizeof(info[0]), block);
	if (rc == 0)
		memcpy(out_r, block, n);
	OPENSSL_cleanse(block, sizeof(block));
	return forget_key(h) | rc;
}

int
record_extract(enum record_hash hash, struct span before, struct span prefix, struct span label,
    struct span input, uint8_t *out_r)
{
	struct hash *h = &hashes[hash];
	const struct span nothing = { h->of_nothing, h->size };
	uint8_t salt[HASH_MOST] = { 0 };
	int rc = 0;

	if (input.n == 0)
		input = (struct span){ zeros, h->size };
	if (before.n)
		rc = record_expand(hash, before, prefix, label, nothing, salt, h->size);
	rc = rc ? rc : hmac(h, (struct span){ salt, h->size }, &input, 1, out_r);
	OPENSSL_cleanse(salt, sizeof(salt));
	return forget_key(h) | rc;
}

int
record_prf(enum record_hash hash, struct span secret, const struct span *seed, size_t parts,
    uint8_t *out_r, size_t n)
{
	struct hash *h = &hashes[hash];
	const struct span same = { NULL, 0 };
	uint8_t a[HASH_MOST], block[HASH_MOST];
	struct span message[1 + PRF_PARTS] = { { a, h->size } };
	size_t take;
	int rc;

	if (parts > PRF_PARTS || secret.n == 0)
		return -1;
	for (size_t i = 0; i < parts; i++)
		message[1 + i] = seed[i];
	rc = hmac(h, secret, seed, parts, a); /* A(1) */
	for (; rc == 0 && n; out_r += take, n -= take) {
		take = n < h->size ? n : h->size;
		rc = hmac(h, same, message, 1 + parts, block);
		if (rc == 0)
			memcpy(out_r, block, take);
		if (rc == 0 && n > take)
			rc = hmac(h, same, message, 1, a); /* A(i + 1), in place of A(i) */
	}
	OPENSSL_cleanse(a, sizeof(a));
	OPENSSL_cleanse(block, sizeof(block));
	return forget_key(h) | rc;
}
