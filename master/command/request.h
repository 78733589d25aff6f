/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * One command in the making.  Its handler writes the answer into `out` and returns, or says with
 * request_wait what it waits for; then the answer follows when that has come, when it has taken too
 * long, or never, where whoever asked has gone.  All who wait are in one struct requests.
 */
#ifndef MASTER_COMMAND_REQUEST_H
#define MASTER_COMMAND_REQUEST_H

#include "common/loop.h"

#include <stdint.h>
#include <stdio.h>
#include <sys/queue.h>

#define REQUEST_HOUR  3600000 /* milliseconds */
#define REQUESTS_MOST 32      /* that one program hands over to the next */

struct command;
struct request;

struct requests {
	struct loop *loop;
	TAILQ_HEAD(, request) waiting;
	int adopted[REQUESTS_MOST]; /* sockets of those who asked the program before this one */
	size_t adopted_count;
};

struct request {
	/* Set by whoever asks. */
	struct requests *all;
	int fd;         /* its socket */
	int reads_only; /* it came where only the commands that change nothing are served */
	int is_last;    /* no other command follows in its line */
	/*
	 * The answer, malloc'ed and now the caller's, with the empty line at its end; NULL without
	 * memory.  Called last: it may free the request.
	 */
	void (*answered)(struct request *r, char *text, size_t size);

	/* For the handler. */
	const struct command *command;
	void *of;         /* what its folder's commands work on */
	const char *args; /* what follows the command's own words, "" if nothing does */
	FILE *out;        /* open while a handler runs, and while fill does */

	/* request.c's own. */
	TAILQ_ENTRY(request) link;
	struct timer deadline;
	const void *event; /* it waits for this; NULL: for nothing */
	uint64_t number;
	void (*fill)(struct request *r);
	int is_running;
	char *text; /* open_memstream's */
	size_t size;
};

void requests_init(struct requests *all, struct loop *loop);

/* Let run make the answer.  Returns 1 if it waits now, 0 if `answered` was called. */
int request_run(struct request *r, void (*run)(struct request *r));

/*
 * For a handler: fill writes the answer when requests_ready is called for this event with this
 * number or a higher one, perhaps before the handler returns.  After ms milliseconds the answer is
 * that it took too long.
 */
void request_wait(struct request *r, const void *event, uint64_t number,
    void (*fill)(struct request *r), uint64_t ms);
/* What somebody may wait for has come. */
void requests_ready(struct requests *all, const void *event, uint64_t number);

int request_is_waiting(const struct request *r);
/* Whoever asked has gone: no answer. */
void request_cancel(struct request *r);

/* ---- Across a re-execution ---- */

/* The sockets of those who wait for this event, whatever the number. */
size_t requests_fds(const struct requests *all, const void *event, int fds_r[REQUESTS_MOST]);
/* In the new program: keep one of them until it is taken.  Takes fd over. */
void requests_adopt(struct requests *all, int fd);
/* One that was kept, now the caller's; -1: there is no more. */
int requests_take(struct requests *all);

#endif
