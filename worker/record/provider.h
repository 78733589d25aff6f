/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Inside of worker/record: the derivations of derive.h, for libssl. */
#ifndef WORKER_RECORD_PROVIDER_H
#define WORKER_RECORD_PROVIDER_H

/*
 * Become the TLS13-KDF and the TLS1-PRF of this process, which libssl then uses too.  Sets the
 * default properties of libcrypto's algorithms, so nobody may set them later.  0 or -1.
 */
int record_provider_start(void);

/* Leave them to the default provider again. */
void record_provider_stop(void);

#endif
