/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The event loop of every process: level-triggered epoll and lazy timers, single-threaded.
 *
 * A watch and a timer are embedded in the object that they belong to; the loop owns neither.
 * Setting a timer later than it stands costs a store (it re-arms itself when it fires early), so
 * a deadline may be moved on every byte.  Timers that are far away share their wake-ups.
 */
#ifndef COMMON_LOOP_H
#define COMMON_LOOP_H

#include <stdint.h>

struct loop;

struct watch {
	void (*fn)(struct watch *w, uint32_t events); /* EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP */
	int fd;
	uint16_t events; /* what fn is to be called for; 0: not registered */
	uint16_t asked;  /* what the kernel was asked for: that, and perhaps more */
};

struct timer {
	void (*fn)(struct timer *t);
	uint64_t deadline;          /* CLOCK_MONOTONIC, milliseconds; 0: not set */
	struct timer *next, **prev; /* in a slot of a wheel; prev NULL: in none */
};

/* NULL with errno. */
struct loop *loop_new(void);
void loop_free(struct loop **l);

/* Milliseconds of CLOCK_MONOTONIC, as of this pass of the loop. */
uint64_t loop_now(const struct loop *l);

/*
 * Wait for these events on w->fd from now on; 0 takes it out of the loop.  Costs a system call
 * only if that is more than before, or 0: what is no longer wanted is taken back when it comes.
 * Returns 0, or -1 with errno.  A watch may be changed or removed, and its object freed, from any
 * callback: events already fetched for it in this pass are dropped.
 */
int watch_set(struct loop *l, struct watch *w, uint32_t events);

/*
 * Close w->fd, of which there is no other descriptor anywhere: that takes it out of the loop
 * without a call of its own.
 */
void watch_close(struct loop *l, struct watch *w);

/* Call t->fn in ms milliseconds; replaces an earlier setting.  Resolution: about 10 ms. */
void timer_set(struct loop *l, struct timer *t, uint64_t ms);
void timer_stop(struct timer *t);

/*
 * For a callback that may take long.  How many milliseconds the calls of this pass have taken, and
 * an early end of it: the next pass begins with those that were not called yet.
 */
uint64_t loop_lasted(const struct loop *l);
void loop_yield(struct loop *l);
/* Whether the last pass ended so. */
int loop_yielded(const struct loop *l);

/*
 * One pass: wait for events or the next timer, at most max_ms (-1: no limit), call what is due.
 * Returns 0, or -1 with errno (EINTR is not an error).
 */
int loop_once(struct loop *l, int max_ms);

#endif
