/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Listening sockets from the service manager, sd_listen_fds(3). */
#ifndef MASTER_DOOR_INHERIT_H
#define MASTER_DOOR_INHERIT_H

#include "master/door/door.h"

/*
 * Put the sockets that LISTEN_FDS speaks of into d->given, and take the variables out of the
 * environment.  What is no listening TCP socket stays open and is not touched.
 */
void inherit_listeners(struct door *d);

/*
 * The socket for this address, taken out of d->given; NULL: there is none.
 */
struct listener *inherit_find(struct door *d, const struct addr *a);

/* Close those that an earlier master had stored and that nobody uses any more. */
void inherit_drop(struct door *d);

#endif
