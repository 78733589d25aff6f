/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Inside of worker/record: keys, and the protection of one record. */
#ifndef WORKER_RECORD_CRYPT_H
#define WORKER_RECORD_CRYPT_H

#include "worker/record/record.h"

/* By AEAD; each has one hash in all the suites of both versions. */
enum record_suite { SUITE_AES128, SUITE_AES256, SUITE_CHACHA, SUITE_COUNT };

/* RFC 8446 section 5.1, appendix B.1. */
enum record_type { TYPE_CHANGE_CIPHER = 20, TYPE_ALERT = 21, TYPE_HANDSHAKE = 22, TYPE_DATA = 23 };

#define RECORD_TAG 16

/* Fetch the ciphers and prepare the derivations, once.  0 or -1. */
int record_crypt_start(void);

/* Where the keys of one direction are, one behind the other. */
struct record_keys {
	uint8_t *iv;     /* 12 bytes; TLS 1.2 with GCM uses four of them */
	uint8_t *key;    /* 16 or 32 */
	uint8_t *secret; /* record_crypt_secret() bytes; none in TLS 1.2 */
	size_t size;     /* of all three, from iv on */
};
/* Version and suite are known. */
struct record_keys record_keys(struct record *r, enum record_way way);

/* Bytes of a traffic secret, the size of the suite's hash. */
size_t record_crypt_secret(const struct record *r);

/* TLS 1.3: key and iv of this direction from its secret (RFC 8446 section 7.3).  0 or -1. */
int record_crypt_keys(struct record *r, enum record_way way);

/* TLS 1.3: the next secret (section 7.2) and its keys; sequence numbers begin anew.  0 or -1. */
int record_crypt_update(struct record *r, enum record_way way);

/*
 * TLS 1.2: the keys of both directions (RFC 5246 section 6.3); seed is the server's random bytes,
 * then the client's.  0 or -1.
 */
int
record_crypt_keys12(struct record *r, const uint8_t *master, size_t size, const uint8_t seed[64]);

/* What one record adds to its content. */
size_t record_crypt_overhead(const struct record *r);

/* Write one record.  Returns its length, or 0 when libcrypto fails. */
size_t record_crypt_seal(
    struct record *r, enum record_type type, const uint8_t *in, size_t n, uint8_t *out_r);

/*
 * Decrypt a whole record in place.  TLS 1.3: *len_r counts the inner type and the padding.
 * Returns its plaintext, or NULL: not authentic (the bytes are wiped then).
 */
uint8_t *record_crypt_open(struct record *r, uint8_t *record, size_t *len_r);

/* Wipe the keys of r that the shared contexts may still hold. */
void record_crypt_forget(struct record *r);

#endif
