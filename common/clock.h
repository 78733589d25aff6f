/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The two clocks, in milliseconds.  Inside a loop, loop_now is cheaper and the same all pass. */
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include <stdint.h>

/* Since 1970: for people and for what is compared between machines.  It may jump. */
uint64_t real_ms(void);

/* CLOCK_MONOTONIC: for how long something took or may take. */
uint64_t mono_ms(void);

#endif
