/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Turns what came into a reason.  Runs in the checker on the bytes of servers, which may be anything:
 * what is quoted goes to logs and terminals.
 */
#include "checker/verdict.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define QUOTE 97 /* of a server's words, with the NUL */

/* The words of the server that stand in kept, as a string. */
static const char *
words(const struct expect *e, char buf[QUOTE])
{
	size_t i, len = e->len < QUOTE - 1 ? e->len : QUOTE - 1;

	for (i = 0; i < len; i++)
		buf[i] = (char)(e->kept[i] != '\0' ? e->kept[i] : '?');
	buf[len] = '\0';
	return buf;
}

void
verdict_say(struct verdict *v, enum check_status status, int ok, enum reason reason, uint32_t with,
    const char *text)
{
	if (v->stands != STANDS_OPEN)
		return;
	v->stands = STANDS_FOUND;
	v->status = status;
	v->ok = ok;
	reason_set(&v->found, reason, with, text);
}

uint32_t
verdict_with(const struct plan *p, int tls)
{
	return (p->header != HEADER_NONE ? WITH_HEADER : 0) | (tls ? WITH_TLS : 0);
}

const char *
verdict_error(int error)
{
	switch (error) {
	case ECONNREFUSED:
		return "connection refused";
	case ECONNRESET:
	case EPIPE:
		return "connection reset";
	case ETIMEDOUT:
		return "the host does not answer";
	case EHOSTUNREACH:
		return "no route to host";
	case ENETUNREACH:
		return "network unreachable";
	default:
		return strerror(error);
	}
}

void
verdict_broke(struct verdict *v, enum check_status status, uint32_t with, const struct wire *wire,
    const char *meanwhile)
{
	char why[REPORT_TEXT];

	if (wire->ours) {
		verdict_say(v, CHECK_SOCKERR, 0, REASON_OURS, with, verdict_error(wire->error));
		return;
	}
	(void)snprintf(why, sizeof(why), "%s while %s", verdict_error(wire->error), meanwhile);
	verdict_say(v, status, 0, REASON_BROKE, with, why);
}

/* Our bytes met a TLS server: RFC 8446 section 5.1, an alert is type 21, a handshake 22. */
static int
is_tls(const struct expect *e, int tls)
{
	return !tls && e->len >= 2 && (e->kept[0] == 21 || e->kept[0] == 22) && e->kept[1] == 3;
}

static uint32_t
with(const struct plan *p, const struct expect *e, int tls)
{
	return verdict_with(p, tls) | (e->phase == PHASE_FAREWELL ? WITH_FAREWELL : 0);
}

void
verdict_closed(struct verdict *v, const struct plan *p, const struct expect *e, int tls)
{
	char quoted[QUOTE];

	if (is_tls(e, tls))
		verdict_say(v, CHECK_L7RSP, 0, REASON_TLS_PORT, with(p, e, tls), "");
	else
		verdict_say(v, CHECK_L7RSP, 0, e->total > 0 ? REASON_CUT : REASON_CLOSED,
		    with(p, e, tls), words(e, quoted));
}

void
verdict_late(struct verdict *v, const struct plan *p, const struct expect *e, int tls)
{
	char quoted[QUOTE];

	if (is_tls(e, tls))
		verdict_say(v, CHECK_L7RSP, 0, REASON_TLS_PORT, with(p, e, tls), "");
	else if (e->total > 0)
		verdict_say(v, CHECK_L7TOUT, 0, REASON_SLOW, with(p, e, tls), words(e, quoted));
	else
		verdict_say(v, CHECK_L7TOUT, 0,
		    e->phase == PHASE_GREETING ? REASON_SILENT : REASON_MUTE, with(p, e, tls), "");
}

void
verdict_bad(struct verdict *v, const struct plan *p, const struct expect *e,
    enum expect_answer answer, int tls)
{
	char quoted[QUOTE];
	enum reason no = REASON_GOODBYE;

	(void)words(e, quoted);
	switch (answer) {
	case ANSWER_NO:
		if (e->phase == PHASE_GREETING)
			no = reason_baffled(p->header != HEADER_NONE, quoted) ? REASON_BAFFLED :
										REASON_REFUSES;
		verdict_say(v, CHECK_L7STS, 0, no, with(p, e, tls), quoted);
		break;
	case ANSWER_STRANGE:
		verdict_say(v, CHECK_L7RSP, 0, is_tls(e, tls) ? REASON_TLS_PORT : REASON_STRANGE,
		    with(p, e, tls), quoted);
		break;
	case ANSWER_LONG:
		verdict_say(v, CHECK_L7RSP, 0, REASON_STREAMS, with(p, e, tls), quoted);
		break;
	case ANSWER_MORE:
	case ANSWER_YES:
		break;
	}
}
