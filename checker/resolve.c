/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Addresses of servers that are configured by name, and when to ask for them again.  Runs in the
 * checker; DNS answers arrive here already bounded (dns.c), the board is only read.
 */
#include "checker/resolve.h"

#include "checker/name.h"
#include "checker/places.h"
#include "common/container.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define RETRY_MS       5000 /* after a failure, and while the server is not well */
#define EARLY_MS       5000 /* after the start: DNS itself may come up later than we do */
#define EARLY_RETRY_MS 1000 /* ... and is asked this often */
#define AT_ONCE        64   /* names asked for at a time: a name server's buffer must hold them */
#define SLOW_MS        250  /* a name that takes longer does not keep others from asking */

/* Not all at the same moment: up to a sixteenth later. */
static void
ask_in(struct name *n, uint64_t ms)
{
	uint32_t part = (++n->r->spread * 2654435769U) >> 16;

	timer_set(n->r->loop, &n->timer, ms + ms / 16 * part / 65536);
}

static void ask(struct name *n);

/* Let the next names ask, as long as there is room. */
static void
proceed(struct resolver *r)
{
	struct name *n;

	/* A question may fail at once, and so end here again: one loop is enough for all. */
	if (r->proceeding)
		return;
	r->proceeding = 1;
	while (r->asking < AT_ONCE && (n = r->head) != NULL) {
		r->head = n->next;
		if (!r->head)
			r->tail = &r->head;
		r->asking++;
		n->counted = 1;
		timer_set(r->loop, &n->timer, SLOW_MS);
		ask(n);
	}
	r->proceeding = 0;
}

static void
uncount(struct name *n)
{
	n->r->asking -= (size_t)n->counted;
	n->counted = 0;
}

static void
done_asking(struct name *n, uint64_t again_ms)
{
	uncount(n);
	ask_in(n, again_ms);
	proceed(n->r);
}

/* In the first seconds, a name that no name server has answered for is asked for every second. */
static int
ask_early(struct name *n)
{
	uint64_t now = loop_now(n->r->loop), next = n->asked + EARLY_RETRY_MS;

	if (n->state != NAME_ASKING || now - n->r->began >= EARLY_MS)
		return 0;
	done_asking(n, next > now ? next - now : 1);
	return 1;
}

/* Both questions are answered, or will not be. */
static void
conclude(struct name *n)
{
	const struct dns_question *a = &n->questions[0], *aaaa = &n->questions[1];
	char full[NAME_SIZE];
	uint32_t ttl;

	if (a->answer == DNS_GOOD || aaaa->answer == DNS_GOOD) {
		ttl = name_settle_answers(n);
		name_log_turn(n, 0);
		done_asking(n,
		    places_unwell(
			n->r->board, &n->r->conf->servers[n->server], n->addrs, n->count) ?
			RETRY_MS :
			(uint64_t)ttl * 1000);
		return;
	}
	n->exists |= a->answer == DNS_NO_ADDRESS || aaaa->answer == DNS_NO_ADDRESS;
	if (a->answer == DNS_FAILED || aaaa->answer == DNS_FAILED) {
		(void)snprintf(n->why, sizeof(n->why), "DNS: %s",
		    a->answer == DNS_FAILED ? a->why : aaaa->why);
	} else if (names_candidate(&n->r->resolv, name_host(n), ++n->candidate, full)) {
		ask(n);
		return;
	} else {
		(void)snprintf(n->why, sizeof(n->why), "DNS: %s",
		    n->exists ? "the name has no address" : "no such name");
	}
	if ((a->answer == DNS_FAILED || aaaa->answer == DNS_FAILED) && ask_early(n))
		return;
	if (n->state == NAME_ASKING) {
		/* No need to wait for checks of a server that has no address. */
		n->state = NAME_UNKNOWN;
		outbox_put(n->r->outbox, &n->note);
	}
	name_log_turn(n, 1);
	done_asking(n, RETRY_MS);
}

/* An IPv4 address is enough; the AAAA query may take longer, or never be answered. */
static void
settle_early(struct name *n)
{
	(void)name_settle_answers(n);
	n->early = 1;
}

static void
answered(struct name *n)
{
	if (--n->pending == 0)
		conclude(n);
	else if (n->questions[0].answer == DNS_GOOD && n->questions[1].answer == DNS_ASKED)
		settle_early(n);
}

static void
answered_a(struct dns_question *q)
{
	answered(CONTAINER(q, struct name, questions[0]));
}

static void
answered_aaaa(struct dns_question *q)
{
	answered(CONTAINER(q, struct name, questions[1]));
}

static void
ask(struct name *n)
{
	struct dns *dns = n->state == NAME_ASKING ? n->r->early : n->r->dns;
	char full[NAME_SIZE];
	size_t k;

	n->asked = loop_now(n->r->loop);
	n->early = 0;
	n->had_count = places_read(n->r->board, &n->r->conf->servers[n->server], n->had);
	n->pending =
	    3; /* one more than the answers: nothing is concluded before both queries are out */
	for (k = 0; k < 2; k++) {
		n->questions[k].answer = DNS_ASKED;
		n->questions[k].had = n->had;
		n->questions[k].had_count = n->had_count;
	}
	if (names_candidate(&n->r->resolv, name_host(n), n->candidate, full)) {
		dns_ask(dns, &n->questions[0], full);
		dns_ask(dns, &n->questions[1], full);
	} else {
		n->questions[0].answer = n->questions[1].answer = DNS_NO_NAME;
		n->pending = 1;
	}
	answered(n);
}

