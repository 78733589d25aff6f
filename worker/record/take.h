/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Taking a connection over from its SSL object, and what must be seen of its handshake for that. */
#ifndef WORKER_RECORD_TAKE_H
#define WORKER_RECORD_TAKE_H

#include "worker/record/crypt.h"

#include <openssl/ssl.h>

/* Whether record_take may succeed at all; at first it may not.  start.h decides. */
void record_take_permit(int permit);

/*
 * Watch this object from before its first byte, so that record_take can succeed.  Its message and
 * info callbacks are ours then (the context's info callback goes on).  What is seen is freed at
 * the take-over or with the object.  Returns 0, or -1 without memory.
 */
int record_watch(SSL *ssl);

/*
 * Take over, if the handshake is complete, nothing read is waiting in the object, nothing written is
 * half sent, and read_ahead was never on.  Returns 0: *r_r does the records from here on, what logs
 * need must have been copied, and the caller frees the object (its session stays good).  Returns
 * -1: stay on the object; asking again later is fine.
 */
int record_take(SSL *ssl, struct record *r_r);

/* libssl has just made the traffic secret of the server's data, or of the client's. */
void record_take_secret(int servers, const uint8_t *secret, size_t size);

/*
 * Whether this handshake message, a ServerHello or EncryptedExtensions that nobody has checked
 * yet, has the record_size_limit extension.
 */
int record_has_size_limit(const uint8_t *p, size_t n);

#endif
