/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The service manager's descriptor store (sd_notify(3), FDSTORE): what lies in it outlives this
 * process, and comes back to the next one as LISTEN_FDS.
 */
#ifndef MASTER_HOST_STORE_H
#define MASTER_HOST_STORE_H

#include "master/host/notify.h"

#define STORE_NAME 96 /* bytes of a name, with its end */

/* Store a copy of fd under this name; fd stays the caller's.  -1: as store_remove. */
void store_put(struct notify *n, const char *name, int fd);

/* Remove every descriptor that has this name. */
void store_remove(struct notify *n, const char *name);

#endif
