/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * How long to wait before a dead child is followed by another.  A child that served and died is
 * replaced at once: an attacker who can crash workers must not be able to keep the service down
 * by it.  Only deaths before READY count, and loops: five deaths in ten seconds without one
 * finished connection.
 */
#ifndef MASTER_CHILD_BACKOFF_H
#define MASTER_CHILD_BACKOFF_H

#include <stdint.h>

#define BACKOFF_LOOP    5     /* deaths ... */
#define BACKOFF_LOOP_MS 10000 /* ... within so much time */
#define BACKOFF_FIRST   100   /* milliseconds */
#define BACKOFF_MOST    30000

struct backoff {
	uint32_t step;                 /* how often the delay was doubled; 0: none */
	uint64_t deaths[BACKOFF_LOOP]; /* the latest ones, a ring */
	uint32_t next;
};

/*
 * A child has died at `now` (milliseconds, any clock that goes on).  was_ready: it had said READY;
 * finished: a connection ended well since the last death.
 * Returns how many milliseconds to wait before the next one is started.
 */
uint64_t backoff_died(struct backoff *b, uint64_t now, int was_ready, int finished);

#endif
