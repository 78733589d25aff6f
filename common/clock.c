/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Every process: both clocks are in the vDSO, and clock_gettime is in every filter besides. */
#include "common/clock.h"

#include <time.h>

static uint64_t
read_ms(clockid_t id)
{
	struct timespec t = { 0 };

	(void)clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t
real_ms(void)
{
	return read_ms(CLOCK_REALTIME);
}

uint64_t
mono_ms(void)
{
	return read_ms(CLOCK_MONOTONIC);
}
