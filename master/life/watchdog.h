/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Which children do not do what they should. */
#ifndef MASTER_LIFE_WATCHDOG_H
#define MASTER_LIFE_WATCHDOG_H

#include "master/life/generation.h"

/* Heartbeats and watchdogs of one generation; after_stall: we ourselves were late. */
void watchdog_tick(struct generation *g, int after_stall);

#endif
