/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * How many connections are open: by the master's own records, or where an earlier master took
 * those with it, by what its workers count themselves.
 */
#ifndef MASTER_LIFE_COUNTS_H
#define MASTER_LIFE_COUNTS_H

#include "master/life/master.h"

/* Of one worker. */
size_t counts_worker(const struct worker *w);
/* Of all, and those that no worker has yet. */
size_t counts_all(const struct master *m);

#endif
