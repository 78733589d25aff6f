/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * One side of a connection: a non-blocking socket that carries bytes, in the clear or in TLS.
 * Whether an OpenSSL object does the TLS, or only the keys of its records are left, is known only in
 * this folder once the handshake is done, and to carry.c, which gives up the objects.
 *
 * What is written and not yet taken by the kernel waits in the side's spill, which exists only
 * as long as something is in it.  Nothing is read from the other side while there is one: that is
 * all the backpressure there is.
 */
#ifndef WORKER_SIDE_SIDE_H
#define WORKER_SIDE_SIDE_H

#include "worker/side/socket.h"

/* Whether there is TLS on this side, in either form. */
int side_has_tls(const struct side *s);

/*
 * Give up the OpenSSL object and go on with the keys of its records alone (record.h), where that
 * can be done at this moment; else nothing changes, and a later call may succeed.  What logs need
 * of the object must have been copied.
 */
void side_detach(struct side *s);

/*
 * Read at most size bytes; with TLS, 1 << SIDE_WINDOW_MIN at least.  DONE: *n_r (more than 0) are
 * there.  Any other answer: none are.
 */
enum io side_read(struct side *s, void *buf, size_t size, size_t *n_r);

/*
 * Write n bytes: all are taken, and what the kernel does not take goes to the spill.
 * DONE: all are out.  WAIT: some wait in the spill.  RESET, FAILED.
 */
enum io side_write(struct side *s, const void *data, size_t n);

/* Write what waits: DONE, WAIT, RESET, FAILED.  A pipe that is empty then goes home. */
enum io side_flush(struct side *s);

/*
 * End our direction politely; nothing waits any more: close_notify where there is TLS, then FIN.
 * with_notify 0 leaves close_notify out: the peer shall know that it did not get everything.
 * DONE, WAIT (something waits in the spill: call again when it may be out), RESET, FAILED.
 */
enum io side_finish(struct side *s, int with_notify);

/*
 * Why reading or writing TLS failed, where no OpenSSL object is left to ask: "TLS alert: bad
 * record mac", whoever sent it.  "" for another reason.
 */
void side_why(const struct side *s, char *buf_r, size_t size);

/* More to read is known without asking the kernel. */
int side_pending(const struct side *s);

/*
 * Wait for what this side needs: always for room to write while there is a spill.  -1: the kernel
 * has no memory for it, so nothing would ever be heard of this side again.
 */
int side_await(struct side *s, struct loop *loop, int to_read);

/* Close; the peer gets a FIN or has had it.  side_reset: the peer gets a reset. */
void side_close(struct side *s, struct loop *loop);
void side_reset(struct side *s, struct loop *loop);

#endif
