/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Inside of worker/record: secrets from secrets, RFC 8446 section 7.1. */
#ifndef RECORD_KDF_H
#define RECORD_KDF_H

#include <stddef.h>
#include <stdint.h>

/*
 * Become the TLS13-KDF of this process, which libssl then uses too.  Sets the default properties
 * of libcrypto's algorithms, so nobody may set them later.  0 or -1.
 */
int record_kdf_start(void);

/* Leave it to the default provider again. */
void record_kdf_stop(void);

/*
 * HKDF-Expand-Label with an empty context; the secret is as long as its hash: 32 bytes with
 * SHA-256, 48 with SHA-384, and out_r no longer.  0 or -1.
 */
int
record_kdf_expand(const uint8_t *secret, size_t size, const char *label, uint8_t *out_r, size_t n);

/* record_take.c: libssl has just made the traffic secret of the server's, or the client's, data. */
void record_kdf_made(int servers, const uint8_t *secret, size_t size);

#endif
