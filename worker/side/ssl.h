/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * A side whose TLS is done by an OpenSSL object: the handshake, and what follows while the object is
 * kept.
 */
#ifndef WORKER_SIDE_SSL_H
#define WORKER_SIDE_SSL_H

#include "worker/side/socket.h"

/* Put TLS on this side; ssl becomes the side's.  0, or -1 with OpenSSL's error queue. */
int ssl_start(struct side *s, SSL *ssl);

/*
 * Go on with the TLS handshake: DONE, WAIT, or why it failed.  While it waits the object has no
 * buffers, and none between two records later on.
 */
enum io ssl_shake(struct side *s);

/* As side_read and side_write, for side.c; the rest likewise. */
enum io ssl_read(struct side *s, uint8_t *buf, size_t size, size_t *n_r);
enum io ssl_write(struct side *s, const uint8_t *data, size_t n);
/* *n_r says how much went, also when the answer is WAIT. */
enum io ssl_put(struct side *s, const uint8_t *data, size_t size, size_t *n_r);
void ssl_notify(struct side *s);
void ssl_free(struct side *s);

#endif
