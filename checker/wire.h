/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The connection of one check: a non-blocking socket, plain or TLS.  Nothing here waits; IO_WAIT
 * leaves in want what the event loop should wait for.
 */
#ifndef CHECKER_WIRE_H
#define CHECKER_WIRE_H

#include "common/addr.h"

#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

/* What an operation came to. */
enum io {
	IO_DONE,
	IO_WAIT,   /* call again when want has happened */
	IO_END,    /* the server has closed its direction */
	IO_FAILED, /* error says why (errno; 0 where TLS failed) */
};

struct wire {
	int fd;        /* -1: none */
	SSL *ssl;      /* NULL: plain */
	uint32_t want; /* EPOLLIN or EPOLLOUT */
	int error;
	int ours; /* the error is of this host, not of the server: no descriptor, no port */
};

/*
 * Connect; from (port 0) may be NULL.  quiet keeps our side's last word of the TCP handshake back
 * for the moment, so that a reset right after it leaves the server without a connection.
 * IO_DONE, IO_WAIT or IO_FAILED.
 */
enum io wire_connect(struct wire *w, const struct addr *to, const struct addr *from, int quiet);

/* Both ends of the connection, as the PROXY header says them.  0 or -1 with errno. */
int wire_ends(const struct wire *w, struct addr *local_r, struct addr *peer_r);

/* Send all of it in one piece, as a PROXY header must be.  IO_DONE or IO_FAILED. */
enum io wire_whole(struct wire *w, const void *bytes, size_t n);

/* Speak TLS from now on; ssl becomes the wire's.  IO_DONE or IO_FAILED. */
enum io wire_tls(struct wire *w, SSL *ssl);
/* IO_DONE, IO_WAIT or IO_FAILED. */
enum io wire_handshake(struct wire *w);

/* Write, read: *n_r bytes were (IO_DONE, at least one). */
enum io wire_write(struct wire *w, const void *bytes, size_t n, size_t *n_r);
enum io wire_read(struct wire *w, void *buf, size_t size, size_t *n_r);

/* Say goodbye to TCP, and to TLS before it: what was sent arrives, then the end. */
void wire_finish(struct wire *w);

/* Read and forget what still comes, at most max bytes in all.  IO_WAIT, else it is over. */
enum io wire_discard(struct wire *w, size_t max);

/* Reset the connection; without SO_LINGER, which no child may use.  The socket stays open. */
void wire_reset(struct wire *w);

/* Close what is there; a wire that was never opened is fine. */
void wire_close(struct wire *w);

#endif
