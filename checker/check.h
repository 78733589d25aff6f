/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * One check of one server, from the connect to our FIN.  Read the table in check.c first: it shows
 * the whole life on one screen.
 */
#ifndef CHECKER_CHECK_H
#define CHECKER_CHECK_H

#include "checker/plan.h"
#include "checker/verdict.h"

#include "common/addr.h"
#include "common/loop.h"

/* Who wants to know.  Neither call may free anything of the check. */
struct check_owner {
	/* Once, as soon as it is known. */
	void (*told)(struct check_owner *o, const struct verdict *v);
	/* Once, after that: the connection is closed and the check is freed. */
	void (*ended)(struct check_owner *o);
};

struct check;

/*
 * A check of the server at this address (its port is the plan's); plan and owner must outlive it.
 * check_run begins it.  NULL when memory is out.
 */
struct check *check_new(
    struct loop *loop, const struct plan *plan, const struct addr *to, struct check_owner *owner);

/*
 * Go as far as possible without waiting.  Calls told and ended when it comes to that; sets *cp to
 * NULL at the end.  The loop goes on with it.
 */
void check_run(struct check **cp);

/* Frees a check in any state without a word to its owner. */
void check_free(struct check **cp);

#endif
