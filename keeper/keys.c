/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Holds the private keys; only the keeper does.  The bytes come from files that root named and the
 * master read.  Must never write a key anywhere, nor put more of one into a message than its kind.
 */
#include "keeper/keys.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

/* Secure memory per key: RSA with 8192 bits takes about 5 KiB, the rest is for signing. */
#define KEY_ROOM ((size_t)16 * 1024)

/* With this limit or a higher one the whole process can be locked and still have room. */
#define LOCK_ALL ((rlim_t)64 * 1024 * 1024)

int
keys_lock_memory(size_t count)
{
	size_t size = (size_t)64 * 1024;
	while (size < count * KEY_ROOM)
		size *= 2;
	/* libcrypto's own heap for secrets: guard pages, mlock, MADV_DONTDUMP. */
	int locked = CRYPTO_secure_malloc_init(size, 32) == 1;
	struct rlimit limit;
	if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur >= LOCK_ALL &&
	    mlockall(MCL_CURRENT | MCL_FUTURE) == 0)
		locked = 1;
	return locked;
}

/* Encrypted keys are refused: the keeper has no one to ask for a password. */
static int
no_password(char *buf, int size, int rw, void *arg)
{
	(void)buf;
	(void)size;
	(void)rw;
	*(int *)arg = 1;
	return -1;
}

/* Curves that TLS 1.2 and 1.3 can sign with; common/tls/key.c has the same names for them. */
static const struct {
	const char *group, *name;
} curves[] = {
	{ "prime256v1", "P-256" },
	{ "secp384r1", "P-384" },
	{ "secp521r1", "P-521" },
};

/* Writes the kind of key into buf_r; returns 1 if TLS can use it. */
static int
key_kind(const EVP_PKEY *pkey, char buf_r[24])
{
	int bits = EVP_PKEY_get_bits(pkey);
	if (EVP_PKEY_is_a(pkey, "RSA")) {
		snprintf(buf_r, 24, "RSA %d", bits);
		return bits >= 2048 && bits <= SIG_MAX * 8;
	}
	if (EVP_PKEY_is_a(pkey, "ED25519")) {
		snprintf(buf_r, 24, "Ed25519");
		return 1;
	}
	char group[64] = "?";
	if (EVP_PKEY_is_a(pkey, "EC") &&
	    EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) == 1) {
		for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
			if (strcmp(group, curves[i].group) == 0) {
				snprintf(buf_r, 24, "EC %s", curves[i].name);
				return 1;
			}
		snprintf(buf_r, 24, "EC %.16s", group);
		return 0;
	}
	const char *name = EVP_PKEY_get0_type_name(pkey);
	snprintf(buf_r, 24, "%.20s", name ? name : "unknown");
	return 0;
}

/* As common/tls/provider.c makes it; the keeper links no libssl and so none of common/tls. */
static int
key_id(const EVP_PKEY *pkey, uint8_t id_r[MSG_KEY_ID])
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(pkey, &der);
	int ok = n > 0 && EVP_Digest(der, (size_t)n, id_r, NULL, EVP_sha256(), NULL) == 1;
	OPENSSL_free(der);
	return ok ? 0 : -1;
}

static EVP_PKEY *
read_pem(const struct piece *p, enum msg_known *known_r)
{
	int asked = 0;
	BIO *bio = p->size <= INT_MAX ? BIO_new_mem_buf(p->data, (int)p->size) : NULL;
	EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, &asked) : NULL;
	BIO_free(bio);
	ERR_clear_error();
	*known_r = pkey ? KEY_GOOD : asked ? KEY_ENCRYPTED : KEY_UNREADABLE;
	return pkey;
}

enum msg_known
keys_add(struct keys *k, const struct piece *p)
{
	struct key key = { .use = p->owner };
	key.pkey = read_pem(p, &key.known);
	if (key.pkey && !key_kind(key.pkey, key.kind)) {
		key.known = KEY_UNUSABLE;
		EVP_PKEY_free(key.pkey);
		key.pkey = NULL;
	}
	struct key *items = NULL;
	if (!key.pkey || key_id(key.pkey, key.id) == 0)
		items = reallocarray(k->items, k->count + 1, sizeof(*items));
	if (!items) {
		EVP_PKEY_free(key.pkey);
		return KEY_NONE;
	}
	k->items = items;
	for (uint32_t i = 0; key.pkey && i < k->count; i++)
		if (memcmp(items[i].id, key.id, sizeof(key.id)) == 0)
			items[i].use = key.use |= items[i].use;
	items[k->count++] = key;
	return key.known;
}

const struct key *
keys_number(const struct keys *k, uint32_t n)
{
	return n < k->count ? &k->items[n] : NULL;
}

struct key *
keys_find(const struct keys *k, const uint8_t id[MSG_KEY_ID])
{
	for (uint32_t i = 0; i < k->count; i++)
		if (k->items[i].pkey && memcmp(k->items[i].id, id, MSG_KEY_ID) == 0)
			return &k->items[i];
	return NULL;
}

void
keys_free(struct keys *k)
{
	for (uint32_t i = 0; i < k->count; i++) {
		for (size_t way = 0; way < KEY_WAYS; way++)
			EVP_PKEY_CTX_free(k->items[i].ready[way]);
		EVP_PKEY_free(k->items[i].pkey);
	}
	free(k->items);
	*k = (struct keys){ 0 };
}
