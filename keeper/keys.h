/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The private keys of one generation, read once at start from the keeper's bundle.
 */
#ifndef KEEPER_KEYS_H
#define KEEPER_KEYS_H

#include "common/bundle.h"
#include "common/msg.h"

#include <openssl/evp.h>

#define KEY_WAYS 10 /* schemes that sign.c knows */

struct key {
	uint8_t id[MSG_KEY_ID]; /* SHA-256 of the SubjectPublicKeyInfo */
	char kind[24];          /* "EC P-256", "RSA 2048", "Ed25519" */
	uint32_t use;           /* enum piece_use, or-ed */
	enum msg_known known;
	EVP_PKEY *pkey;                /* NULL: the place of one that is not KEY_GOOD */
	EVP_PKEY_CTX *ready[KEY_WAYS]; /* sign.c's, by scheme; NULL until the first signature */
};

struct keys {
	struct key *items; /* in the order of the bundle */
	uint32_t count;
};

/*
 * Room for count keys in memory that is locked and left out of core dumps.  Call once, before
 * the first keys_add.  Returns 1 if the memory is locked, 0 if the system did not permit that.
 */
int keys_lock_memory(size_t count);

/*
 * Read one PIECE_KEY: an unencrypted PEM of a kind that TLS can use (RSA of 2048 to 8192 bits, EC
 * on P-256, P-384 or P-521, Ed25519).  A key that is there already gets the uses of both.
 * Returns KEY_GOOD; or why it is not (it keeps its number, and the process that has the certificate
 * logs the reason); or KEY_NONE when there is no memory.
 */
enum msg_known keys_add(struct keys *k, const struct piece *p);

/* The n-th key of the bundle, from 0, or NULL. */
const struct key *keys_number(const struct keys *k, uint32_t n);

/* The key of that name, or NULL. */
struct key *keys_find(const struct keys *k, const uint8_t id[MSG_KEY_ID]);

void keys_free(struct keys *k);

#endif
