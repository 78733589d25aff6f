/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * When each server is checked, and how many at a time.  Every slot of the board that has an
 * address is a target of its own; one that hangs costs a descriptor and delays no other.
 */
#ifndef CHECKER_SCHEDULE_H
#define CHECKER_SCHEDULE_H

#include "checker/outbox.h"
#include "checker/resolve.h"
#include "checker/tls.h"

#include "common/board.h"
#include "common/conf.h"
#include "common/loop.h"

struct schedule;

/* What a schedule works with; all of it outlives the schedule. */
struct schedule_parts {
	struct loop *loop;
	const struct conf *conf;
	const struct board *board;
	struct outbox *outbox;
	const struct tls_set *tls;
	struct resolver *resolver;
	uint32_t descriptors; /* the most checks under way */
};

/*
 * Set the first check of every server that has any: at once, but not all in the same moment.
 * NULL when memory is out.
 */
struct schedule *schedule_new(const struct schedule_parts *parts);

/* Start what is due, a few at a time; once per pass of the loop.  Returns 1 if more could start. */
int schedule_start(struct schedule *s);

/* The server in this slot is suspected: check it before anything else. */
void schedule_now(struct schedule *s, uint32_t slot);

#endif
