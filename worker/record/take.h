/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Inside of worker/record: what is seen of a handshake, and the take-over. */
#ifndef WORKER_RECORD_TAKE_H
#define WORKER_RECORD_TAKE_H

#include "worker/record/record.h"

/* record_take before record_init has proven that it may be used. */
int record_take_unproven(SSL *ssl, struct record *r_r);

/* libssl has just made the traffic secret of the server's data, or of the client's. */
void record_take_secret(int servers, const uint8_t *secret, size_t size);

/*
 * Whether this handshake message, a ServerHello or EncryptedExtensions that nobody has checked
 * yet, has the record_size_limit extension.
 */
int record_has_size_limit(const uint8_t *p, size_t n);

#endif
