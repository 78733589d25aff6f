/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Addresses of servers that are given by name, and when to ask for them again.  Runs in the
 * checker; what DNS says comes here already bounded (dns.c), the board is only read.
 */
#include "resolve.h"

#include "dns.h"
#include "names.h"
#include "places.h"

#include "../common/reason.h"

#include "../common/log.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TTL_LEAST      5     /* seconds: not asked more often */
#define TTL_MOST       86400 /* seconds */
#define RETRY_MS       5000  /* after a failure, and while the server is not well */
#define EARLY_MS       5000  /* after the start: DNS itself may come up later than we do */
#define EARLY_RETRY_MS 1000  /* ... and is asked this often */
#define AT_ONCE        64    /* names asked for at a time: a name server's buffer must hold them */
#define SLOW_MS        250   /* a name that takes longer does not keep others from asking */

struct name {
	struct note note;   /* REPORT_ADDRESSES */
	struct timer timer; /* when to ask again; while we ask, when that is slow */
	struct resolver *r;
	size_t server; /* index in conf->servers */
	enum name_state state;
	uint64_t asked;     /* when, last of all */
	int fixed;          /* from hosts: never asked for */
	int failing;        /* the last attempt failed: logged once */
	unsigned candidate; /* which full name we ask for */
	int exists;         /* one of them does, though without an address */
	int pending;        /* questions without an answer */
	int early;          /* one answer has been told before the other came */
	int counted;        /* in the resolver's asking */
	struct dns_question questions[2];
	struct addr had[REPORT_ADDRS]; /* on the board when we asked */
	size_t had_count;
	struct addr addrs[REPORT_ADDRS]; /* what we have told the master */
	size_t count;
	uint32_t ttl;
	char why[REPORT_TEXT];
	struct name *next; /* waiting for its turn */
};

struct resolver {
	struct loop *loop;
	const struct conf *conf;
	const struct board *board;
	struct outbox *outbox;
	struct resolv resolv;
	struct dns *dns;   /* NULL: no server has a name */
	struct dns *early; /* the same with short time-outs, for the first seconds */
	uint64_t began;
	struct name **by_server; /* NULL where a server has a literal address */
	struct name **by_host;   /* sorted by host name, for hosts */
	size_t count;
	size_t asking;  /* names with questions under way, the slow ones left out */
	int proceeding; /* proceed is at work further up the stack */
	struct name *head, **tail;
	uint32_t spread; /* grows with every setting of a timer */
};

static const char *
host_of(const struct name *n)
{
	return n->r->conf->servers[n->server].host;
}

static void
fill_addresses(struct note *note, struct report *r_r)
{
	const struct name *n =
	    (const struct name *)(const void *)((char *)note - offsetof(struct name, note));

	r_r->type = REPORT_ADDRESSES;
	r_r->server = n->r->conf->servers[n->server].slot;
	r_r->count = (uint32_t)n->count;
	r_r->ttl = n->ttl;
	memcpy(r_r->addrs, n->addrs, n->count * sizeof(n->addrs[0]));
	if (n->count == 0)
		reason_set(&r_r->found, REASON_OTHER, 0, n->why);
}

/* Not all at the same moment: up to a sixteenth later. */
static void
ask_in(struct name *n, uint64_t ms)
{
	uint32_t part = (++n->r->spread * 2654435769U) >> 16;

	timer_set(n->r->loop, &n->timer, ms + ms / 16 * part / 65536);
}

/* New addresses for a server, its port put in. */
static void
settle(struct name *n, const struct addr *got, size_t got_count, uint32_t ttl)
{
	const struct conf_server *s = &n->r->conf->servers[n->server];
	struct addr had[REPORT_ADDRS], chosen[REPORT_ADDRS];
	size_t had_count = places_read(n->r->board, s, had), i;
	size_t count = names_choose(had, had_count, got, got_count, chosen);

	if (s->resolve == RESOLVE_ONE && count > 1)
		count = 1;
	for (i = 0; i < count; i++)
		chosen[i].port = s->addr.port;
	n->ttl = ttl;
	/* What has just been told may not be on the board yet. */
	if (n->state == NAME_KNOWN && count == n->count && (n->early || count == had_count) &&
	    memcmp(chosen, n->addrs, count * sizeof(chosen[0])) == 0)
		return;
	n->state = NAME_KNOWN;
	n->count = count;
	memcpy(n->addrs, chosen, count * sizeof(chosen[0]));
	outbox_put(n->r->outbox, &n->note);
}

/* One line when a name stops or begins to be answered. */
static void
log_turn(struct name *n, int failing)
{
	const struct conf_server *s = &n->r->conf->servers[n->server];
	char server[2 * CONF_NAME + 2];
	struct log_line l;

	if (n->failing == failing)
		return;
	n->failing = failing;
	(void)snprintf(
	    server, sizeof(server), "%s/%s", n->r->conf->backends[s->backend].name, s->name);
	log_begin(&l, failing ? LOG_WARNING : LOG_INFO);
	log_text(&l, "server", server);
	log_text(&l, "dns", failing ? "failed" : "ok");
	log_text(&l, "name", host_of(n));
	if (failing) {
		log_quoted(&l, "why", n->why);
		log_text(&l, "kept", n->had_count > 0 ? "the last answer" : "nothing");
	}
	log_end(&l);
}

