/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The loop under a clock of the test's own: waiting moves the clock on, so hours pass in no time
 * and nothing here depends on the machine.
 */
#include "common/container.h"
#include "common/loop.h"

#include <check.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static uint64_t fake_ms;
static int in_loop; /* else it is Check that asks for the time */
static int waits;

int
clock_gettime(clockid_t id, struct timespec *t)
{
	if (!in_loop || id != CLOCK_MONOTONIC)
		return (int)syscall(SYS_clock_gettime, id, t);
	t->tv_sec = (time_t)(fake_ms / 1000);
	t->tv_nsec = (long)(fake_ms % 1000) * 1000000;
	return 0;
}

int
epoll_wait(int ep, struct epoll_event *ev, int max, int timeout)
{
	int n = (int)syscall(SYS_epoll_pwait, ep, ev, max, 0, NULL, 0);

	waits++;
	if (n == 0) {
		ck_assert_msg(timeout >= 0, "would wait for ever");
		fake_ms += (uint64_t)timeout;
	}
	return n;
}

static struct loop *loop;

static int
pass(int max_ms)
{
	int res;

	in_loop = 1;
	res = loop_once(loop, max_ms);
	in_loop = 0;
	return res;
}

static void
setup(void)
{
	fake_ms = 1000003;
	in_loop = 1;
	loop = loop_new();
	in_loop = 0;
	ck_assert_ptr_nonnull(loop);
}

static void
teardown(void)
{
	loop_free(&loop);
	ck_assert_ptr_null(loop);
}

#define TIMERS 500
static struct item {
	struct timer t;
	uint64_t due; /* what the test believes; 0: not set */
	int fired;
} items[TIMERS];

static void
on_item(struct timer *t)
{
	struct item *it = CONTAINER(t, struct item, t);

	ck_assert_msg(it->due != 0, "a stopped timer fired");
	ck_assert_msg(fake_ms >= it->due, "%lu ms early", it->due - fake_ms);
	ck_assert_msg(fake_ms <= it->due + 16, "%lu ms late", fake_ms - it->due);
	ck_assert_uint_eq(t->deadline, 0);
	it->due = 0;
	it->fired++;
}

static uint64_t
random_ms(void)
{
	static const uint64_t spans[] = { 1, 20, 500, 65536, 70000, 1860000, 90000000 };

	return (uint64_t)random() % spans[random() % 7];
}

/* Random settings, later, earlier and stopped, against what the test remembers. */
START_TEST(timers_fire_when_due)
{
	int fired = 0, set = 0;

	srandom((unsigned)_i);
	for (int i = 0; i < TIMERS; i++)
		items[i].t.fn = on_item;
	for (int step = 0; step < 20000; step++) {
		struct item *it = &items[random() % TIMERS];
		uint64_t ms = random_ms();

		if (random() % 8 == 0) {
			timer_stop(&it->t);
			it->due = 0;
		} else {
			set += it->due == 0;
			timer_set(loop, &it->t, ms);
			it->due = loop_now(loop) + ms;
		}
		if (random() % 4 == 0)
			ck_assert_int_eq(pass((int)(random() % 3000)), 0);
	}
	for (int i = 0; i < TIMERS; i++)
		while (items[i].due)
			ck_assert_int_eq(pass(3600000), 0);
	for (int i = 0; i < TIMERS; i++)
		fired += items[i].fired;
	ck_assert_int_gt(fired, set / 10);
}
END_TEST

/* Moving a deadline on is a store: the wheels wake for it a few times, not once a move. */
START_TEST(later_is_lazy)
{
	static struct item it = { .t.fn = on_item };

	timer_set(loop, &it.t, 1860000);
	for (int i = 0; i < 100000; i++) {
		fake_ms += 10;
		pass(0);
		timer_set(loop, &it.t, 1860000);
	}
	it.due = loop_now(loop) + 1860000;
	waits = 0;
	while (!it.fired)
		pass(-1);
	ck_assert_int_le(waits, 4);
}
END_TEST

