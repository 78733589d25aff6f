/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Questions to DNS, by c-ares in our event loop.  Knows nothing of servers and boards; reads
 * answers that anyone may have sent.
 */
#ifndef CHECKER_DNS_H
#define CHECKER_DNS_H

#include "checker/names.h"

#include "common/addr.h"
#include "common/loop.h"
#include "common/msg.h"

#include <stddef.h>
#include <stdint.h>

struct dns;

enum dns_answer {
	DNS_ASKED,      /* not answered yet */
	DNS_GOOD,       /* got has at least one address */
	DNS_NO_ADDRESS, /* the name exists, but has none of this family */
	DNS_NO_NAME,
	DNS_FAILED, /* no answer, or a useless one: why says which */
};

/* One question, embedded in whatever asks it. */
struct dns_question {
	int family;             /* ADDR_V4 or ADDR_V6 */
	const struct addr *had; /* preferred, if the answer has them */
	size_t had_count;
	void (*answered)(struct dns_question *q); /* perhaps within dns_ask */
	enum dns_answer answer;
	struct addr got[NAMES_MOST];
	size_t count;
	uint32_t ttl; /* seconds; the smallest of the answer's */
	const char *why;
};

/* NULL, with a line in the log, if that fails.  Opens no file then or later. */
struct dns *dns_new(struct loop *loop, const struct resolv *resolv);

/* Ask for the addresses of a full name.  q must live until it is answered, and will be. */
void dns_ask(struct dns *d, struct dns_question *q, const char *full);

#endif
