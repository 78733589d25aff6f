/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The socket of a side, whatever is spoken on it: never blocks.  What the kernel does not take at
 * once waits in the side's spill.
 */
#ifndef WORKER_SIDE_SOCKET_H
#define WORKER_SIDE_SOCKET_H

#include "common/loop.h"

#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

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

/* Bytes that wait. */
struct spill {
	size_t start, end;
	uint8_t bytes[];
};

/* A kernel pipe out of a small pool, for bytes that go from socket to socket without us. */
struct pipe {
	int in, out; /* write to in, read from out */
	size_t held;
	struct pipe **home; /* the pool that it belongs to */
	struct pipe *next;  /* in the pool */
};

struct side {
	struct watch watch;    /* its fd is the socket; -1: none */
	SSL *ssl;              /* TLS with an OpenSSL object ... */
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

/* Whether the connect that was begun on this side has come to an end: DONE, WAIT, FAILED (errno). */
enum io side_connected(const struct side *s);

/* What errno after a failed call on the socket means. */
enum io side_socket_error(void);

/* recv() on the socket; -1 with EAGAIN, without asking, where nothing can have come. */
ssize_t side_recv(struct side *s, void *buf, size_t size);

/* Write to the socket as it is; *n_r says how much went, also when the answer is WAIT. */
enum io side_put(struct side *s, const uint8_t *data, size_t size, size_t *n_r);

/* Write bytes by put, or queue them behind the spill; what is not taken at once goes there. */
enum io side_queue(struct side *s, const uint8_t *bytes, size_t n,
    enum io (*put)(struct side *s, const uint8_t *data, size_t size, size_t *n_r));

/* Whether something waits that the peer has not taken. */
int side_blocked(const struct side *s);

/* Whether nothing waits in either direction at this moment, not even in the kernel. */
int side_rests(const struct side *s);

/*
 * Without TLS: move bytes from the socket into an empty pipe, without copying them.  Like
 * side_read; DONE: p->held are there.
 */
enum io side_pull(struct side *s, struct pipe *p);

/* Whether the connection broke while nobody was reading from it; asks only after a hang-up. */
int side_broken(const struct side *s);

/*
 * For how many milliseconds a peer that owes us something has been silent: the acknowledgment of
 * what was sent, or room for what waits.  0 if it owes nothing.
 */
uint32_t side_silence(const struct side *s);

#endif
