/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What a check found; reason.h has the words for it.  The words of servers are quoted, cut and
 * made harmless for logs and terminals.  Pure: no I/O.
 */
#ifndef CHECKER_VERDICT_H
#define CHECKER_VERDICT_H

#include "checker/plan.h"
#include "checker/wire.h"
#include "common/mail/expect.h"

#include "common/mail/reason.h"
#include "common/msg.h"

#include <stdint.h>

struct verdict {
	enum {
		STANDS_OPEN,    /* not yet known */
		STANDS_FOUND,   /* all below is valid */
		STANDS_UNASKED, /* this host could not even ask */
	} stands;
	enum check_status status;
	int ok;
	uint32_t ms;
	int32_t days; /* left on the certificate; INT32_MIN: none seen */
	struct finding found;
};

/*
 * Note a result, unless one was noted before: the first one stands.  with: enum reason_with;
 * text is quoted.
 */
void verdict_say(struct verdict *v, enum check_status status, int ok, enum reason reason,
    uint32_t with, const char *text);

/* The connection broke with an error of the system. */
void verdict_broke(struct verdict *v, enum check_status status, uint32_t with,
    const struct wire *wire, const char *meanwhile);

/* How the connection of this plan was begun; tls: TLS is up. */
uint32_t verdict_with(const struct plan *p, int tls);

/* "connection refused": an errno in words. */
const char *verdict_error(int error);

/*
 * Why an answer is not a good one: the server closed before the end of it, or time ran out, or
 * answer says what was wrong with it.  tls: it came in TLS.
 */
void verdict_closed(struct verdict *v, const struct plan *p, const struct expect *e, int tls);
void verdict_late(struct verdict *v, const struct plan *p, const struct expect *e, int tls);
void verdict_bad(struct verdict *v, const struct plan *p, const struct expect *e,
    enum expect_answer answer, int tls);

#endif
