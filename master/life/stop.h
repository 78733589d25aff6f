/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The end of the service; a restart under a service manager is leave.h's. */
#ifndef MASTER_LIFE_STOP_H
#define MASTER_LIFE_STOP_H

#include "master/life/master.h"

/*
 * Stop: ports are closed, connections go on for ms, then end politely; 0: they end now;
 * STOP_NO_END: when they like.
 */
#define STOP_NO_END UINT32_MAX
void stop_begin(struct master *m, enum stopping how, uint32_t ms);

#endif