/* It is time for this name. */
static void
on_due(struct timer *t)
{
	struct name *n = CONTAINER(t, struct name, timer);
	struct resolver *r = n->r;

	if (n->pending > 0) {
		uncount(n);
		proceed(r);
		return;
	}
	n->candidate = 0;
	n->exists = 0;
	n->next = NULL;
	*r->tail = n;
	r->tail = &n->next;
	proceed(r);
}

static int
by_host(const void *a, const void *b)
{
	return strcasecmp(name_host(*(struct name *const *)a), name_host(*(struct name *const *)b));
}

/* A line of hosts: for all servers of that name. */
static void
on_host(void *arg, const char *host, const struct addr *a)
{
	struct resolver *r = arg;
	size_t low = 0, high = r->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcasecmp(name_host(r->by_host[middle]), host) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < r->count && strcasecmp(name_host(r->by_host[low]), host) == 0; low++) {
		struct name *n = r->by_host[low];

		n->fixed = 1;
		if (n->count < NAMES_MOST)
			n->addrs[n->count++] = *a;
	}
}

static struct name *
name_new(struct resolver *r, size_t server)
{
	struct name *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->note.fill = name_fill;
	n->timer.fn = on_due;
	n->r = r;
	n->server = server;
	n->questions[0] = (struct dns_question){ .family = ADDR_V4, .answered = answered_a };
	n->questions[1] = (struct dns_question){ .family = ADDR_V6, .answered = answered_aaaa };
	return n;
}

static const char *
text_of(const struct bundle *b, enum piece_kind kind)
{
	const struct piece *p = bundle_find(b, kind, NULL);

	return p ? p->data : "";
}

struct resolver *
resolver_new(struct loop *loop, const struct conf *conf, const struct bundle *b,
    const struct board *board, struct outbox *outbox)
{
	struct resolver *r = calloc(1, sizeof(*r));
	struct resolv quick;
	size_t i;

	if (!r)
		return NULL;
	*r = (struct resolver){ .loop = loop, .conf = conf, .board = board, .outbox = outbox };
	r->tail = &r->head;
	r->by_server = calloc(conf->server_count + 1, sizeof(struct name *));
	r->by_host = calloc(conf->server_count + 1, sizeof(struct name *));
	for (i = 0; r->by_server && r->by_host && i < conf->server_count; i++) {
		if (!conf->servers[i].host)
			continue;
		if ((r->by_server[i] = name_new(r, i)) == NULL)
			return NULL; /* the caller ends the process */
		r->by_host[r->count++] = r->by_server[i];
	}
	if (r->count == 0)
		return r;
	qsort(r->by_host, r->count, sizeof(struct name *), by_host);
	names_hosts(text_of(b, PIECE_HOSTS), on_host, r);
	names_resolv(text_of(b, PIECE_RESOLV), &r->resolv);
	quick = r->resolv;
	quick.timeout = 1;
	quick.attempts = 1;
	r->dns = dns_new(loop, &r->resolv);
	r->early = dns_new(loop, &quick);
	return r->dns && r->early ? r : NULL;
}

void
resolver_begin(struct resolver *r)
{
	size_t i;

	r->began = loop_now(r->loop);
	for (i = 0; i < r->count; i++) {
		struct name *n = r->by_host[i];

		if (n->fixed) {
			struct addr got[NAMES_MOST];
			size_t count = n->count;

			memcpy(got, n->addrs, sizeof(got));
			n->count = 0;
			name_settle(n, got, count, 0);
		} else {
			on_due(&n->timer);
		}
	}
}

/* Ask for this name in ms milliseconds, if it would be later otherwise. */
static void
ask_sooner(struct name *n, uint64_t ms)
{
	/* No timer: it is about to ask.  With questions under way the timer is for these. */
	if (n->fixed || n->pending > 0 || n->timer.deadline == 0 ||
	    n->timer.deadline <= loop_now(n->r->loop) + ms)
		return;
	timer_set(n->r->loop, &n->timer, ms);
}

void
resolver_suspect(struct resolver *r, size_t server)
{
	struct name *n = r->by_server[server];
	uint64_t now = loop_now(r->loop);

	if (n)
		ask_sooner(n, now - n->asked < RETRY_MS ? n->asked + RETRY_MS - now : 1);
}

void
resolver_again(struct resolver *r)
{
	size_t i;

	for (i = 0; i < r->count; i++)
		ask_sooner(r->by_host[i], 1);
}

int
resolver_nowhere(const struct resolver *r, size_t server, const char **why_r)
{
	*why_r = r->by_server[server]->why;
	return r->by_server[server]->state == NAME_UNKNOWN;
}
