/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* What a client is told that cannot be served, so that its program understands and comes back. */
#ifndef COMMON_MAIL_REFUSE_H
#define COMMON_MAIL_REFUSE_H

#include "common/conf.h"

#include <stddef.h>

/*
 * The words in this protocol, with their line end, into buf_r.  hostname is ours.  Returns the
 * length; 0 where the protocol has no words (tcp).
 * IMAP: RFC 9051 section 7.1.5 and RFC 5530 (UNAVAILABLE); POP3: RFC 3206 ([SYS/TEMP]); SMTP and
 * LMTP: RFC 5321 section 3.8 and RFC 3463 (4.3.2); ManageSieve: RFC 5804 section 1.2.
 */
size_t refuse_text(enum protocol p, const char *hostname, char *buf_r, size_t size);

#endif
