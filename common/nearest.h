/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* "Did you mean ...?" */
#ifndef COMMON_NEAREST_H
#define COMMON_NEAREST_H

#include <stddef.h>

#define NEAREST_MOST 64 /* bytes of a word; nothing is near to a longer one */

/* Of the given candidates, keep the one nearest to what was written, if it is near enough. */
struct nearest {
	const char *wanted;
	const char *best; /* a candidate, or NULL */
	size_t distance;
};
void nearest_try(struct nearest *n, const char *candidate);

#endif
