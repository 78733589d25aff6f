/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* How many descriptors there may be, and what follows for connections; how large files may be. */
#ifndef MASTER_HOST_RLIMIT_H
#define MASTER_HOST_RLIMIT_H

#include <stddef.h>
#include <stdint.h>

/* What the limit of descriptors leaves room for. */
struct room {
	uint32_t worker_conns; /* connections of one worker */
	size_t held;           /* descriptors that we hold for workers */
};

/*
 * Raise the limits as far as we may, children inherit them, and say so if that of descriptors is
 * low, unless quiet.  Ends the process when that of file sizes is too low.
 */
void rlimit_raise(struct room *r_r, int quiet);

/* What can be done about an error that a limit is the usual reason for; "" for others. */
const char *rlimit_hint(int error);

#endif
