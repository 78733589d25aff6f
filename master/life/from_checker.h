/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* What the checker says: by its channel, and in the pipe of its reports. */
#ifndef MASTER_LIFE_FROM_CHECKER_H
#define MASTER_LIFE_FROM_CHECKER_H

#include "master/life/generation.h"

/* proc_owner's receive. */
const char *from_checker(struct proc *p, int all, int *gone_r);

/* The reading end of its pipe is watched from now on.  Returns 0, or -1 with errno. */
int reports_open(struct generation *g, int fd);
/*
 * Take what is in it, a bounded number of reports unless `all` is set.  Returns NULL, or why the
 * checker must die; *gone_r becomes 1 when there will be no more.
 */
const char *reports_read(struct generation *g, int all, int *gone_r);
/* It is closed, if there is one. */
void reports_close(struct generation *g);

/* Whether a report may be believed; NULL, or what is wrong with it. */
const char *report_wrong(const struct report *r, const struct conf *conf);

#endif
