/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Memory that is freed all at once: each piece is an allocation of its own in one list, so that
 * valgrind and ASan still see a step beyond its end.  Every process that reads a configuration
 * uses it.
 */
#include "common/arena.h"

#include "common/log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct piece {
	struct piece *next;
	max_align_t data[];
};

struct arena {
	struct piece *pieces;
};

struct arena *
arena_new(void)
{
	struct arena *a = calloc(1, sizeof(*a));

	if (!a)
		fatal("out of memory");
	return a;
}

void
arena_free(struct arena **a)
{
	struct piece *p, *next;

	if (!*a)
		return;
	for (p = (*a)->pieces; p; p = next) {
		next = p->next;
		free(p);
	}
	free(*a);
	*a = NULL;
}

void *
arena_zalloc(struct arena *a, size_t count, size_t size)
{
	struct piece *p;
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes) ||
	    __builtin_add_overflow(bytes, sizeof(*p), &bytes) || (p = calloc(1, bytes)) == NULL)
		fatal("out of memory");
	p->next = a->pieces;
	a->pieces = p;
	return p->data;
}

void *
arena_grow(struct arena *a, void *items, size_t *room, size_t count, size_t size)
{
	void *larger;

	if (count < *room)
		return items;
	*room = *room == 0 ? 8 : *room * 2;
	larger = arena_zalloc(a, *room, size);
	if (count > 0)
		memcpy(larger, items, count * size);
	return larger;
}

char *
arena_strdup(struct arena *a, const char *s)
{
	size_t size = strlen(s) + 1;

	return memcpy(arena_zalloc(a, size, 1), s, size);
}

char *
arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *text;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (len < 0)
		fatal("cannot format a text");
	text = arena_zalloc(a, (size_t)len + 1, 1);
	va_start(ap, fmt);
	vsnprintf(text, (size_t)len + 1, fmt, ap);
	va_end(ap);
	return text;
}
