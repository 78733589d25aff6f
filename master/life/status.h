/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * How the service is, in a verdict with its reasons: the answer to `status`.  The first line is
 * made for Nagios and for whoever looks at a screen at three in the morning.
 */
#ifndef MASTER_LIFE_STATUS_H
#define MASTER_LIFE_STATUS_H

#include "master/life/master.h"

#include <stdio.h>

/*
 * "CRITICAL: no server for frontends imaps, submissions; reload refused 02:14: ...", then a line
 * about the instance, then the table of servers.
 */
void status_show(struct master *m, FILE *f);

/* "02:14", where it was not today with its date before it. */
#define STATUS_TIME 24
const char *status_time(uint64_t ms, char buf_r[STATUS_TIME]);

/* "upgrade to 0.3.0 refused 02:14: ...; 0.2.0 runs on"; "" if the last one was not refused. */
#define STATUS_UPGRADE (UPGRADE_WHY + 160)
const char *status_upgrade(const struct master *m, char buf_r[STATUS_UPGRADE]);

#endif
