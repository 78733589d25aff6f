/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The event loop of every process: epoll, and two wheels of lazy timers.
 *
 * The near wheel has a slot for each tick; what is further away stands in the far wheel, where
 * seconds share a slot, and moves to the near one when its slot begins.  A later deadline is only
 * written down; the wheel finds the timer early then and moves it on.  So ten thousand idle
 * connections wake nobody until the first of them is due.
 */
#include "common/loop.h"

#include "common/clock.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define SLOTS   1024u
#define TICK_MS 8u    /* near: 8 s */
#define FAR_MS  4096u /* far: 70 minutes; less than the near wheel's whole turn */
#define EVENTS  256

#define ALWAYS ((uint32_t)EPOLLERR | EPOLLHUP) /* the kernel tells these unasked */

struct wheel {
	uint64_t at;               /* the last turn whose slot was emptied: of time / ms */
	uint64_t used[SLOTS / 64]; /* one bit a slot: something may stand in it */
	struct timer *slots[SLOTS];
};

struct loop {
	int epoll;
	int fetched, next; /* events: how many were fetched, and the first not yet called */
	int yielded;       /* this pass shall end, or the last one did, before all were called */
	struct epoll_event events[EVENTS];
	uint64_t now; /* milliseconds */
	struct wheel near, far;
};

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
	l->now = mono_ms();
	l->near.at = l->now / TICK_MS;
	l->far.at = l->now / FAR_MS;
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

static void
put(struct wheel *w, uint64_t turn, struct timer *t)
{
	struct timer **slot = &w->slots[turn % SLOTS];

	t->next = *slot;
	t->prev = slot;
	if (t->next)
		t->next->prev = &t->next;
	*slot = t;
	w->used[turn % SLOTS / 64] |= UINT64_C(1) << (turn % 64);
}

/* Put t where a wheel will find it: near at its deadline, far some seconds or turns early. */
static void
link_timer(struct loop *l, struct timer *t)
{
	uint64_t tick = (t->deadline + TICK_MS - 1) / TICK_MS, turn = t->deadline / FAR_MS;

	if (tick <= l->near.at)
		tick = l->near.at + 1;
	if (turn >= l->far.at + SLOTS)
		turn = l->far.at + SLOTS - 1;
	if (tick < l->near.at + SLOTS)
		put(&l->near, tick, t);
	else
		put(&l->far, turn, t);
}

void
timer_set(struct loop *l, struct timer *t, uint64_t ms)
{
	/* A week is longer than anything that can be configured; no sum can wrap. */
	const uint64_t most = UINT64_C(7) * 24 * 3600 * 1000;
	uint64_t before = t->deadline;

	t->deadline = l->now + (ms < most ? ms : most);
	if (t->prev && before <= t->deadline)
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
 * The first turn after w->at in whose slot something stands; 0: the wheel is empty.  The word of
 * the first turn comes last once more, for the slots before it.
 */
static uint64_t
next_turn(struct wheel *w)
{
	uint64_t first = w->at + 1, base = first - first % 64;
	uint64_t mask = ~UINT64_C(0) << (first % 64);

	for (; base < first + SLOTS; base += 64, mask = ~UINT64_C(0)) {
		uint64_t *word = &w->used[base % SLOTS / 64], bits;

		while ((bits = *word & mask) != 0) {
			uint64_t turn = base + (uint64_t)__builtin_ctzll(bits);

			if (w->slots[turn % SLOTS])
				return turn;
			*word &= ~(UINT64_C(1) << (turn % 64)); /* all of it was stopped */
		}
	}
	return 0;
}

/* Call what is due in this slot, and find a new place for the rest. */
static void
run_slot(struct loop *l, struct wheel *w, uint64_t turn)
{
	struct timer **slot = &w->slots[turn % SLOTS];
	struct timer *due = *slot, *t;

	w->at = turn;
	*slot = NULL;
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
run_wheel(struct loop *l, struct wheel *w, uint64_t until)
{
	uint64_t turn;

	while ((turn = next_turn(w)) != 0 && turn <= until)
		run_slot(l, w, turn);
	if (until > w->at)
		w->at = until;
}

static int
wait_ms(struct loop *l, int max_ms)
{
	uint64_t near = next_turn(&l->near) * TICK_MS, far = next_turn(&l->far) * FAR_MS;
	uint64_t at = near && (!far || near < far) ? near : far;
	uint64_t ms = at > l->now ? at - l->now : 0;

	if (at == 0 || (max_ms >= 0 && ms > (uint64_t)max_ms))
		return max_ms;
	return (int)(ms < INT_MAX ? ms : INT_MAX);
}

uint64_t
loop_lasted(const struct loop *l)
{
	return mono_ms() - l->now;
}

void
loop_yield(struct loop *l)
{
	l->yielded = 1;
}

int
loop_yielded(const struct loop *l)
{
	return l->yielded;
}

/* Call everybody for whom events were fetched, unless a callback yields. */
static void
call_fetched(struct loop *l)
{
	while (l->next < l->fetched && !l->yielded) {
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
}

/* New events, when all earlier ones were called. */
static int
fetch(struct loop *l, int max_ms)
{
	int n;

	if (l->next < l->fetched)
		return 0;
	l->fetched = l->next = 0;
	n = epoll_wait(l->epoll, l->events, EVENTS, wait_ms(l, max_ms));
	if (n == -1 && errno != EINTR)
		return -1;
	l->fetched = n > 0 ? n : 0;
	return 0;
}

int
loop_once(struct loop *l, int max_ms)
{
	/* What was done since the last pass took time, too. */
	l->now = mono_ms();
	if (fetch(l, max_ms) == -1)
		return -1;
	l->now = mono_ms();
	l->yielded = 0;
	call_fetched(l);
	run_wheel(l, &l->near, l->now / TICK_MS);
	run_wheel(l, &l->far, l->now / FAR_MS);
	return 0;
}
