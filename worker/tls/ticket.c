/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Session tickets (RFC 5077, RFC 8446 section 4.6.1) in the worker, with keys that the keeper
 * derives: every worker has the same, before and after a reload.  A ticket is bound to the
 * frontend (session id context) and to the name that the client asked for: with another name the
 * handshake is a full one.  Tickets come from strangers; OpenSSL checks their MAC before anything.
 */
#include "worker/tls/ticket.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/tls/key.h"
#include "worker/tls/hello.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <errno.h>
#include <string.h>

#define RETRY 10 /* seconds, when the keeper did not answer */

static int slot = -1; /* of SSL_CTX's ex_data: struct tls_tickets */

/* Fetched once: to find them by their names takes longer than to use them. */
static EVP_CIPHER *aes; /* of tickets */
static EVP_MD *sha;     /* of clients' names */

static uint64_t
now(void)
{
	return mono_ms() / 1000;
}

int
tls_tickets_open(struct tls_tickets *t)
{
	uint32_t left = 0;
	int r = tls_key_tickets(t->keys, &left);
	t->until = now() + (r == 1 ? left + 1 : RETRY);
	return r;
}

/* The keys of this period.  Without the keeper, those of the last one go on for a while. */
static void
refresh(struct tls_tickets *t)
{
	if (now() < t->until)
		return;
	if (tls_tickets_open(t) == -1)
		log_say(LOG_WARNING, "ticket keys not rotated: no answer from the keeper: %s",
		    strerror(errno));
}

static int
set_mac(EVP_MAC_CTX *mac, const struct msg_ticket_key *key)
{
	uint8_t copy[sizeof(key->mac)];
	char digest[] = "SHA256";
	memcpy(copy, key->mac, sizeof(copy));
	const OSSL_PARAM params[] = {
		OSSL_PARAM_octet_string(OSSL_MAC_PARAM_KEY, copy, sizeof(copy)),
		OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_END,
	};
	int ok = EVP_MAC_CTX_set_params(mac, params);
	OPENSSL_cleanse(copy, sizeof(copy));
	return ok == 1;
}

/*
 * OpenSSL makes or reads a ticket.  When reading: 0 the key is not known, 1 it is, 2 it is and the
 * client shall get a new ticket.  In TLS 1.3 clients use one only once: without a new one every
 * second handshake would be full.  In TLS 1.2 it is the other way round: clients made with OpenSSL
 * that keep what its callback tells them, as Postfix does, are not told of a new ticket and may not
 * use the old one any more; so only a ticket whose key is about to go is replaced.
 */
static int
on_key(SSL *ssl, unsigned char name[16], unsigned char *iv, EVP_CIPHER_CTX *cipher,
    EVP_MAC_CTX *mac, int making)
{
	struct tls_tickets *t = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), slot);
	if (!t)
		return -1;
	refresh(t);
	if (making) {
		const struct msg_ticket_key *key = &t->keys[TICKET_NOW];
		memcpy(name, key->name, sizeof(key->name));
		if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(aes)) != 1 ||
		    EVP_EncryptInit_ex(cipher, aes, NULL, key->cipher, iv) != 1)
			return -1;
		return set_mac(mac, key) ? 1 : -1;
	}
	for (int i = 0; i < TICKET_KEYS; i++) {
		const struct msg_ticket_key *key = &t->keys[i];
		if (memcmp(name, key->name, sizeof(key->name)) != 0)
			continue;
		if (EVP_DecryptInit_ex(cipher, aes, NULL, key->cipher, iv) != 1)
			return -1;
		if (!set_mac(mac, key))
			return -1;
		return SSL_version(ssl) == TLS1_3_VERSION || i == TICKET_BEFORE ? 2 : 1;
	}
	return 0;
}

/* What a ticket says of its client's name: 32 bytes, also for none, which is not an empty one. */
static int
name_digest(SSL *ssl, unsigned char digest_r[32])
{
	const struct tls_hello *h = tls_hello_of(ssl);
	char name[1 + sizeof(h->sni)];
	size_t n = 1;
	if (!h)
		return -1;
	name[0] = (char)h->has_sni;
	for (const char *c = h->sni; *c != '\0'; c++)
		name[n++] = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
	return EVP_Digest(name, n, digest_r, NULL, sha, NULL) == 1 ? 0 : -1;
}

static int
on_issue(SSL *ssl, void *arg)
{
	unsigned char digest[32];
	(void)arg;
	return name_digest(ssl, digest) == 0 &&
	    SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), digest, sizeof(digest)) == 1;
}

static SSL_TICKET_RETURN
on_ticket(SSL *ssl, SSL_SESSION *session, const unsigned char *key_name, size_t key_name_size,
    SSL_TICKET_STATUS status, void *arg)
{
	unsigned char digest[32];
	void *data;
	size_t size;
	(void)key_name;
	(void)key_name_size;
	(void)arg;
	if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	if (SSL_SESSION_get0_ticket_appdata(session, &data, &size) != 1 || size != sizeof(digest) ||
	    name_digest(ssl, digest) == -1 || memcmp(data, digest, sizeof(digest)) != 0)
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	return status == SSL_TICKET_SUCCESS_RENEW ? SSL_TICKET_RETURN_USE_RENEW :
						    SSL_TICKET_RETURN_USE;
}

int
tls_tickets_use(SSL_CTX *ctx, struct tls_tickets *t)
{
	if (slot == -1)
		slot = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	if (!aes)
		aes = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
	if (!sha)
		sha = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (slot == -1 || !aes || !sha || SSL_CTX_set_ex_data(ctx, slot, t) != 1 ||
	    SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_key) != 1 ||
	    SSL_CTX_set_session_ticket_cb(ctx, on_issue, on_ticket, NULL) != 1)
		return -1;
	SSL_CTX_clear_options(ctx, SSL_OP_NO_TICKET);
	SSL_CTX_set_num_tickets(ctx, 1);
	/* In TLS 1.3 every use gives a new ticket, but not for ever longer than its key may live. */
	SSL_CTX_set_timeout(ctx, TICKET_PERIOD);
	return 0;
}

void
tls_tickets_close(struct tls_tickets *t)
{
	OPENSSL_cleanse(t, sizeof(*t));
}
