/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * TCP keep-alive, the same on both sides of a connection: after so much silence the peer is asked,
 * and one that does not answer is noticed KEEPALIVE_GRACE later.
 */
#ifndef COMMON_KEEPALIVE_H
#define COMMON_KEEPALIVE_H

#include <stdint.h>

#define KEEPALIVE_GRACE 60000 /* milliseconds from the first question to the end */

/*
 * Ask after idle_ms of silence, rounded up to seconds; 0: never.  A listening socket hands it on to
 * every connection that it accepts, without a call for each.
 */
void keepalive_set(int fd, uint32_t idle_ms);

#endif
