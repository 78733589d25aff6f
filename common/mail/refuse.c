/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Polite refusals, one a protocol.  Runs in the worker. */
#include "common/mail/refuse.h"

#include <stdio.h>

size_t
refuse_text(enum protocol p, const char *hostname, char *buf_r, size_t size)
{
	static const struct {
		const char *before, *after; /* of our own name */
	} words[PROTO_COUNT] = {
		[PROTO_IMAP] = { "* BYE [UNAVAILABLE] ", "" },
		[PROTO_POP3] = { "-ERR [SYS/TEMP] ", "" },
		[PROTO_SMTP] = { "421 4.3.2 ", "" },
		[PROTO_SUBMISSION] = { "421 4.3.2 ", "" },
		[PROTO_LMTP] = { "421 4.3.2 ", "" },
		[PROTO_SIEVE] = { "BYE (TRYLATER) \"", "\"" },
	};
	int n;

	if (!words[p].before)
		return 0;
	n = snprintf(buf_r, size, "%s%s cannot serve you now, try again later%s\r\n",
	    words[p].before, hostname, words[p].after);
	return n > 0 && (size_t)n < size ? (size_t)n : 0;
}