/* Thousands of idle connections: while nothing is due nothing wakes, however they came. */
START_TEST(far_timers_wake_nobody)
{
	static struct item crowd[5000];
	const size_t n = sizeof(crowd) / sizeof(crowd[0]);
	uint64_t first;

	for (size_t i = 0; i < n; i++) {
		crowd[i].t.fn = on_item;
		timer_set(loop, &crowd[i].t, 30000); /* the handshake */
		fake_ms += 13;
		pass(0);
		timer_set(loop, &crowd[i].t, 1860000);
		crowd[i].due = loop_now(loop) + 1860000;
	}
	first = crowd[0].due;
	while (fake_ms < crowd[n - 1].due - 1860000 + 40000)
		pass(1000);
	for (waits = 0; fake_ms < first - 10000;)
		pass((int)(first - 10000 - fake_ms));
	ck_assert_int_le(waits, 2);
	while (!crowd[n - 1].fired)
		pass(-1);
	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(crowd[i].fired, 1);
}
END_TEST

/* What was stopped leaves no wake-up behind. */
START_TEST(stopped_timers_wake_nobody)
{
	static struct item gone[100], it = { .t.fn = on_item };

	for (size_t i = 0; i < 100; i++)
		timer_set(loop, &gone[i].t, 100 * i);
	for (size_t i = 0; i < 100; i++)
		timer_stop(&gone[i].t);
	timer_set(loop, &it.t, 8000);
	it.due = loop_now(loop) + 8000;
	for (waits = 0; !it.fired;)
		pass(-1);
	ck_assert_int_le(waits, 2);
}
END_TEST

/* The machine slept for a day: everything due comes at once, the rest stands. */
START_TEST(after_a_long_sleep)
{
	struct item near = { .t.fn = on_item }, far = { .t.fn = on_item };
	struct item hour = { .t.fn = on_item };

	timer_set(loop, &near.t, 50);
	timer_set(loop, &hour.t, 3600000);
	timer_set(loop, &far.t, 2 * 86400000);
	far.due = loop_now(loop) + 2 * 86400000;
	fake_ms += 86400000;
	near.due = hour.due = fake_ms;
	pass(0);
	ck_assert_int_eq(near.fired, 1);
	ck_assert_int_eq(hour.fired, 1);
	ck_assert_int_eq(far.fired, 0);
	while (!far.fired)
		pass(-1);
}
END_TEST

static struct timer *victims[3];
static int survivors;

static void
on_killer(struct timer *t)
{
	(void)t;
	survivors++;
	for (int i = 0; i < 3; i++) {
		if (victims[i])
			timer_stop(victims[i]);
		free(victims[i]);
		victims[i] = NULL;
	}
}

/* Timers of one slot, each of which frees all of them, itself included. */
START_TEST(callback_frees_its_neighbours)
{
	for (int i = 0; i < 3; i++) {
		victims[i] = calloc(1, sizeof(*victims[i]));
		victims[i]->fn = on_killer;
		timer_set(loop, victims[i], 100);
	}
	for (int i = 0; i < 5; i++)
		pass(100);
	ck_assert_int_eq(survivors, 1);
}
END_TEST

static void
on_again(struct timer *t)
{
	survivors++;
	timer_set(loop, t, 0);
}

START_TEST(timer_that_sets_itself_lets_others_live)
{
	struct timer t = { .fn = on_again };

	timer_set(loop, &t, 0);
	for (int i = 0; i < 10; i++)
		pass(8);
	ck_assert_int_ge(survivors, 5);
	ck_assert_int_le(survivors, 20);
	timer_stop(&t);
	timer_stop(&t);
	ck_assert_int_eq(pass(5), 0);
}
END_TEST

struct ear {
	struct watch w;
	int calls;
	uint32_t got;
	int what; /* to do when called */
};
static struct ear *ears[8];

static struct ear *
ear_new(uint32_t events, int what)
{
	struct ear *e = calloc(1, sizeof(*e));

	e->w.fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
	e->what = what;
	ck_assert_int_eq(watch_set(loop, &e->w, events), 0);
	return e;
}

static void
ear_free(struct ear **e)
{
	if (!*e)
		return;
	watch_set(loop, &(*e)->w, 0);
	close((*e)->w.fd);
	free(*e);
	*e = NULL;
}

static int calls;

