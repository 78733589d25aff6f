/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What follows from the answers for a name: which addresses the server gets, what goes to the master
 * and the log.  Runs in the checker, on answers that are bounded (dns.c).
 */
#include "checker/name.h"

#include "checker/places.h"

#include "common/container.h"
#include "common/log.h"
#include "common/mail/reason.h"

#include <stdio.h>
#include <string.h>

#define TTL_LEAST 5     /* seconds: not asked more often */
#define TTL_MOST  86400 /* seconds */

#define TEXT(n) #n
#define WORDS(n) \
	"the name has more than " TEXT( \
	    n) " addresses: this one and those after it get no clients; " \
	       "give the name fewer, or list these in servers under another name"
#define BEYOND_WORDS WORDS(CONF_FAMILY)
static_assert(CONF_FAMILY == REPORT_ADDRS, "an answer fills the places of a name");

const char *
name_host(const struct name *n)
{
	return n->r->conf->servers[n->server].host;
}

void
name_fill(struct note *note, struct report *r_r)
{
	const struct name *n = CONTAINER(note, struct name, note);

	r_r->type = REPORT_ADDRESSES;
	r_r->server = n->r->conf->servers[n->server].slot;
	r_r->count = (uint32_t)n->count;
	r_r->ttl = n->ttl;
	memcpy(r_r->addrs, n->addrs, n->count * sizeof(n->addrs[0]));
	if (n->count == 0)
		reason_set(&r_r->found, REASON_OTHER, 0, n->why);
}

static void
begin_line(const struct name *n, int level, struct log_line *l)
{
	const struct conf_server *s = &n->r->conf->servers[n->server];
	char server[2 * CONF_NAME + 2];

	(void)snprintf(
	    server, sizeof(server), "%s/%s", n->r->conf->backends[s->backend].name, s->name);
	log_begin(l, level);
	log_text(l, "server", server);
}

/* One line when there are more addresses than places for the first time, or another is left out. */
static void
log_beyond(struct name *n, const struct addr *a)
{
	char text[ADDR_TEXT];
	struct log_line l;

	if (!a) {
		n->beyond.family = ADDR_NONE;
		return;
	}
	if (addr_same_ip(&n->beyond, a))
		return;
	n->beyond = *a;
	begin_line(n, LOG_WARNING, &l);
	log_text(&l, "name", name_host(n));
	log_text(&l, "address", addr_ip_text(a, text));
	log_quoted(&l, "why", BEYOND_WORDS);
	log_end(&l);
}

/* Whether the same addresses are in both lists, which have no doubles. */
static int
same(const struct addr *a, size_t a_count, const struct addr *b, size_t b_count)
{
	size_t i, k, found = 0;

	for (i = 0; i < a_count; i++)
		for (k = 0; k < b_count; k++)
			found += (size_t)addr_same_ip(&a[i], &b[k]);
	return a_count == b_count && found == a_count;
}

/* New addresses for a server, its port put in. */
void
name_settle(struct name *n, const struct addr *got, size_t got_count, uint32_t ttl)
{
	const struct conf_server *s = &n->r->conf->servers[n->server];
	struct addr had[REPORT_ADDRS], chosen[NAMES_MOST];
	size_t had_count = places_read(n->r->board, s, had), i;
	size_t count = names_choose(had, had_count, got, got_count, chosen);

	if (s->resolve == RESOLVE_ONE && count > 1)
		count = 1;
	log_beyond(n, count > REPORT_ADDRS ? &chosen[REPORT_ADDRS] : NULL);
	if (count > REPORT_ADDRS)
		count = REPORT_ADDRS;
	for (i = 0; i < count; i++)
		chosen[i].port = s->addr.port;
	n->ttl = ttl;
	/* What was just reported may not be on the board yet. */
	if (n->state == NAME_KNOWN && count == n->count &&
	    (n->early || same(chosen, count, had, had_count)) &&
	    memcmp(chosen, n->addrs, count * sizeof(chosen[0])) == 0)
		return;
	n->state = NAME_KNOWN;
	n->count = count;
	memcpy(n->addrs, chosen, count * sizeof(chosen[0]));
	outbox_put(n->r->outbox, &n->note);
}

/* One line when a name stops or begins to be answered. */
void
name_log_turn(struct name *n, int failing)
{
	struct log_line l;

	if (n->failing == failing)
		return;
	n->failing = failing;
	begin_line(n, failing ? LOG_WARNING : LOG_INFO, &l);
	log_text(&l, "dns", failing ? "failed" : "ok");
	log_text(&l, "name", name_host(n));
	if (failing) {
		log_quoted(&l, "why", n->why);
		log_text(&l, "kept", n->had_count > 0 ? "the last answer" : "nothing");
	}
	log_end(&l);
}

/*
 * The answers, and where one of the questions failed or is still open, the addresses of its family
 * as they were.
 */
static size_t
gather(const struct name *n, struct addr got_r[2 * NAMES_MOST], uint32_t *ttl_r)
{
	size_t count = 0, i, k;

	*ttl_r = TTL_MOST;
	for (k = 0; k < 2; k++) {
		const struct dns_question *q = &n->questions[k];

		if (q->answer == DNS_GOOD) {
			memcpy(got_r + count, q->got, q->count * sizeof(q->got[0]));
			count += q->count;
			if (q->ttl < *ttl_r)
				*ttl_r = q->ttl;
		}
		if (q->answer != DNS_FAILED && q->answer != DNS_ASKED)
			continue;
		for (i = 0; i < n->had_count; i++)
			if (n->had[i].family == q->family)
				got_r[count++] = n->had[i];
	}
	if (*ttl_r < TTL_LEAST)
		*ttl_r = TTL_LEAST;
	return count;
}

uint32_t
name_settle_answers(struct name *n)
{
	struct addr got[2 * NAMES_MOST];
	uint32_t ttl;
	size_t count = gather(n, got, &ttl);

	name_settle(n, got, count, ttl);
	return ttl;
}
