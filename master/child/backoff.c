/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Back-off between a child's death and the next one's birth: arithmetic only.  Master. */
#include "master/child/backoff.h"

#include <string.h>

/* Whether the last BACKOFF_LOOP deaths, this one included, came within BACKOFF_LOOP_MS. */
static int
is_loop(struct backoff *b, uint64_t now)
{
	uint64_t oldest;

	b->deaths[b->next] = now;
	b->next = (b->next + 1) % BACKOFF_LOOP;
	oldest = b->deaths[b->next];
	return oldest != 0 && now - oldest <= BACKOFF_LOOP_MS;
}

uint64_t
backoff_died(struct backoff *b, uint64_t now, int was_ready, int finished)
{
	uint64_t delay = BACKOFF_FIRST;

	if (was_ready && finished)
		memset(b, 0, sizeof(*b));
	if (!is_loop(b, now) && was_ready) {
		b->step = 0;
		return 0;
	}
	for (uint32_t i = 0; i < b->step && delay < BACKOFF_MOST; i++)
		delay *= 2;
	b->step++;
	return delay < BACKOFF_MOST ? delay : BACKOFF_MOST;
}
