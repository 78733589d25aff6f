/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * One side of a connection: a non-blocking socket that carries bytes, in the clear or in TLS.
 * Whether an OpenSSL object is behind the TLS, or only the keys of its records, is nobody's
 * business outside side*.c once the handshake is done, but for carry.c, which lets go of objects.
 *
 * What is written and not yet taken by the kernel waits in the side's spill, which exists only
 * as long as something is in it.  Whoever reads from the other side stops while there is one:
 * that is the whole backpressure.
 */
#ifndef WORKER_SIDE_SIDE_H
#define WORKER_SIDE_SIDE_H

#include "common/loop.h"

#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

/* What a non-blocking operation came to. */
enum io {
	IO_DONE,
	IO_WAIT,
	IO_EOF, /* the peer ended its direction: FIN, or close_notify where there is TLS */
	IO_CUT, /* TLS ended by a bare FIN: what came may not be all there was */
	IO_RESET,
	IO_FAILED, /* a TLS error, or an error of the socket; errno says which where it is one */
};

struct record;
struct spill;

/* A kernel pipe out of a small pool, for bytes that go from socket to socket without us. */
struct pipe {
	int in, out; /* write to in, read from out */
	size_t held;
	struct pipe **home; /* the pool that it belongs to */
	struct pipe *next;  /* in the pool */
};

struct side {
	struct watch watch;    /* its fd is the socket; -1: none */
	SSL *ssl;              /* TLS with an object of OpenSSL's ... */
	struct record *record; /* ... or with only the keys of its records; both NULL: no TLS */
	struct spill *spill;   /* bytes that the kernel did not take; NULL: none */
	struct pipe *pipe;     /* such bytes in a pipe, never together with a spill; NULL: none */
	struct spill *partial; /* input: a record's beginning, until its rest comes; NULL: none */
	uint8_t window;        /* log2 of how much to read for this side at once; grows in bulk */
	uint8_t wants_write;   /* a read (of TLS) waits for room to write */
	uint8_t ended;         /* the peer's direction is over */
	uint8_t finished;      /* our direction is over: close_notify and FIN are out */
	uint8_t hup;           /* epoll said error or hang-up, which it repeats until it is heard */
	uint8_t dry;           /* all that came is read: until an event a read would find nothing */
	uint8_t shared;        /* the master may have a descriptor of it, too */
	uint8_t last;          /* enum io: what a read will say when what came before is used up */
	uint8_t alert;         /* of the records: why they broke, RFC 8446 section 6 */
	uint8_t alerted;       /* it came from the peer */
};

#define SIDE_WINDOW_MIN 15 /* 32 KiB: while the peer does not keep up; holds any TLS record */
#define SIDE_WINDOW_MAX 18 /* 256 KiB: the scratch buffer */

/* fd -1: a side without a socket yet. */
void side_init(struct side *s, int fd, void (*fn)(struct watch *, uint32_t));

/* What epoll said of this side's socket. */
void side_event(struct side *s, uint32_t events);

/* Put TLS on this side; ssl becomes the side's.  0, or -1 with OpenSSL's error queue. */
int side_start_tls(struct side *s, SSL *ssl);

/* Whether there is TLS on this side, in either form. */
int side_has_tls(const struct side *s);

/*
 * Give up the OpenSSL object and go on with the keys of its records alone (record.h), where that
 * can be done at this moment; else nothing changes, and a later call may succeed.  What logs need
 * of the object must have been copied.
 */
void side_detach(struct side *s);

/*
 * Go on with the TLS handshake: DONE, WAIT, or why it failed.  While it waits the object has no
 * buffers, and none between two records later on.
 */
enum io side_shake(struct side *s);

/* Whether the connect that was begun on this side has come to an end: DONE, WAIT, FAILED (errno). */
enum io side_connected(const struct side *s);

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

/* Whether something waits that the peer has not taken. */
int side_blocked(const struct side *s);

/* Whether nothing waits in either direction at this moment, not even in the kernel. */
int side_rests(const struct side *s);

/* Write what waits: DONE, WAIT, RESET, FAILED.  A pipe that is empty then goes home. */
enum io side_flush(struct side *s);

/*
 * Without TLS: move bytes from the socket into an empty pipe, without copying them.  Like
 * side_read; DONE: p->held are there.
 */
enum io side_pull(struct side *s, struct pipe *p);

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

/* Whether the connection broke while nobody was reading from it; asks only after a hang-up. */
int side_broken(const struct side *s);

/*
 * How many milliseconds nothing was heard of a peer that owes us something: the acknowledgment of
 * what was sent, or room for what waits.  0 if it owes nothing.
 */
uint32_t side_silence(const struct side *s);

/*
 * Wait for what this side needs: always for room to write while there is a spill.  -1: the kernel
 * has no memory for it, so nothing would ever be heard of this side again.
 */
int side_await(struct side *s, struct loop *loop, int to_read);

/* Close; the peer gets a FIN or has had it.  side_reset: the peer gets a reset. */
void side_close(struct side *s, struct loop *loop);
void side_reset(struct side *s, struct loop *loop);

#endif
