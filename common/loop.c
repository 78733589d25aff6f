/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The event loop of every process: epoll, and one wheel of lazy timers.
 *
 * A timer stands in the slot of its tick.  A later deadline is only written down; the wheel finds
 * the timer early then and moves it on, as it does with one that is more than a turn away.
 */
#include "loop.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define TICK_MS 8u
#define SLOTS   8192u /* 65 s: an idle hour is looked at about 55 times */
#define EVENTS  256

#define ALWAYS ((uint32_t)EPOLLERR | EPOLLHUP) /* the kernel tells these unasked */

struct loop {
	int epoll;
	int fetched, next; /* events of this pass: how many, and the first not yet called */
	struct epoll_event events[EVENTS];
	uint64_t now;              /* milliseconds */
	uint64_t tick;             /* the last one whose slot was emptied */
	uint64_t used[SLOTS / 64]; /* one bit a slot: something may stand in it */
	struct timer *slots[SLOTS];
};

static uint64_t
clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

struct loop *
loop_new(void)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll == -1) {
		free(l);
		return NULL;
	}
	l->now = clock_ms();
	l->tick = l->now / TICK_MS;
	return l;
}

void
loop_free(struct loop **l)
{
	if (!*l)
		return;
	close((*l)->epoll);
	free(*l);
	*l = NULL;
}

uint64_t
loop_now(const struct loop *l)
{
	return l->now;
}

/* Events of this pass that were fetched for w and not yet called are nobody's any more. */
static void
drop_fetched(struct loop *l, const struct watch *w)
{
	for (int i = l->next; i < l->fetched; i++)
		if (l->events[i].data.ptr == w)
			l->events[i].data.ptr = NULL;
}

static int
ask(const struct loop *l, struct watch *w, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = w };
	int op = events == 0 ? EPOLL_CTL_DEL : w->asked == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;

	if (epoll_ctl(l->epoll, op, w->fd, &ev) == -1) {
		w->asked = op == EPOLL_CTL_DEL ? 0 : w->asked;
		w->events = w->asked;
		return -1;
	}
	w->asked = (uint16_t)events;
	return 0;
}

int
watch_set(struct loop *l, struct watch *w, uint32_t events)
{
	if (events == w->events)
		return 0;
	if (events == 0)
		drop_fetched(l, w);
	w->events = (uint16_t)events;
	if (events && w->asked && !(events & ~(w->asked | ALWAYS)))
		return 0;
	return ask(l, w, events);
}

void
watch_close(struct loop *l, struct watch *w)
{
	if (w->asked)
		drop_fetched(l, w);
	close(w->fd);
	w->fd = -1;
	w->events = w->asked = 0;
}

static void
unlink_timer(struct timer *t)
{
	if (!t->prev)
		return;
	*t->prev = t->next;
	if (t->next)
		t->next->prev = t->prev;
	t->prev = NULL;
}

/* Put t where the wheel will find it at its deadline, maybe some turns early. */
static void
link_timer(struct loop *l, struct timer *t)
{
	uint64_t tick = (t->deadline + TICK_MS - 1) / TICK_MS;
	struct timer **slot;

	if (tick <= l->tick)
		tick = l->tick + 1;
	slot = &l->slots[tick % SLOTS];
	t->armed = tick * TICK_MS;
	t->next = *slot;
	t->prev = slot;
	if (t->next)
		t->next->prev = &t->next;
	*slot = t;
	l->used[tick % SLOTS / 64] |= UINT64_C(1) << (tick % 64);
}

void
timer_set(struct loop *l, struct timer *t, uint64_t ms)
{
	/* A week is longer than anything that can be configured; no sum can wrap. */
	const uint64_t most = UINT64_C(7) * 24 * 3600 * 1000;

	t->deadline = l->now + (ms < most ? ms : most);
	if (t->prev && t->armed <= t->deadline)
		return;
	unlink_timer(t);
	link_timer(l, t);
}

void
timer_stop(struct timer *t)
{
	unlink_timer(t);
	t->deadline = 0;
}

/*
 * The first tick after l->tick whose slot may hold something; 0: the wheel is empty.  The word of
 * the first tick comes last once more, for the slots before it.
 */
static uint64_t
next_tick(const struct loop *l)
{
	uint64_t first = l->tick + 1;
	uint64_t bits = l->used[first % SLOTS / 64] & (~UINT64_C(0) << (first % 64));

	for (uint64_t base = first - first % 64; base < first + SLOTS;) {
		if (bits)
			return base + (uint64_t)__builtin_ctzll(bits);
		base += 64;
		bits = l->used[base % SLOTS / 64];
	}
	return 0;
}

static void
run_slot(struct loop *l, uint64_t tick)
{
	struct timer **slot = &l->slots[tick % SLOTS];
	struct timer *due = *slot, *t;

	*slot = NULL;
	l->used[tick % SLOTS / 64] &= ~(UINT64_C(1) << (tick % 64));
	/* A callback may stop or free any timer, also those that still stand in this list. */
	if (due)
		due->prev = &due;
	while ((t = due)) {
		unlink_timer(t);
		if (t->deadline > l->now) {
			link_timer(l, t);
			continue;
		}
		t->deadline = 0;
		t->fn(t);
	}
}

static void
run_timers(struct loop *l)
{
	uint64_t until = l->now / TICK_MS, tick;

	while ((tick = next_tick(l)) != 0 && tick <= until) {
		l->tick = tick;
		run_slot(l, tick);
	}
	if (until > l->tick)
		l->tick = until;
}

static int
wait_ms(const struct loop *l, int max_ms)
{
	uint64_t tick = next_tick(l), at, ms;

	if (tick == 0)
		return max_ms;
	at = tick * TICK_MS;
	ms = at > l->now ? at - l->now : 0;
	if (max_ms >= 0 && ms > (uint64_t)max_ms)
		return max_ms;
	return (int)(ms < INT_MAX ? ms : INT_MAX);
}

int
loop_once(struct loop *l, int max_ms)
{
	int n;

	/* What was done since the last pass took time, too. */
	l->now = clock_ms();
	n = epoll_wait(l->epoll, l->events, EVENTS, wait_ms(l, max_ms));
	if (n == -1 && errno != EINTR)
		return -1;
	l->now = clock_ms();
	l->fetched = n > 0 ? n : 0;
	for (l->next = 0; l->next < l->fetched;) {
		const struct epoll_event *ev = &l->events[l->next++];
		struct watch *w = ev->data.ptr;
		uint32_t events;

		if (!w)
			continue;
		/* Interest may have changed since; errors and the end are always of interest. */
		events = ev->events & (w->events | ALWAYS);
		if (events)
			w->fn(w, events);
		else if (w->asked != w->events)
			(void)ask(l, w, w->events);
	}
	l->fetched = 0;
	run_timers(l);
	return 0;
}