static void ask(struct name *n);

/* Let the next ones ask, as far as there is room. */
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
		if (r->head == NULL)
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

/*
 * The answers, and where one of the questions failed or is still open, the addresses of its family
 * as they were.
 */
static size_t
gather(const struct name *n, struct addr got_r[2 * REPORT_ADDRS], uint32_t *ttl_r)
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
	struct addr got[2 * REPORT_ADDRS];
	char full[NAME_SIZE];
	uint32_t ttl;
	size_t count;

	if (a->answer == DNS_GOOD || aaaa->answer == DNS_GOOD) {
		count = gather(n, got, &ttl);
		settle(n, got, count, ttl);
		log_turn(n, 0);
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
	} else if (names_candidate(&n->r->resolv, host_of(n), ++n->candidate, full)) {
		ask(n);
		return;
	} else {
		(void)snprintf(n->why, sizeof(n->why), "DNS: %s",
		    n->exists ? "the name has no address" : "no such name");
	}
	if ((a->answer == DNS_FAILED || aaaa->answer == DNS_FAILED) && ask_early(n))
		return;
	if (n->state == NAME_ASKING) {
		/* Nobody need wait for checks of a server that has no address. */
		n->state = NAME_UNKNOWN;
		outbox_put(n->r->outbox, &n->note);
	}
	log_turn(n, 1);
	done_asking(n, RETRY_MS);
}

/* An IPv4 address serves; the question for IPv6 may take its time, or never be answered. */
static void
settle_early(struct name *n)
{
	struct addr got[2 * REPORT_ADDRS];
	uint32_t ttl;
	size_t count = gather(n, got, &ttl);

	settle(n, got, count, ttl);
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
	answered((struct name *)(void *)((char *)q - offsetof(struct name, questions[0])));
}

static void
answered_aaaa(struct dns_question *q)
{
	answered((struct name *)(void *)((char *)q - offsetof(struct name, questions[1])));
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
	n->pending = 3; /* one more than the answers: none is concluded from before both are out */
	for (k = 0; k < 2; k++) {
		n->questions[k].answer = DNS_ASKED;
		n->questions[k].had = n->had;
		n->questions[k].had_count = n->had_count;
	}
	if (names_candidate(&n->r->resolv, host_of(n), n->candidate, full)) {
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
	struct name *n = (struct name *)(void *)((char *)t - offsetof(struct name, timer));
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
	return strcasecmp(host_of(*(struct name *const *)a), host_of(*(struct name *const *)b));
}

/* A line of hosts: for those who have that name. */
static void
on_host(void *arg, const char *host, const struct addr *a)
{
	struct resolver *r = arg;
	size_t low = 0, high = r->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcasecmp(host_of(r->by_host[middle]), host) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < r->count && strcasecmp(host_of(r->by_host[low]), host) == 0; low++) {
		struct name *n = r->by_host[low];

		n->fixed = 1;
		if (n->count < REPORT_ADDRS)
			n->addrs[n->count++] = *a;
	}
}

static struct name *
name_new(struct resolver *r, size_t server)
{
	struct name *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return NULL;
	n->note.fill = fill_addresses;
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

	return p != NULL ? p->data : "";
}

struct resolver *
resolver_new(struct loop *loop, const struct conf *conf, const struct bundle *b,
    const struct board *board, struct outbox *outbox)
{
	struct resolver *r = calloc(1, sizeof(*r));
	struct resolv quick;
	size_t i;

	if (r == NULL)
		return NULL;
	*r = (struct resolver){ .loop = loop, .conf = conf, .board = board, .outbox = outbox };
	r->tail = &r->head;
	r->by_server = calloc(conf->server_count + 1, sizeof(struct name *));
	r->by_host = calloc(conf->server_count + 1, sizeof(struct name *));
	for (i = 0; r->by_server != NULL && r->by_host != NULL && i < conf->server_count; i++) {
		if (conf->servers[i].host == NULL)
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
	return r->dns != NULL && r->early != NULL ? r : NULL;
}

void
resolver_begin(struct resolver *r)
{
	size_t i;

	r->began = loop_now(r->loop);
	for (i = 0; i < r->count; i++) {
		struct name *n = r->by_host[i];

		if (n->fixed) {
			struct addr got[REPORT_ADDRS];
			size_t count = n->count;

			memcpy(got, n->addrs, sizeof(got));
			n->count = 0;
			settle(n, got, count, 0);
		} else {
			on_due(&n->timer);
		}
	}
}

/* Ask for this name in so many milliseconds, if it would be later otherwise. */
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

	if (n != NULL)
		ask_sooner(n, now - n->asked < RETRY_MS ? n->asked + RETRY_MS - now : 1);
}

void
resolver_again(struct resolver *r)
{
	size_t i;

	for (i = 0; i < r->count; i++)
		ask_sooner(r->by_host[i], 1);
}

enum name_state
resolver_state(const struct resolver *r, size_t server, const char **why_r)
{
	*why_r = r->by_server[server]->why;
	return r->by_server[server]->state;
}
