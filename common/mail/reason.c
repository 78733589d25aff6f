/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Reasons in words.  Runs in master and worker on findings whose text a server may have chosen:
 * it is printable by then and is never taken for a format.
 */
#include "common/mail/reason.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *words;
	enum cause cause;
} table[] = {
#define X(no, name, words, cause) [no] = { words, cause },
	REASONS(X)
#undef X
};

#define COUNT (sizeof(table) / sizeof(table[0]))

int
reason_baffled(int header_sent, const char *line)
{
	if (header_sent)
		return strncmp(line, "50", 2) == 0 || strstr(line, "BAD") ||
		    strncmp(line, "554 5.5.0", 9) == 0; /* Postfix 3.10 */
	return strncmp(line, "421 4.3.0", 9) == 0 || strstr(line, "No system resources");
}

int
reason_known(uint32_t reason)
{
	return reason < COUNT && table[reason].words;
}

void
reason_set(struct finding *f_r, enum reason reason, uint32_t with, const char *text)
{
	char *p;

	*f_r = (struct finding){ .reason = reason, .with = with };
	(void)snprintf(f_r->text, sizeof(f_r->text), "%s", text);
	for (p = f_r->text; *p != '\0'; p++)
		if (*p < ' ' || *p > '~' || *p == '"' || *p == '\\')
			*p = '?';
}

const char *
reason_receiver_keys(const struct conf_backend *b)
{
	static const char dovecot[] = "haproxy = yes and haproxy_trusted_networks (Dovecot)";
	static const char postfix[] =
	    "smtpd_upstream_proxy_protocol or postscreen_upstream_proxy_protocol (Postfix)";

	switch (b->receiver) {
	case RECEIVER_DOVECOT:
		return dovecot;
	case RECEIVER_POSTFIX:
		return postfix;
	case RECEIVER_EXIM:
		return "hosts_proxy (Exim)";
	case RECEIVER_HAPROXY:
		return "accept-proxy (HAProxy)";
	case RECEIVER_GENERIC:
		break;
	}
	if (b->protocol == PROTO_SMTP)
		return postfix;
	if (b->protocol == PROTO_SUBMISSION)
		return "smtpd_upstream_proxy_protocol (Postfix), or haproxy = yes and "
		       "haproxy_trusted_networks (Dovecot)";
	return b->protocol == PROTO_TCP ? "its PROXY protocol" : dovecot;
}

static const char *
protocol(const struct conf_backend *b)
{
	static const char *const names[CHECK_TYPE_COUNT] = {
		[CHECK_IMAP] = "IMAP",
		[CHECK_POP3] = "POP3",
		[CHECK_SMTP] = "SMTP",
		[CHECK_SUBMISSION] = "SMTP",
		[CHECK_LMTP] = "LMTP",
		[CHECK_SIEVE] = "ManageSieve",
	};
	const char *name = b->check.type < CHECK_TYPE_COUNT ? names[b->check.type] : NULL;

	return name ? name : protocol_name(b->protocol);
}

/* What was waited for. */
static const char *
what(const struct conf_backend *b, const struct finding *f)
{
	if (b->check.type == CHECK_EXPECT)
		return "what is expected";
	return f->with & WITH_FAREWELL ? "an answer to our goodbye" : "the greeting";
}

/* The value of a marker; buf serves where it is not a text. */
static const char *
value(const struct conf_backend *b, const struct finding *f, char marker, char buf[24])
{
	uint32_t ms = b->check.timeout;
	int whole = ms % 1000 == 0;

	switch (marker) {
	case 't':
		return f->text;
	case 'p':
		return protocol(b);
	case 'w':
		return what(b, f);
	default:
		(void)snprintf(buf, 24, "%u %s", whole ? ms / 1000 : ms, whole ? "s" : "ms");
		return buf;
	}
}

/* The words, every marker replaced; returns their length, cut to size. */
static size_t
expand(const struct conf_backend *b, const struct finding *f, char *buf_r, size_t size)
{
	const char *p = table[f->reason].words, *add;
	char number[24], one[2] = "";
	size_t len = 0, n;

	for (; *p != '\0'; p++) {
		one[0] = *p;
		add = *p == '%' ? value(b, f, *++p, number) : one;
		n = strlen(add);
		if (n >= size - len)
			n = size - len - 1;
		memcpy(buf_r + len, add, n);
		len += n;
	}
	buf_r[len] = '\0';
	return len;
}

/* Whether the PROXY header may be what is wrong. */
static int
is_header(const struct finding *f)
{
	if (table[f->reason].cause != CAUSE_HEADER || f->with & WITH_TLS)
		return 0;
	/* One that greeted us without a header was content without. */
	return f->with & WITH_HEADER || !(f->with & WITH_FAREWELL);
}

void
reason_words(const struct conf_backend *b, const struct finding *f, char *buf_r, size_t size)
{
	size_t len;

	buf_r[0] = '\0';
	if (!reason_known(f->reason))
		return;
	len = expand(b, f, buf_r, size);
	if (!is_header(f))
		return;
	if (f->with & WITH_HEADER)
		(void)snprintf(buf_r + len, size - len,
		    "; does it expect our PROXY header? Set there %s, or here send_proxy to none",
		    reason_receiver_keys(b));
	else
		(void)snprintf(buf_r + len, size - len,
		    "; does it expect a PROXY header? Set send_proxy here, or look there for %s",
		    reason_receiver_keys(b));
}
