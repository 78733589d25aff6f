/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The keys of one side of a connection, and the protection of a single record.  Outside of
 * worker/record only struct record, its size and the sizes of records are of use.
 */
#ifndef WORKER_RECORD_CRYPT_H
#define WORKER_RECORD_CRYPT_H

#include <stddef.h>
#include <stdint.h>

enum record_way { RECORD_READ, RECORD_WRITE };

/*
 * What protects one direction, at most: an iv, a key, and in TLS 1.3 the secret that the next key
 * is derived from.
 */
#define RECORD_KEYS_MOST (12 + 32 + 48)

/*
 * Both directions of one side of one connection.  Nothing outside the module looks inside.  It is
 * kept for as long as the connection lives, so only record_size() bytes of it need be.
 */
struct record {
	uint64_t seq[2];            /* number of the next record, by enum record_way */
	uint32_t message;           /* handshake message that has begun: its type, bytes to come */
	unsigned suite : 2;         /* enum record_suite */
	unsigned v12 : 1;           /* TLS 1.2, else 1.3 */
	unsigned server : 1;        /* we are the server */
	unsigned fragment_code : 3; /* max_fragment_length, RFC 6066 section 4; 0: none */
	unsigned head : 3;          /* bytes of the message's head that are here */
	unsigned idle : 6;          /* what came in this pass instead of data */
	unsigned alert : 8;         /* why it is broken */
	unsigned broken : 1;        /* nothing can be read any more */
	unsigned closed_in : 1;     /* close_notify came */
	unsigned closed_out : 1;    /* close_notify or a fatal alert was written */
	unsigned owe_update : 1;    /* a KeyUpdate to write */
	unsigned owe_refusal : 1;   /* a no_renegotiation to write */
	unsigned asked : 1;         /* the peer was asked for a KeyUpdate and has not sent it yet */
	uint8_t keys[2 * RECORD_KEYS_MOST]; /* as much of it as the suite needs: record_keys() */
};

/* Header and the longest ciphertext that is not refused by its header: RFC 8446 section 5.2. */
#define RECORD_HEAD 5
#define RECORD_MAX  (RECORD_HEAD + 16384 + 256)
/* Most plaintext in a record, and most that a record adds to it. */
#define RECORD_PLAIN    16384
#define RECORD_OVERHEAD 29
/* Room for any alert or KeyUpdate. */
#define RECORD_SMALL 40

/* How many bytes of *r are in use; a copy of that many, in memory of that size, does as well. */
size_t record_size(const struct record *r);

/* By AEAD; each has one hash in all the suites of both versions. */
enum record_suite { SUITE_AES128, SUITE_AES256, SUITE_CHACHA, SUITE_COUNT };

/* RFC 8446 section 5.1, appendix B.1. */
enum record_type { TYPE_CHANGE_CIPHER = 20, TYPE_ALERT = 21, TYPE_HANDSHAKE = 22, TYPE_DATA = 23 };

#define RECORD_TAG 16

/* Fetch the ciphers, once; the derivations are derive.h's.  0 or -1. */
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

/* TLS 1.3: the next secret (section 7.2) and its keys; sequence numbers begin at 0 again.  0 or -1. */
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
