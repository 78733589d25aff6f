/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The keys of worker and checker, as the rest of the code sees them: an EVP_PKEY for a
 * certificate, whose private half is the keeper's.  Never sees a private key.
 */
#include "common/tls/key.h"

#include "common/tls/ask.h"
#include "common/tls/provider.h"

#include <openssl/crypto.h>
#include <openssl/err.h>

#include <stdio.h>
#include <string.h>

int
tls_key_init(const struct chan *keeper)
{
	/* We live in an empty root: openssl.cnf must not be looked for, whoever calls first. */
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		return -1;
	ask_init(keeper);
	return provider_load();
}

EVP_PKEY *
tls_key_for(X509 *cert)
{
	EVP_PKEY *pub = X509_get0_pubkey(cert);
	return pub ? provider_key(pub) : NULL;
}

int
tls_key_id(X509 *cert, uint8_t id_r[MSG_KEY_ID])
{
	EVP_PKEY *pub = X509_get0_pubkey(cert);
	return pub ? provider_key_id(pub, id_r) : -1;
}

int
tls_key_ask(uint32_t n, struct msg_key *key_r)
{
	return ask_key(n, key_r);
}

int
tls_key_tickets(struct msg_ticket_key keys_r[TICKET_KEYS], uint32_t *left_r)
{
	return ask_tickets(keys_r, left_r);
}

void
tls_key_kind(EVP_PKEY *key, char *buf_r, size_t size)
{
	static const struct {
		const char *group, *name;
	} curves[] = {
		{ "prime256v1", "P-256" },
		{ "secp384r1", "P-384" },
		{ "secp521r1", "P-521" },
	};
	char group[64] = "?";
	if (EVP_PKEY_is_a(key, "RSA")) {
		snprintf(buf_r, size, "RSA %d", EVP_PKEY_get_bits(key));
	} else if (EVP_PKEY_is_a(key, "ED25519")) {
		snprintf(buf_r, size, "Ed25519");
	} else if (EVP_PKEY_is_a(key, "EC")) {
		EVP_PKEY_get_group_name(key, group, sizeof(group), NULL);
		const char *name = group;
		for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
			if (strcmp(group, curves[i].group) == 0)
				name = curves[i].name;
		snprintf(buf_r, size, "EC %s", name);
	} else {
		const char *name = EVP_PKEY_get0_type_name(key);
		snprintf(buf_r, size, "%s", name ? name : "unknown");
	}
	ERR_clear_error();
}
