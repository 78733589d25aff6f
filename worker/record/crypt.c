/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Keys and the protection of single records, with libcrypto's AEADs: RFC 8446 sections 5.2, 5.3, 7.2
 * and 7.3; RFC 5246 sections 6.2.3.3 and 6.3 with RFC 5288 (GCM) and RFC 7905 (ChaCha20).
 * Worker only.  One cipher context per suite and direction serves all connections.  Never uses a
 * nonce twice: the sequence number moves on before the record leaves.
 */
#include "worker/record/crypt.h"

#include "common/stack.h"
#include "worker/record/derive.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#define IV       12
#define EXPLICIT 8 /* bytes of the nonce that TLS 1.2 sends with GCM, RFC 5288 section 3 */

static const struct suite {
	const char *cipher;
	enum record_hash hash;
	size_t key;
	size_t iv12; /* bytes of the iv in TLS 1.2 */
} suites[SUITE_COUNT] = {
	[SUITE_AES128] = { "AES-128-GCM", HASH_SHA256, 16, 4 },
	[SUITE_AES256] = { "AES-256-GCM", HASH_SHA384, 32, 4 },
	[SUITE_CHACHA] = { "ChaCha20-Poly1305", HASH_SHA256, 32, 12 },
};

static_assert(
    sizeof(((struct record *)NULL)->keys) == 2 * (size_t)(IV + 32 + HASH_MOST), "room for all");

/* A context, and the key that it has been given: compared, so it can never be the wrong one. */
struct engine {
	EVP_CIPHER_CTX *ctx;
	uint8_t key[32];
	int valid; /* the context is known to hold just that key */
};

static struct engine engines[2][SUITE_COUNT];

int
record_crypt_start(void)
{
	static const uint8_t zero[32];

	for (int s = 0; s < SUITE_COUNT; s++) {
		EVP_CIPHER *c = EVP_CIPHER_fetch(NULL, suites[s].cipher, NULL);

		for (int way = 0; c && way < 2; way++) {
			struct engine *e = &engines[way][s];

			if (!e->ctx)
				e->ctx = EVP_CIPHER_CTX_new();
			if (!e->ctx ||
			    EVP_CipherInit_ex(e->ctx, c, NULL, zero, NULL, way == RECORD_WRITE) !=
				1) {
				EVP_CIPHER_free(c);
				return -1;
			}
		}
		EVP_CIPHER_free(c);
		if (!c)
			return -1;
	}
	return 0;
}

/* Bytes that protect one direction. */
static size_t
keys_size(const struct record *r)
{
	const struct suite *s = &suites[r->suite];

	return IV + s->key + (r->v12 ? 0 : record_hash_size(s->hash));
}

size_t
record_size(const struct record *r)
{
	return offsetof(struct record, keys) + 2 * keys_size(r);
}

struct record_keys
record_keys(struct record *r, enum record_way way)
{
	uint8_t *iv = r->keys + (size_t)way * keys_size(r), *key = iv + IV;

	return (struct record_keys){ iv, key, key + suites[r->suite].key, keys_size(r) };
}

size_t
record_crypt_secret(const struct record *r)
{
	return record_hash_size(suites[r->suite].hash);
}

static int
expand_label(struct record *r, enum record_way way, const char *label, uint8_t *out, size_t n)
{
	const struct span secret = { record_keys(r, way).secret, record_crypt_secret(r) };
	const struct span none = { NULL, 0 };

	return record_expand(
	    suites[r->suite].hash, secret, record_text("tls13 "), record_text(label), none, out, n);
}

int
record_crypt_keys(struct record *r, enum record_way way)
{
	struct record_keys k = record_keys(r, way);

	if (expand_label(r, way, "key", k.key, suites[r->suite].key) == -1)
		return -1;
	return expand_label(r, way, "iv", k.iv, IV);
}

int
record_crypt_update(struct record *r, enum record_way way)
{
	uint8_t next[HASH_MOST];
	size_t n = record_crypt_secret(r);
	int rc = expand_label(r, way, "traffic upd", next, n);

	if (rc == 0) {
		memcpy(record_keys(r, way).secret, next, n);
		r->seq[way] = 0;
		rc = record_crypt_keys(r, way);
	}
	OPENSSL_cleanse(next, sizeof(next));
	stack_secret(); /* the old ones */
	return rc;
}

int
record_crypt_keys12(struct record *r, const uint8_t *master, size_t size, const uint8_t seed[64])
{
	const struct suite *s = &suites[r->suite];
	struct record_keys client = record_keys(r, r->server ? RECORD_READ : RECORD_WRITE);
	struct record_keys server = record_keys(r, r->server ? RECORD_WRITE : RECORD_READ);
	/* no MAC keys: RFC 5246 section 6.2.3.3 */
	uint8_t block[2 * (32 + IV)];
	const struct span parts[] = { record_text("key expansion"), { seed, 64 } };
	int rc = record_prf(
	    s->hash, (struct span){ master, size }, parts, 2, block, 2 * (s->key + s->iv12));

	if (rc == 0) {
		memcpy(client.key, block, s->key);
		memcpy(server.key, block + s->key, s->key);
		memcpy(client.iv, block + 2 * s->key, s->iv12);
		memcpy(server.iv, block + 2 * s->key + s->iv12, s->iv12);
	}
	OPENSSL_cleanse(block, sizeof(block));
	return rc;
}

static size_t
explicit_size(const struct record *r)
{
	return r->v12 && r->suite != SUITE_CHACHA ? EXPLICIT : 0;
}

