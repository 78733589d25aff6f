/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * When each server is checked.  Runs in the checker; trusts the board, which the master writes.
 *
 * Each target is looked at now and then: does it have an address, may it be checked, which interval
 * applies in its present state, is that over?  So a change of state or address needs no message.
 * What is due waits in one queue, from which each pass of the loop starts a few.
 */
#include "checker/schedule.h"

#include "checker/check.h"
#include "common/container.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START_MOST  32   /* checks that one pass starts: those under way come first */
#define FIRST_MS    2000 /* over which thousands of first checks are spread; few take less */
#define PER_MS      4    /* first checks in a millisecond */
#define RETRY_MS    250  /* this host had no descriptor or memory */
#define MAINT_MS    1000 /* how often a server in maintenance, or not in DNS, is looked at */
#define UNKNOWN_MS  20   /* ... and one whose name is being looked up, at first */
#define JITTER_PART 20   /* a twentieth of the interval, more or less */

struct target {
	struct check_owner owner;
	struct note result, days;
	struct timer timer; /* when to look again */
	struct schedule *s;
	struct target *next; /* in the queue */
	struct plan plan;
	uint32_t slot;
	int queued, running;
	int suspected;
	uint32_t rounds;  /* checks so far */
	uint64_t started; /* the last one */
	uint32_t wait;    /* for an address: milliseconds until the next look */
	struct verdict verdict;
	int32_t days_told;
};

struct schedule {
	struct schedule_parts p;
	struct target *targets; /* by slot; plan.check NULL where there is nothing to check */
	struct target *head, **tail;
	uint32_t flying; /* checks whose connection is open */
	uint32_t dice;
};

static void
queue(struct target *t, int first)
{
	struct schedule *s = t->s;

	if (t->queued)
		return;
	t->queued = 1;
	timer_stop(&t->timer);
	t->next = first ? s->head : NULL;
	if (first) {
		if (!s->head)
			s->tail = &t->next;
		s->head = t;
	} else {
		*s->tail = t;
		s->tail = &t->next;
	}
}

static uint32_t
shortest(const struct conf_check *c)
{
	uint32_t ms = c->interval;

	if (c->fast_interval < ms)
		ms = c->fast_interval;
	return c->down_interval < ms ? c->down_interval : ms;
}

/* When the next check of a server in this state begins. */
static uint64_t
due(struct target *t, uint32_t health)
{
	const struct conf_check *c = t->plan.check;
	uint32_t ms = c->interval, share;

	if (t->rounds == 0)
		return 0;
	if (health == HEALTH_GOING_DOWN || health == HEALTH_GOING_UP)
		return t->started + c->fast_interval;
	if (health == HEALTH_DOWN)
		ms = c->down_interval;
	if (t->rounds == 1) {
		/*
		 * First checks came together; the second ones are laid evenly over the interval,
		 * by the golden ratio, whatever slots there are.
		 */
		share = ((t->slot + 1) * 2654435769U) >> 16;
		return t->started + ms / 8 + (uint64_t)(ms - ms / 8) * share / 65536;
	}
	/* The same until the check has begun: any hash of slot and round will do. */
	share = ((t->slot ^ (t->rounds * 0x9e3779b9U) ^ t->s->dice) * 2654435769U) >> 16;
	return t->started + ms - ms / JITTER_PART + 2ULL * (ms / JITTER_PART) * share / 65536;
}

/* Where to connect to, by what the board says now. */
static int
address(const struct target *t, const struct board_server *b, struct addr *a_r)
{
	if (!t->plan.server->host) {
		*a_r = t->plan.server->addr;
		return 1;
	}
	if (b->addr_count == 0)
		return 0;
	*a_r = b->addrs[0];
	return 1;
}

static void
tell(struct target *t, const struct verdict *v)
{
	t->verdict = *v;
	outbox_put(t->s->p.outbox, &t->result);
	if (v->days != INT32_MIN && v->days != t->days_told) {
		t->days_told = v->days;
		outbox_put(t->s->p.outbox, &t->days);
	}
}

/* In conf->servers. */
static size_t
server_index(const struct target *t)
{
	return (size_t)(t->plan.server - t->s->p.conf->servers);
}

/* A server without an address: down if its name has none, else a matter of a moment. */
static void
nowhere(struct target *t, uint32_t health)
{
	const struct conf_server *server = t->plan.server;
	const char *why = "";
	struct verdict v = { .days = INT32_MIN };
	uint64_t now = loop_now(t->s->p.loop);

	if (t->slot == server->slot && resolver_nowhere(t->s->p.resolver, server_index(t), &why) &&
	    now >= due(t, health)) {
		t->started = now;
		t->rounds++;
		verdict_say(&v, CHECK_SOCKERR, 0, REASON_OTHER, 0, why);
		tell(t, &v);
	}
	t->wait = t->wait < UNKNOWN_MS ? UNKNOWN_MS : t->wait * 2;
	if (t->wait > MAINT_MS)
		t->wait = MAINT_MS;
	timer_set(t->s->p.loop, &t->timer, t->wait);
}

