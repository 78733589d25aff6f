/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What is wrong with a configuration, as the administrator is told: each line once, and no more of
 * them than somebody reads.  For the answer to `reload`, for show info and the service manager.
 */
#ifndef MASTER_HOST_ERRORS_H
#define MASTER_HOST_ERRORS_H

#include <stddef.h>

#define ERRORS_MOST 256
#define ERRORS_LINE 2048 /* bytes of one; what is longer is cut */

struct errors {
	char **lines; /* one line each, printable */
	size_t count;
	size_t more; /* of those that came after ERRORS_MOST: how many */
};

/* Add one.  Returns 1; 0 if it is there already; -1 if there is no room (it is counted). */
int errors_add(struct errors *e, const char *text, size_t len);
void errors_clear(struct errors *e);

/*
 * In one line: the first one, and how many there are beside it.  Where there is no room for all,
 * the first one is cut, visibly.  "" if there is none.  Returns buf_r.
 */
const char *errors_brief(const struct errors *e, char *buf_r, size_t size);

#endif
