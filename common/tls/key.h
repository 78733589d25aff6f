/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Private-key operations by message to the keeper: an OpenSSL provider whose keys have a public
 * half only and whose signatures are asked for over the channel of the moment.
 * Worker and checker only.
 */
#ifndef COMMON_TLS_KEY_H
#define COMMON_TLS_KEY_H

#include "common/chan.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

/*
 * Load the default provider and ours.  Signatures go over *keeper, whose descriptor may change
 * while we run (the master sends a new channel when a keeper was replaced).
 * Returns 0, or -1 with OpenSSL's error queue.
 */
int tls_key_init(const struct chan *keeper);

/*
 * The key that belongs to this certificate, for SSL_CTX_use_PrivateKey: its public half, and the
 * keeper signs.  The keeper is not asked here.  NULL with OpenSSL's error queue.
 */
EVP_PKEY *tls_key_for(X509 *cert);

/* SHA-256 of the certificate's SubjectPublicKeyInfo: how the keeper names the key. 0 or -1. */
int tls_key_id(X509 *cert, uint8_t id_r[MSG_KEY_ID]);

/*
 * Ask the keeper what its key number n is.  Blocks like a signature, at most five seconds.
 * Returns 0, or -1 with errno.
 */
int tls_key_ask(uint32_t n, struct msg_key *key_r);

/*
 * The ticket keys of this time, and how many seconds until they change.  Blocks as above.
 * Returns 1, 0 when there are no tickets, or -1 with errno.
 */
int tls_key_tickets(struct msg_ticket_key keys_r[TICKET_KEYS], uint32_t *left_r);

/* "EC P-256", "RSA 2048", "Ed25519", "EC P-384": how messages name a kind of key. */
void tls_key_kind(EVP_PKEY *key, char *buf_r, size_t size);

#endif
