/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Secrets and keys from secrets: HKDF as TLS 1.3 uses it (RFC 8446 section 7.1, RFC 5869), and the
 * PRF of TLS 1.2 (RFC 5246 section 5).  Worker only, one thread.
 *
 * The hashes are libcrypto's.  HMAC over them (RFC 2104) is written out here, because a handshake
 * needs some thirty, and for each of them libcrypto's own finds the hash by its name, and copies
 * contexts: four times the work of the hashing.
 */
#include "record_derive.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#define BLOCK_MOST 128 /* bytes that the longest of the hashes takes at a time */
#define PARTS_MOST 6   /* of one message */

static struct hash {
	const char *name, *other;
	size_t size, block;
	EVP_MD *md;
	EVP_MD_CTX *ctx;
	uint8_t of_nothing[HASH_MOST];
} hashes[HASH_COUNT] = {
	[HASH_SHA256] = { "SHA256", "SHA2-256", 32, 64, NULL, NULL, { 0 } },
	[HASH_SHA384] = { "SHA384", "SHA2-384", 48, 128, NULL, NULL, { 0 } },
};

static int
digest(const struct hash *h, const struct span *parts, size_t count, uint8_t *out)
{
	int ok = EVP_DigestInit_ex2(h->ctx, h->md, NULL);

	for (size_t i = 0; ok && i < count; i++)
		ok = EVP_DigestUpdate(h->ctx, parts[i].p, parts[i].n);
	ok = ok && EVP_DigestFinal_ex(h->ctx, out, NULL);
	(void)EVP_MD_CTX_reset(h->ctx); /* its state is the secret that was just made */
	return ok ? 0 : -1;
}

int
record_derive_start(void)
{
	for (int i = 0; i < HASH_COUNT; i++) {
		struct hash *h = &hashes[i];

		if (!h->md)
			h->md = EVP_MD_fetch(NULL, h->name, "provider=default");
		if (!h->ctx)
			h->ctx = EVP_MD_CTX_new();
		if (!h->md || !h->ctx || digest(h, NULL, 0, h->of_nothing) == -1)
			return -1;
	}
	return 0;
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

/* RFC 2104 section 2: H(K xor opad, H(K xor ipad, text)). */
static int
hmac(
    const struct hash *h, struct span key, const struct span *message, size_t count, uint8_t *out_r)
{
	uint8_t pad[BLOCK_MOST] = { 0 }, inner[HASH_MOST];
	struct span parts[1 + PARTS_MOST] = { { pad, h->block } };
	int rc = 0;

	if (count > PARTS_MOST)
		return -1;
	for (size_t i = 0; i < count; i++)
		parts[1 + i] = message[i];
	if (key.n > h->block)
		rc = digest(h, &key, 1, pad);
	else if (key.n)
		memcpy(pad, key.p, key.n);
	for (size_t i = 0; i < h->block; i++)
		pad[i] ^= 0x36;
	rc = rc ? rc : digest(h, parts, 1 + count, inner);
	for (size_t i = 0; i < h->block; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	parts[1] = (struct span){ inner, h->size };
	rc = rc ? rc : digest(h, parts, 2, out_r);
	OPENSSL_cleanse(pad, sizeof(pad));
	OPENSSL_cleanse(inner, sizeof(inner));
	return rc;
}

int
record_expand(enum record_hash hash, struct span secret, struct span prefix, struct span label,
    struct span context, uint8_t *out_r, size_t n)
{
	const struct hash *h = &hashes[hash];
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
	return rc;
}

int
record_extract(enum record_hash hash, struct span before, struct span prefix, struct span label,
    struct span input, uint8_t *out_r)
{
	static const uint8_t zeros[HASH_MOST];
	const struct hash *h = &hashes[hash];
	const struct span nothing = { h->of_nothing, h->size };
	uint8_t salt[HASH_MOST] = { 0 };
	int rc = 0;

	if (input.n == 0)
		input = (struct span){ zeros, h->size };
	if (before.n)
		rc = record_expand(hash, before, prefix, label, nothing, salt, h->size);
	rc = rc ? rc : hmac(h, (struct span){ salt, h->size }, &input, 1, out_r);
	OPENSSL_cleanse(salt, sizeof(salt));
	return rc;
}

int
record_prf(enum record_hash hash, struct span secret, const struct span *seed, size_t parts,
    uint8_t *out_r, size_t n)
{
	const struct hash *h = &hashes[hash];
	uint8_t a[HASH_MOST], block[HASH_MOST];
	struct span message[PARTS_MOST] = { { a, h->size } };
	size_t take;
	int rc;

	if (parts > PARTS_MOST - 1)
		return -1;
	for (size_t i = 0; i < parts; i++)
		message[1 + i] = seed[i];
	rc = hmac(h, secret, seed, parts, a); /* A(1) */
	for (; rc == 0 && n; out_r += take, n -= take) {
		take = n < h->size ? n : h->size;
		rc = hmac(h, secret, message, 1 + parts, block);
		if (rc == 0)
			memcpy(out_r, block, take);
		if (rc == 0 && n > take)
			rc = hmac(h, secret, message, 1, a); /* A(i + 1), in place of A(i) */
	}
	OPENSSL_cleanse(a, sizeof(a));
	OPENSSL_cleanse(block, sizeof(block));
	return rc;
}
