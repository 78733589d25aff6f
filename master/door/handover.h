/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * From the parked connections to the takers: each to the least loaded one that has credit, each
 * taker's share in one message.  What a taker has not looked at survives it.
 */
#ifndef MASTER_DOOR_HANDOVER_H
#define MASTER_DOOR_HANDOVER_H

#include "master/door/door.h"

/* Connections a taker may have been handed and not taken yet. */
#define TAKER_CREDIT 64

/* The least loaded taker that has credit, or NULL. */
struct taker *handover_pick(struct door *d);

/* Give it this parked connection; sent with the others of its batch, at the latest by the flush. */
void handover_give(struct door *d, struct conn *c, struct taker *t);
void handover_flush(struct door *d);

/* Give the parked ones, as far as there is credit, and flush. */
void handover_parked(struct door *d);

/* Whether connections of this listener (index in the conf) need a keeper. */
int handover_ends_tls(const struct conf *conf, uint32_t listener);

/*
 * Its process is dead: connections that it has not touched are parked for another one, the others
 * end.  A new process in its place begins with nothing.
 */
void handover_lost(struct taker *t);
void handover_begin(struct taker *t);

#endif
