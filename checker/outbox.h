/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What the checker has to tell the master: a queue of notes in front of the pipe.  Nothing waits
 * and nothing is lost: a note that the pipe does not take stays in the queue, and its owner does
 * nothing more that is worth reporting until it has left.
 */
#ifndef CHECKER_OUTBOX_H
#define CHECKER_OUTBOX_H

#include "common/loop.h"
#include "common/msg.h"

/* Embedded in whatever has something to tell; the outbox owns none of them. */
struct note {
	/* Writes the record (zeroed before), as of now. */
	void (*fill)(struct note *n, struct report *r_r);
	struct note *next;
	int queued;
};

struct outbox {
	struct loop *loop;
	struct watch watch; /* for room in the pipe */
	struct note *head, **tail;
};

/* fd is the pipe (FD_REPORT), which becomes non-blocking.  0, or -1 with errno. */
int outbox_init(struct outbox *o, struct loop *loop, int fd);

/*
 * Send this note, now if the pipe takes it.  One that is queued already stays where it is.
 * Ends the process when the master is gone.
 */
void outbox_put(struct outbox *o, struct note *n);

#endif
