/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Reasons in words.  Runs in the checker on the bytes of servers, which may be anybody's: what is
 * quoted goes to logs and terminals.
 */
#include "verdict.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The words of the server that stand in kept, as a string. */
static const char *
words(const struct expect *e, char buf[REPORT_TEXT])
{
	size_t i, len = e->len < REPORT_TEXT - 1 ? e->len : REPORT_TEXT - 1;

	for (i = 0; i < len; i++)
		buf[i] = (char)(e->kept[i] != '\0' ? e->kept[i] : '?');
	buf[len] = '\0';
	return buf;
}

static void __attribute__((format(printf, 4, 0)))
say(struct verdict *v, enum check_status status, int ok, const char *fmt, va_list ap)
{
	char *p;

	if (v->stands != VERDICT_OPEN)
		return;
	v->stands = VERDICT_FOUND;
	v->status = status;
	v->ok = ok;
	(void)vsnprintf(v->text, sizeof(v->text), fmt, ap);
	for (p = v->text; *p != '\0'; p++)
		if (*p < ' ' || *p > '~' || *p == '"' || *p == '\\')
			*p = '?';
}

void
verdict_say(struct verdict *v, enum check_status status, int ok, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(v, status, ok, fmt, ap);
	va_end(ap);
}

const char *
verdict_span(uint32_t ms, char buf[VERDICT_SPAN])
{
	int whole = ms % 1000 == 0;

	(void)snprintf(buf, VERDICT_SPAN, "%u %s", whole ? ms / 1000 : ms, whole ? "s" : "ms");
	return buf;
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

/* What is missing. */
static const char *
what(const struct plan *p, const struct expect *e)
{
	if (p->check->type == CHECK_EXPECT)
		return "what is expected";
	return e->phase == PHASE_GREETING ? "the greeting" : "an answer to our goodbye";
}

/* Our bytes met a TLS server: RFC 8446 section 5.1, an alert is type 21. */
static int
is_alert(const struct expect *e, int tls)
{
	return !tls && e->len >= 2 && e->kept[0] == 21 && e->kept[1] == 3;
}

void
verdict_closed(struct verdict *v, const struct plan *p, const struct expect *e, int tls)
{
	char quoted[REPORT_TEXT];

	if (is_alert(e, tls))
		verdict_say(v, CHECK_L7RSP, 0, "answers with a TLS alert; is it a TLS port?");
	else if (e->total > 0)
		verdict_say(v, CHECK_L7RSP, 0, "closed before the end of %s: '%s'", what(p, e),
		    words(e, quoted));
	else if (p->header == HEADER_NONE)
		verdict_say(
		    v, CHECK_L7RSP, 0, "closed without a word; does it expect a PROXY header?");
	else
		verdict_say(v, CHECK_L7RSP, 0,
		    "closed without a word; does it expect our PROXY header, and trust us?");
}

void
verdict_late(struct verdict *v, const struct plan *p, const struct expect *e, int tls)
{
	char span[VERDICT_SPAN], quoted[REPORT_TEXT];

	(void)verdict_span(p->check->timeout, span);
	if (is_alert(e, tls))
		verdict_say(v, CHECK_L7RSP, 0, "answers with a TLS alert; is it a TLS port?");
	else if (e->total > 0)
		verdict_say(v, CHECK_L7TOUT, 0, "not all of %s within %s: '%s'", what(p, e), span,
		    words(e, quoted));
	else
		verdict_say(v, CHECK_L7TOUT, 0, "connected, but not %s within %s",
		    e->phase == PHASE_GREETING ? "a word" : what(p, e), span);
}

void
verdict_bad(
    struct verdict *v, const struct plan *p, const struct expect *e, enum expect_answer answer)
{
	char quoted[REPORT_TEXT];

	switch (answer) {
	case ANSWER_NO:
		verdict_say(v, CHECK_L7STS, 0,
		    e->phase == PHASE_GREETING ? "refuses: '%s'" : "at our goodbye: '%s'",
		    words(e, quoted));
		break;
	case ANSWER_STRANGE:
		verdict_say(v, CHECK_L7RSP, 0, "not %s: '%s'", expect_protocol(p->check->type),
		    words(e, quoted));
		break;
	case ANSWER_LONG:
		verdict_say(v, CHECK_L7RSP, 0, "%d bytes and not all of %s: '%s'", EXPECT_MAX,
		    what(p, e), words(e, quoted));
		break;
	case ANSWER_MORE:
	case ANSWER_YES:
		break;
	}
}
