/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Inside of worker/record: the derivations that libssl asks for. */
#ifndef RECORD_KDF_H
#define RECORD_KDF_H

#include <stddef.h>
#include <stdint.h>

/*
 * Become the TLS13-KDF and the TLS1-PRF of this process, which libssl then uses too.  Sets the
 * default properties of libcrypto's algorithms, so nobody may set them later.  0 or -1.
 */
int record_kdf_start(void);

/* Leave them to the default provider again. */
void record_kdf_stop(void);

/* record_take.c: libssl has just made the traffic secret of the server's, or the client's, data. */
void record_kdf_made(int servers, const uint8_t *secret, size_t size);

#endif
