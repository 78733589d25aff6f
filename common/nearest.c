/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Which of the words that are known somebody may have meant.  Every process; no word is trusted. */
#include "common/nearest.h"

#include <ctype.h>
#include <string.h>

/* Upper and lower case, `-` and `_` are the same when guessing. */
static int
folded(char c)
{
	return c == '-' ? '_' : tolower((unsigned char)c);
}

static size_t
least(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* How many letters must be added, dropped, changed or swapped with their neighbour. */
static size_t
distance(const char *a, size_t alen, const char *b, size_t blen)
{
	size_t rows[3][NEAREST_MOST + 1], *before = rows[0], *last = rows[1], *now = rows[2], *t;

	for (size_t j = 0; j <= blen; j++)
		last[j] = before[j] = j;
	for (size_t i = 1; i <= alen; i++) {
		now[0] = i;
		for (size_t j = 1; j <= blen; j++) {
			size_t differ = folded(a[i - 1]) != folded(b[j - 1]);

			now[j] = least(last[j] + 1, now[j - 1] + 1, last[j - 1] + differ);
			if (differ && i > 1 && j > 1 && folded(a[i - 1]) == folded(b[j - 2]) &&
			    folded(a[i - 2]) == folded(b[j - 1]))
				now[j] = least(now[j], before[j - 2] + 1, now[j]);
		}
		t = before;
		before = last;
		last = now;
		now = t;
	}
	return last[blen];
}

void
nearest_try(struct nearest *n, const char *candidate)
{
	size_t wanted = strlen(n->wanted), len = strlen(candidate), d, limit;

	if (wanted > NEAREST_MOST || len > NEAREST_MOST)
		return;
	d = distance(n->wanted, wanted, candidate, len);
	/* One letter in three may be wrong, but "up" is not nearly "to". */
	limit = (wanted > len ? wanted : len) / 3;
	if (d > limit || (n->best && d >= n->distance))
		return;
	n->best = candidate;
	n->distance = d;
}
