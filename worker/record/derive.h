/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Inside of worker/record: secrets and keys from secrets, as both versions of TLS make them. */
#ifndef WORKER_RECORD_DERIVE_H
#define WORKER_RECORD_DERIVE_H

#include <stddef.h>
#include <stdint.h>

/* The hashes of the suites that we know. */
enum record_hash { HASH_SHA256, HASH_SHA384, HASH_COUNT };

#define HASH_MOST 48 /* bytes of the longest */

struct span {
	const uint8_t *p;
	size_t n;
};

/* Prepare the algorithms, once.  0 or -1. */
int record_derive_start(void);

/* By one of the names that libssl uses, "SHA256" or "SHA2-256"; HASH_COUNT: none of ours. */
enum record_hash record_hash_named(const char *name);

/* Bytes. */
size_t record_hash_size(enum record_hash hash);

/* The bytes of a text, without the NUL. */
struct span record_text(const char *s);

/*
 * All of these: 0, or -1 when libcrypto fails or a size is not as it must be; *out_r may be partly
 * written then.  They keep nothing of what they were given.
 */

/*
 * TLS 1.3: HKDF-Expand-Label(secret, label, context, n), RFC 8446 section 7.1.  The secret is as
 * long as the hash, n no longer; prefix ("tls13 ") and label together 255 bytes at most, as is the
 * context.
 */
int record_expand(enum record_hash hash, struct span secret, struct span prefix, struct span label,
    struct span context, uint8_t *out_r, size_t n);

/*
 * TLS 1.3: the next of the secrets that follow each other in the middle of that section's figure:
 * HKDF-Extract(Derive-Secret(before, label, ""), input).  The one before is as long as the hash, or
 * missing: then nothing but zeros is the salt.  No input: that many zeros.  out_r has room for
 * HASH_MOST bytes and gets as many as the hash has.
 */
int record_extract(enum record_hash hash, struct span before, struct span prefix, struct span label,
    struct span input, uint8_t *out_r);

#define PRF_PARTS 5 /* as libssl has them: a label, two random numbers, and room for more */

/*
 * TLS 1.2: the PRF of RFC 5246 section 5, with label and seed in up to PRF_PARTS parts.  The secret
 * may not be empty.
 */
int record_prf(enum record_hash hash, struct span secret, const struct span *seed, size_t parts,
    uint8_t *out_r, size_t n);

#endif
