/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What a worker tells the master: gathered for a few passes of the loop, so that many connections
 * cost a few messages and wake the master seldom.  None of it is urgent for a client: what was
 * touched is marked on its socket, and its last FIN does not wait for a close.  Nothing is lost
 * when the channel is full for a moment: it waits for the next pass.
 */
#ifndef WORKER_CONN_TO_MASTER_H
#define WORKER_CONN_TO_MASTER_H

#include "common/chan.h"

/* Ids of one kind that wait to be sent. */
struct id_queue {
	struct msg_id *ids;
	size_t count, room;
};

struct to_master {
	const struct chan *chan;
	uint64_t taken, taken_said;
	struct id_queue touched, shaken, closed;
	uint32_t *suspects;
	size_t suspect_count, suspect_room;
	int gone; /* the master is: say nothing more */
};

void to_master_taken(struct to_master *t);
void to_master_touched(struct to_master *t, uint64_t id);
void to_master_shaken(struct to_master *t, uint64_t id);
void to_master_closed(struct to_master *t, uint64_t id);
/* A connect to this slot, or a TLS handshake with it, failed. */
void to_master_suspect(struct to_master *t, uint32_t slot);

/* Whether anything has gathered, and whether there is enough of it to send at once. */
int to_master_waiting(const struct to_master *t);
int to_master_urgent(const struct to_master *t);

/*
 * Send what has gathered.  Returns 1 if something is left because the channel is full (call again
 * when it is writable), else 0.
 */
int to_master_flush(struct to_master *t);

#endif
