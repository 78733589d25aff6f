/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The connection of one check: a non-blocking socket, plain or TLS.  Nothing here waits; WIRE_WAIT
 * leaves in want what the event loop should wait for.
 */
#ifndef CHECKER_WIRE_H
#define CHECKER_WIRE_H

#include "common/addr.h"

#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

/* What an operation came to. */
enum wire_io {
	WIRE_DONE,
	WIRE_WAIT,   /* call again when want has happened */
	WIRE_END,    /* the server has closed its direction */
	WIRE_FAILED, /* error says why (errno; 0 where TLS failed) */
};

struct wire {
	int fd;        /* -1: none */
	SSL *ssl;      /* NULL: plain */
	uint32_t want; /* EPOLLIN or EPOLLOUT */
	int error;
	int ours; /* the error is this host's, not the server's: no descriptor, no port */
};

/*
 * Connect; from (port 0) may be NULL.  quiet delays the last ACK of the
 * TCP handshake, so that a reset right after it leaves the server without a connection.
 * WIRE_DONE, WIRE_WAIT or WIRE_FAILED.
 */
enum wire_io
wire_connect(struct wire *w, const struct addr *to, const struct addr *from, int quiet);

/* Both ends of the connection, for the PROXY header.  0 or -1 with errno. */
int wire_ends(const struct wire *w, struct addr *local_r, struct addr *peer_r);

/* Send all of it in one piece, as a PROXY header must be.  WIRE_DONE or WIRE_FAILED. */
enum wire_io wire_whole(struct wire *w, const void *bytes, size_t n);

/* Speak TLS from now on; ssl becomes the wire's.  WIRE_DONE or WIRE_FAILED. */
enum wire_io wire_tls(struct wire *w, SSL *ssl);
/* WIRE_DONE, WIRE_WAIT or WIRE_FAILED. */
enum wire_io wire_handshake(struct wire *w);

/* Write, read: *n_r bytes were (WIRE_DONE, at least one). */
enum wire_io wire_write(struct wire *w, const void *bytes, size_t n, size_t *n_r);
enum wire_io wire_read(struct wire *w, void *buf, size_t size, size_t *n_r);

/* Say goodbye to TCP, and to TLS before it: what was sent arrives, then the end. */
void wire_finish(struct wire *w);

/* Read and forget what still comes, at most max bytes in all.  WIRE_WAIT, else it is over. */
enum wire_io wire_discard(struct wire *w, size_t max);

/* Reset the connection; without SO_LINGER, which no child may use.  The socket stays open. */
void wire_reset(struct wire *w);

/* Close what is there; a wire that was never opened is fine. */
void wire_close(struct wire *w);

#endif
