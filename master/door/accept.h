/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * From the listeners to the workers: accept in bursts, give each connection to the least loaded
 * worker that has credit, send each worker its share in one message.
 */
#ifndef MASTER_DOOR_ACCEPT_H
#define MASTER_DOOR_ACCEPT_H

#include "master/life/master.h"

/* Connections a worker may have been handed and not taken yet. */
#define WORKER_CREDIT 64

/* Connections that wait at a listener, at the most. */
#define BACKLOG 4096

/* The listener's event. */
void accept_event(struct watch *w, uint32_t events);

/*
 * Things may have changed that accepting depends on (credit, a new worker, descriptors): hand over
 * what is parked, then poll the listeners or stop polling them.
 */
void accept_resume(struct master *m);

/* Take everything that waits in this listener's backlog: it is about to be closed. */
void accept_rest(struct listener *l);

/* Whether accept failed with this error for want of descriptors or memory: to be tried later. */
int accept_no_room(int error);

/*
 * A worker is dead: connections that it has not touched are parked for another one, the
 * others end.
 */
void worker_lost(struct worker *w);

#endif
