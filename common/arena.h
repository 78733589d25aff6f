/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Memory that is freed all at once: what belongs to one configuration. */
#ifndef COMMON_ARENA_H
#define COMMON_ARENA_H

#include <stddef.h>

struct arena;

/* All end the process when memory runs out: a configuration is read at start or reload only. */
struct arena *arena_new(void);
void arena_free(struct arena **a);
void *arena_zalloc(struct arena *a, size_t count, size_t size);
/*
 * Room for one more item behind the count that there are: returns items, or a copy of twice the
 * room, which is all zero behind them.  *room is 0 and items NULL at first.
 */
void *arena_grow(struct arena *a, void *items, size_t *room, size_t count, size_t size);
char *arena_strdup(struct arena *a, const char *s);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
