/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Accept in bursts and hand over (handover.h); listeners are polled only while somebody can take
 * what comes.
 */
#ifndef MASTER_DOOR_ACCEPT_H
#define MASTER_DOOR_ACCEPT_H

#include "master/door/door.h"

/* Connections that wait at a listener, at the most. */
#define BACKLOG 4096

/* The listener's event. */
void accept_event(struct watch *w, uint32_t events);

/*
 * Things may have changed that accepting depends on (credit, a new worker, descriptors): hand over
 * what is parked, then poll the listeners or stop polling them.
 */
void accept_resume(struct door *d);

/* Take everything that waits in this listener's backlog: it is about to be closed. */
void accept_rest(struct listener *l);

/* Whether accept failed with this error for want of descriptors or memory: to be tried later. */
int accept_no_room(int error);

#endif
