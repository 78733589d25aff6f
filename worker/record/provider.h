/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Inside of worker/record: the derivations of derive.h, for libssl. */
#ifndef WORKER_RECORD_PROVIDER_H
#define WORKER_RECORD_PROVIDER_H

#include <stddef.h>
#include <stdint.h>

/*
 * Become the TLS13-KDF and the TLS1-PRF of this process, which libssl then uses too.  Sets the
 * default properties of libcrypto's algorithms, so they must not be set later.  secret hears of each
 * traffic secret of data that libssl makes, the server's or the client's.  0 or -1.
 */
int record_provider_start(void (*secret)(int servers, const uint8_t *bytes, size_t size));

/* Leave them to the default provider again. */
void record_provider_stop(void);

#endif
