/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Answers that are made now or later.  Master. */
#include "master/command/request.h"

#include "common/container.h"
#include "common/control.h"

#include <stdlib.h>
#include <unistd.h>

void
requests_init(struct requests *all, struct loop *loop)
{
	*all = (struct requests){ .loop = loop };
	TAILQ_INIT(&all->waiting);
}

static int
begin(struct request *r)
{
	r->text = NULL;
	r->size = 0;
	r->out = open_memstream(&r->text, &r->size);
	return r->out ? 0 : -1;
}

/* Nothing of it is answered. */
static void
drop(struct request *r)
{
	if (r->out)
		fclose(r->out);
	free(r->text);
	r->out = NULL;
	r->text = NULL;
}

/* What stands in `out` is the whole answer.  The request may be gone afterwards. */
static void
finish(struct request *r)
{
	char *text;

	fputc('\n', r->out);
	if (fclose(r->out) != 0) {
		free(r->text);
		r->text = NULL;
	}
	text = r->text;
	r->out = NULL;
	r->text = NULL;
	r->answered(r, text, text ? r->size : 0);
}

static void
forget(struct request *r)
{
	TAILQ_REMOVE(&r->all->waiting, r, link);
	timer_stop(&r->deadline);
	r->event = NULL;
}

int
request_run(struct request *r, void (*run)(struct request *r))
{
	r->event = NULL;
	if (begin(r) == -1) {
		r->answered(r, NULL, 0);
		return 0;
	}
	r->is_running = 1;
	run(r);
	r->is_running = 0;
	if (r->event) {
		drop(r);
		return 1;
	}
	finish(r);
	return 0;
}

/* It has come, or never will: fill has the words. */
static void
answer(struct request *r, void (*fill)(struct request *r))
{
	forget(r);
	if (r->is_running) { /* its handler is not back yet: request_run answers */
		fill(r);
	} else if (begin(r) == -1) {
		r->answered(r, NULL, 0);
	} else {
		fill(r);
		finish(r);
	}
}

static void
fill_late(struct request *r)
{
	fprintf(r->out, "%sno result yet; it was not cancelled: see status\n", CONTROL_ERROR);
}

static void
on_deadline(struct timer *t)
{
	answer(CONTAINER(t, struct request, deadline), fill_late);
}

void
request_wait(struct request *r, const void *event, uint64_t number, void (*fill)(struct request *r),
    uint64_t ms)
{
	r->event = event;
	r->number = number;
	r->fill = fill;
	r->deadline.fn = on_deadline;
	TAILQ_INSERT_TAIL(&r->all->waiting, r, link);
	timer_set(r->all->loop, &r->deadline, ms);
}

void
requests_ready(struct requests *all, const void *event, uint64_t number)
{
	struct request *r, *next;

	for (r = TAILQ_FIRST(&all->waiting); r; r = next) {
		next = TAILQ_NEXT(r, link);
		if (r->event == event && r->number <= number)
			answer(r, r->fill);
	}
}

int
request_is_waiting(const struct request *r)
{
	return r->event != NULL;
}

void
request_cancel(struct request *r)
{
	if (r->event)
		forget(r);
	drop(r);
}

/* ---- Across a re-execution ---- */

size_t
requests_fds(const struct requests *all, const void *event, int fds_r[REQUESTS_MOST])
{
	const struct request *r;
	size_t count = 0;

	TAILQ_FOREACH(r, &all->waiting, link)
	if (r->event == event && count < REQUESTS_MOST)
		fds_r[count++] = r->fd;
	return count;
}

void
requests_adopt(struct requests *all, int fd)
{
	if (fd == -1)
		return;
	if (all->adopted_count < REQUESTS_MOST)
		all->adopted[all->adopted_count++] = fd;
	else
		close(fd);
}

int
requests_take(struct requests *all)
{
	return all->adopted_count > 0 ? all->adopted[--all->adopted_count] : -1;
}