size_t
record_crypt_overhead(const struct record *r)
{
	return RECORD_HEAD + explicit_size(r) + RECORD_TAG + !r->v12;
}

static void
put_seq(uint8_t out[8], uint64_t seq)
{
	for (int i = 7; i >= 0; i--, seq >>= 8)
		out[i] = (uint8_t)seq;
}

/*
 * The per-record nonce: RFC 8446 section 5.3 and RFC 7905 section 2 (iv xor sequence number), or
 * RFC 5288 section 3 (iv, then what the record says).
 */
static void
make_nonce(struct record *r, enum record_way way, const uint8_t *record, uint8_t nonce[IV])
{
	uint8_t seq[8];

	memcpy(nonce, record_keys(r, way).iv, IV);
	if (explicit_size(r)) {
		memcpy(nonce + 4, record + RECORD_HEAD, EXPLICIT);
		return;
	}
	put_seq(seq, r->seq[way]);
	for (int i = 0; i < 8; i++)
		nonce[4 + i] ^= seq[i];
}

/*
 * A context ready for the content of this record, the additional data already in it; content is
 * the plaintext's length in TLS 1.2.  NULL when libcrypto fails.
 */
static EVP_CIPHER_CTX *
begin(struct record *r, enum record_way way, const uint8_t *record, size_t content)
{
	struct engine *e = &engines[way][r->suite];
	const uint8_t *key = record_keys(r, way).key;
	uint8_t nonce[IV], aad[13];
	int n, fresh = !e->valid || CRYPTO_memcmp(e->key, key, suites[r->suite].key) != 0;

	make_nonce(r, way, record, nonce);
	e->valid = 0;
	if (EVP_CipherInit_ex(e->ctx, NULL, NULL, fresh ? key : NULL, nonce, -1) != 1)
		return NULL;
	if (fresh)
		memcpy(e->key, key, suites[r->suite].key);
	e->valid = 1;
	if (!r->v12) /* RFC 8446 section 5.2 */
		return EVP_CipherUpdate(e->ctx, NULL, &n, record, RECORD_HEAD) == 1 ? e->ctx : NULL;
	put_seq(aad, r->seq[way]); /* RFC 5246 section 6.2.3.3 */
	memcpy(aad + 8, record, 3);
	aad[11] = (uint8_t)(content >> 8);
	aad[12] = (uint8_t)content;
	return EVP_CipherUpdate(e->ctx, NULL, &n, aad, sizeof(aad)) == 1 ? e->ctx : NULL;
}

size_t
record_crypt_seal(
    struct record *r, enum record_type type, const uint8_t *in, size_t n, uint8_t *out_r)
{
	size_t body = n + record_crypt_overhead(r) - RECORD_HEAD;
	uint8_t *p = out_r + RECORD_HEAD + explicit_size(r), inner = (uint8_t)type;
	EVP_CIPHER_CTX *c;
	int done;

	/* RFC 8446 section 5.3, RFC 5246 section 6.1: a sequence number never wraps */
	if (r->seq[RECORD_WRITE] == UINT64_MAX)
		return 0;
	out_r[0] = r->v12 ? inner : TYPE_DATA;
	out_r[1] = out_r[2] = 3;
	out_r[3] = (uint8_t)(body >> 8);
	out_r[4] = (uint8_t)body;
	if (explicit_size(r))
		put_seq(out_r + RECORD_HEAD, r->seq[RECORD_WRITE]);
	c = begin(r, RECORD_WRITE, out_r, n);
	r->seq[RECORD_WRITE]++;
	if (!c || (n && EVP_EncryptUpdate(c, p, &done, in, (int)n) != 1))
		return 0;
	p += n;
	if (!r->v12) {
		if (EVP_EncryptUpdate(c, p, &done, &inner, 1) != 1)
			return 0;
		p++;
	}
	if (EVP_EncryptFinal_ex(c, p, &done) != 1 ||
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, RECORD_TAG, p) != 1)
		return 0;
	return RECORD_HEAD + body;
}

uint8_t *
record_crypt_open(struct record *r, uint8_t *record, size_t *len_r)
{
	size_t body = (size_t)record[3] << 8 | record[4], extra = explicit_size(r) + RECORD_TAG, n;
	uint8_t *p = record + RECORD_HEAD + explicit_size(r);
	EVP_CIPHER_CTX *c;
	int done, ok;

	if (body < extra || r->seq[RECORD_READ] == UINT64_MAX)
		return NULL;
	n = body - extra;
	c = begin(r, RECORD_READ, record, n);
	r->seq[RECORD_READ]++;
	ok = c && EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, RECORD_TAG, p + n) == 1 &&
	    (n == 0 || EVP_DecryptUpdate(c, p, &done, p, (int)n) == 1) &&
	    EVP_DecryptFinal_ex(c, p + n, &done) == 1;
	if (!ok) {
		OPENSSL_cleanse(p, n);
		return NULL;
	}
	*len_r = n;
	return p;
}

void
record_crypt_forget(struct record *r)
{
	static const uint8_t zero[32];

	for (int way = 0; way < 2; way++) {
		struct engine *e = &engines[way][r->suite];
		const uint8_t *key = record_keys(r, (enum record_way)way).key;

		if (CRYPTO_memcmp(e->key, key, suites[r->suite].key) != 0)
			continue;
		e->valid = 0;
		EVP_CipherInit_ex(e->ctx, NULL, NULL, zero, zero, -1);
		OPENSSL_cleanse(e->key, sizeof(e->key));
	}
}
