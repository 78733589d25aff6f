/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What a check found, in words for the administrator.  The words of servers are quoted, cut and
 * made harmless for logs and terminals.  Pure: no I/O.
 */
#ifndef VERDICT_H
#define VERDICT_H

#include "expect.h"
#include "plan.h"

#include "../common/msg.h"

#include <stdint.h>

struct verdict {
	enum {
		VERDICT_OPEN,    /* not yet known */
		VERDICT_FOUND,   /* all below is valid */
		VERDICT_UNASKED, /* this host could not even ask */
	} stands;
	enum check_status status;
	int ok;
	uint32_t ms;
	int32_t days;           /* left on the certificate; INT32_MIN: none seen */
	char text[REPORT_TEXT]; /* printable ASCII without `"` and `\` */
};

/* Say it, unless something was said before: the first judgement stands. */
void verdict_say(struct verdict *v, enum check_status status, int ok, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* "5 s", "500 ms".  Returns buf. */
#define VERDICT_SPAN 24
const char *verdict_span(uint32_t ms, char buf[VERDICT_SPAN]);

/* "connection refused": an errno in words. */
const char *verdict_error(int error);

/*
 * Why an answer is not a good one: the server closed before its end, or the time was over, or
 * answer says what was wrong with it.  tls: it came in TLS.
 */
void verdict_closed(struct verdict *v, const struct plan *p, const struct expect *e, int tls);
void verdict_late(struct verdict *v, const struct plan *p, const struct expect *e, int tls);
void verdict_bad(
    struct verdict *v, const struct plan *p, const struct expect *e, enum expect_answer answer);

#endif
