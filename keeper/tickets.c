/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Derives ticket keys from the seed, in the keeper: HKDF (RFC 5869) over the number of the period.
 * Workers get keys, never the seed: an attacker in a worker can read and make tickets of the periods
 * around now, but not of later ones.
 */
#include "keeper/tickets.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <stdio.h>
#include <string.h>

/* Another number for another meaning of the bytes. */
static const char salt[] = "mailreeve ticket keys 1";

int
tickets_open(struct tickets *t, const struct piece *p, char *err_r, size_t err_size)
{
	if (p->size < 32) {
		snprintf(err_r, err_size, "%s: a ticket seed has at least 32 bytes", p->name);
		return -1;
	}
	t->seed = OPENSSL_secure_malloc(p->size);
	if (!t->seed) {
		snprintf(err_r, err_size, "%s: out of memory for the ticket seed", p->name);
		return -1;
	}
	memcpy(t->seed, p->data, p->size);
	t->size = p->size;
	return 0;
}

static int
derive(const struct tickets *t, uint64_t period, struct msg_ticket_key *key_r)
{
	uint8_t info[8];
	char digest[] = "SHA256", key_salt[sizeof(salt)];
	memcpy(key_salt, salt, sizeof(salt));
	for (int i = 0; i < 8; i++)
		info[i] = (uint8_t)(period >> (56 - 8 * i));
	const OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_KEY, t->seed, t->size),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_SALT, key_salt, sizeof(salt) - 1),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_INFO, info, sizeof(info)),
		OSSL_PARAM_END,
	};
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_HKDF, NULL);
	EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	int ok = ctx && EVP_KDF_derive(ctx, (uint8_t *)key_r, sizeof(*key_r), params) == 1;
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	ERR_clear_error();
	return ok ? 0 : -1;
}

int
tickets_keys(const struct tickets *t, uint64_t now, struct msg_ticket_key keys_r[TICKET_KEYS],
    uint32_t *left_r)
{
	uint64_t period = now / TICKET_PERIOD;
	if (!t->seed || derive(t, period - 1, &keys_r[TICKET_BEFORE]) == -1 ||
	    derive(t, period, &keys_r[TICKET_NOW]) == -1 ||
	    derive(t, period + 1, &keys_r[TICKET_NEXT]) == -1)
		return -1;
	*left_r = (uint32_t)(TICKET_PERIOD - now % TICKET_PERIOD);
	return 0;
}

void
tickets_close(struct tickets *t)
{
	OPENSSL_secure_clear_free(t->seed, t->size);
	*t = (struct tickets){ 0 };
}
