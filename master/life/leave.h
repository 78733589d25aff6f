/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * A restart as the unit's stop helper asks for it (SIGURG): this master ends and leaves open ports,
 * workers and their sessions to the next one, which finds them in the service manager's store.
 */
#ifndef MASTER_LIFE_LEAVE_H
#define MASTER_LIFE_LEAVE_H

#include "master/life/master.h"

/* Begin to leave.  Without a manager that keeps what we leave nothing happens. */
void leave_begin(struct master *m);

#endif