/* Is it time for this one? */
static void
look(struct target *t)
{
	struct loop *loop = t->s->p.loop;
	uint64_t now = loop_now(loop), when;
	struct board_server b;
	struct addr a;

	if (t->running || t->queued)
		return;
	board_read(t->s->p.board, t->slot, &b);
	if (b.admin & ADMIN_MAINT) {
		t->suspected = 0;
		timer_set(loop, &t->timer, MAINT_MS);
		return;
	}
	if (!address(t, &b, &a)) {
		nowhere(t, b.health);
		return;
	}
	t->wait = 0;
	/* The last result has to leave before there is a next one. */
	if (t->result.queued || t->days.queued) {
		timer_set(loop, &t->timer, RETRY_MS);
		return;
	}
	when = due(t, b.health);
	if (t->suspected || now >= when) {
		queue(t, t->suspected);
		return;
	}
	/* The state may change before: look as often as the shortest interval asks for. */
	when -= now;
	timer_set(loop, &t->timer, when < shortest(t->plan.check) ? when : shortest(t->plan.check));
}

static void
on_time(struct timer *timer)
{
	look(CONTAINER(timer, struct target, timer));
}

static void
told(struct check_owner *o, const struct verdict *v)
{
	struct target *t = CONTAINER(o, struct target, owner);

	t->running = 0;
	if (v->stands == STANDS_UNASKED) {
		t->suspected = 1; /* it is still to be asked */
		timer_set(t->s->p.loop, &t->timer, RETRY_MS);
		return;
	}
	tell(t, v);
	if (!v->ok)
		resolver_suspect(t->s->p.resolver, server_index(t));
	timer_set(t->s->p.loop, &t->timer, 1);
}

static void
ended(struct check_owner *o)
{
	CONTAINER(o, struct target, owner)->s->flying--;
}

static void
start(struct target *t)
{
	struct board_server b;
	struct check *check;
	struct addr a;

	t->suspected = 0;
	board_read(t->s->p.board, t->slot, &b);
	if (b.admin & ADMIN_MAINT || !address(t, &b, &a)) {
		timer_set(t->s->p.loop, &t->timer, UNKNOWN_MS);
		return;
	}
	check = check_new(t->s->p.loop, &t->plan, &a, &t->owner);
	if (!check) {
		timer_set(t->s->p.loop, &t->timer, RETRY_MS);
		return;
	}
	t->running = 1;
	t->rounds++;
	t->started = loop_now(t->s->p.loop);
	t->s->flying++;
	check_run(&check);
}

int
schedule_start(struct schedule *s)
{
	struct target *t;
	int n;

	for (n = 0; n < START_MOST && s->flying < s->p.descriptors; n++) {
		t = s->head;
		if (!t)
			return 0;
		s->head = t->next;
		if (!s->head)
			s->tail = &s->head;
		t->queued = 0;
		start(t);
	}
	return s->head && s->flying < s->p.descriptors;
}

void
schedule_now(struct schedule *s, uint32_t slot)
{
	struct target *t;

	if (slot >= s->p.conf->slot_count)
		return;
	t = &s->targets[slot];
	if (!t->plan.check)
		return;
	t->suspected = 1;
	look(t);
}

static void
fill_result(struct note *n, struct report *r_r)
{
	const struct target *t = CONTAINER(n, struct target, result);

	r_r->type = REPORT_RESULT;
	r_r->server = t->slot;
	r_r->status = t->verdict.status;
	r_r->ok = (uint32_t)t->verdict.ok;
	r_r->ms = t->verdict.ms;
	r_r->found = t->verdict.found;
}

static void
fill_days(struct note *n, struct report *r_r)
{
	const struct target *t = CONTAINER(n, struct target, days);

	r_r->type = REPORT_CERT_DAYS;
	r_r->server = t->slot;
	r_r->days = t->days_told;
}

static void
target_init(struct schedule *s, const struct conf_server *server, uint32_t slot)
{
	struct target *t = &s->targets[slot];

	plan_make(s->p.conf, server, tls_set_ctx(s->p.tls, server->backend), &t->plan);
	t->owner.told = told;
	t->owner.ended = ended;
	t->result.fill = fill_result;
	t->days.fill = fill_days;
	t->timer.fn = on_time;
	t->days_told = INT32_MIN;
	t->s = s;
	t->slot = slot;
}

struct schedule *
schedule_new(const struct schedule_parts *parts)
{
	struct schedule *s = calloc(1, sizeof(*s));
	const struct conf *conf = parts->conf;
	uint32_t i, k, count = conf->slot_count, window;

	if (!s || (s->targets = calloc(count + 1, sizeof(*s->targets))) == NULL) {
		free(s);
		return NULL;
	}
	s->p = *parts;
	s->tail = &s->head;
	s->dice = (uint32_t)loop_now(parts->loop);
	window = count / PER_MS < FIRST_MS ? count / PER_MS : FIRST_MS;
	for (i = 0; i < conf->server_count; i++) {
		const struct conf_server *server = &conf->servers[i];

		if (!conf_is_checked(conf, server))
			continue;
		for (k = 0; k < server->slots; k++) {
			uint32_t slot = server->slot + k;

			target_init(s, server, slot);
			timer_set(parts->loop, &s->targets[slot].timer,
			    1 + (uint64_t)window * slot / count);
		}
	}
	return s;
}