static void
on_ear(struct watch *w, uint32_t events)
{
	struct ear *e = CONTAINER(w, struct ear, w);

	calls++;
	e->calls++;
	e->got = events;
	if (e->what == 1) /* end everybody, myself too */
		for (int i = 0; i < 8; i++)
			ear_free(&ears[i]);
	else if (e->what == 2) /* nobody wants to write any more */
		for (int i = 0; i < 8; i++)
			watch_set(loop, &ears[i]->w, EPOLLIN);
	else if (e->what == 3) /* take everybody out and in again */
		for (int i = 0; i < 8; i++) {
			watch_set(loop, &ears[i]->w, 0);
			watch_set(loop, &ears[i]->w, EPOLLOUT);
		}
}

/* Each takes 30 ms, and gives way when the pass has lasted 50. */
static void
on_slow_ear(struct watch *w, uint32_t events)
{
	on_ear(w, events);
	fake_ms += 30;
	if (loop_lasted(loop) >= 50)
		loop_yield(loop);
}

/* Whoever gives way lets nobody starve: the others come next, although all are ready again. */
START_TEST(a_pass_that_gives_way)
{
	for (int i = 0; i < 8; i++) {
		ears[i] = ear_new(EPOLLIN, 0);
		ears[i]->w.fn = on_slow_ear;
	}
	for (int n = 1; n <= 4; n++) {
		waits = 0;
		pass(-1);
		ck_assert_int_eq(calls, 2 * n);
		ck_assert_int_eq(loop_yielded(loop), 1);
		ck_assert_int_eq(waits, n == 1);
	}
	for (int i = 0; i < 8; i++)
		ck_assert_int_eq(ears[i]->calls, 1);
	/* Between the passes, too, they may go. */
	pass(-1);
	for (int i = 0; i < 8; i++)
		ear_free(&ears[i]);
	pass(0);
	ck_assert_int_eq(calls, 10);
	ck_assert_int_eq(loop_yielded(loop), 0);
}
END_TEST

START_TEST(events_of_the_removed_are_dropped)
{
	for (int i = 0; i < 8; i++) {
		ears[i] = ear_new(EPOLLIN, 1);
		ears[i]->w.fn = on_ear;
	}
	pass(0);
	ck_assert_int_eq(calls, 1);
	pass(0);
	ck_assert_int_eq(calls, 1);
}
END_TEST

START_TEST(interest_may_change_in_a_pass)
{
	for (int i = 0; i < 8; i++) {
		ears[i] = ear_new(EPOLLOUT, 2 + _i);
		ears[i]->w.fn = on_ear;
	}
	pass(0);
	ck_assert_int_eq(calls, 1);
	for (int i = 0; i < 8; i++)
		ears[i]->what = 0;
	pass(0);
	ck_assert_int_eq(calls, 9);
	for (int i = 0; i < 8; i++) {
		ck_assert_uint_eq(ears[i]->got, _i == 0 ? EPOLLIN : EPOLLOUT);
		ear_free(&ears[i]);
	}
}
END_TEST

/* Setting what is set costs no system call: the kernel would refuse to add it twice. */
START_TEST(watch_is_cached)
{
	struct watch w = { .fn = on_ear, .fd = eventfd(0, EFD_CLOEXEC) };

	ck_assert_int_eq(watch_set(loop, &w, EPOLLIN), 0);
	close(w.fd);
	ck_assert_int_eq(watch_set(loop, &w, EPOLLIN), 0);
	ck_assert_int_eq(watch_set(loop, &w, EPOLLOUT), -1);
	ck_assert_int_eq(watch_set(loop, &w, 0), -1);
	ck_assert_uint_eq(w.events, 0);
	ck_assert_int_eq(watch_set(loop, &w, 0), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("loop");
	TCase *t = tcase_create("loop");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, timers_fire_when_due, 0, 8);
	tcase_add_test(t, later_is_lazy);
	tcase_add_test(t, far_timers_wake_nobody);
	tcase_add_test(t, stopped_timers_wake_nobody);
	tcase_add_test(t, after_a_long_sleep);
	tcase_add_test(t, callback_frees_its_neighbours);
	tcase_add_test(t, timer_that_sets_itself_lets_others_live);
	tcase_add_test(t, a_pass_that_gives_way);
	tcase_add_test(t, events_of_the_removed_are_dropped);
	tcase_add_loop_test(t, interest_may_change_in_a_pass, 0, 2);
	tcase_add_test(t, watch_is_cached);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
