/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* What side.c and its two forms of TLS share.  Nobody else includes this. */
#ifndef WORKER_SIDE_INT_H
#define WORKER_SIDE_INT_H

#include "worker/side/side.h"

#include <sys/types.h>

struct spill {
	size_t start, end;
	uint8_t bytes[];
};

/* What errno after a failed call on the socket means. */
enum io side_socket_error(void);

/* recv() on the socket; -1 with EAGAIN, unasked, where there can be nothing to get. */
ssize_t side_recv(struct side *s, void *buf, size_t size);

/*
 * Write bytes, or queue them behind the spill; what is not taken at once goes there.  Records that
 * are made already go out as they are; with an object of OpenSSL's it makes records of them.
 */
enum io side_queue(struct side *s, const uint8_t *bytes, size_t n);

/* bio.c: the object reads from and writes to this socket, which stays ours.  -1: no memory. */
int bio_attach(SSL *ssl, int fd);
/* Before each call that reads: it may do so again. */
void bio_turn(void);

/* ssl.c: with an object of OpenSSL's. */
enum io ssl_read(struct side *s, uint8_t *buf, size_t size, size_t *n_r);
/* *n_r says how much went, also when the answer is WAIT. */
enum io ssl_put(struct side *s, const uint8_t *data, size_t size, size_t *n_r);
void ssl_notify(struct side *s);
void ssl_free(struct side *s);

/* record.c: with the keys of the records alone. */
enum io rec_read(struct side *s, uint8_t *buf, size_t size, size_t *n_r);
enum io rec_write(struct side *s, const uint8_t *data, size_t n);
enum io rec_notify(struct side *s);
void rec_free(struct side *s);

#endif
