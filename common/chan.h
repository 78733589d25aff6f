/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * One end of a SOCK_SEQPACKET pair between two processes: one receive is one message, checked
 * against the list in msg.h before anybody looks at it.
 */
#ifndef COMMON_CHAN_H
#define COMMON_CHAN_H

#include "common/msg.h"

struct chan {
	int fd; /* -1: closed */
	enum role self;
	enum role peer;
};

/* A received message; fixed and items point into the buffer given to chan_recv. */
struct msg {
	enum msg_type type;
	uint32_t count;
	const void *fixed;
	const void *items;
	int nfds;
	int fds[HANDOVER_MAX]; /* the receiver's, all close-on-exec */
};

enum chan_result {
	CHAN_MSG,   /* *m_r holds one checked message */
	CHAN_AGAIN, /* nothing to read now */
	CHAN_GONE,  /* the peer has closed its end (or sent nothing as a message: no honest one) */
	CHAN_BAD,   /* the peer broke the protocol: stop trusting it */
};

/* Room for every message that may be sent to a process that is not the keeper. */
#define CHAN_BUF 4096
/* Room for every message there is. */
#define CHAN_BUF_KEEPER (sizeof(struct msg_head) + sizeof(struct msg_sign) + TBS_MAX)

/*
 * Make a pair, both ends non-blocking and close-on-exec: *a_r for role a, *b_r for role b.
 * Returns 0, or -1 with errno.
 */
int chan_pair(enum role a, enum role b, struct chan *a_r, struct chan *b_r);

/*
 * Send one message: fixed part (never NULL, all zero for msg_empty), count items and nfds
 * descriptors, which stay the caller's.  Never blocks; the process must ignore SIGPIPE.
 * Returns 0, or -1 with errno: EAGAIN when the peer does not read, ETOOMANYREFS when too many
 * descriptors are in flight, EPIPE when it is gone.
 */
int chan_send(const struct chan *ch, enum msg_type type, const void *fixed, const void *items,
    uint32_t count, const int *fds, int nfds);

/* The same for a message with neither items nor descriptors. */
int chan_tell(const struct chan *ch, enum msg_type type, const void *fixed);

/*
 * Receive one message into buf (8-byte aligned).  It is handed over only if its type is known,
 * goes from peer to self, has exactly its declared length, no more items than declared and
 * exactly its declared descriptors; otherwise every descriptor that came is closed.
 */
enum chan_result chan_recv(const struct chan *ch, void *buf, size_t size, struct msg *m_r);

/* Close the descriptors of a message that its receiver does not want. */
void msg_drop_fds(struct msg *m);

void chan_close(struct chan *ch);

#endif
