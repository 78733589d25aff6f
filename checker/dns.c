/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * DNS by c-ares.  Runs in the checker on answers that anyone may have sent.
 *
 * The process has no files, so c-ares is given everything that it would read from files, and never
 * looks further than DNS.  Queries are made with ids of our own: without /dev/urandom c-ares 1.18
 * would number them in a way that can be guessed.
 */
#define CARES_NO_DEPRECATED
#include "checker/dns.h"

#include "common/container.h"
#include "common/log.h"

#include <ares.h>
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>

#define TICK_MS     100   /* how exactly time-outs of queries are kept */
#define EDNS_SIZE   1232  /* what a UDP answer may have, so that it is never fragmented */
#define ANSWER_MOST 4096  /* records of an answer; a message of 64 KiB has fewer */
#define TTL_MOST    86400 /* seconds */

/* A socket of c-ares. */
struct sock {
	struct watch watch;
	struct dns *dns;
	struct sock *next;
};

struct dns {
	struct loop *loop;
	ares_channel channel;
	struct sock *socks;
	struct timer tick;
	size_t asking; /* questions under way */
};

static void
on_socket(struct watch *w, uint32_t events)
{
	struct sock *s = CONTAINER(w, struct sock, watch);
	ares_socket_t fd = w->fd;

	ares_process_fd(s->dns->channel, events & ~(uint32_t)EPOLLOUT ? fd : ARES_SOCKET_BAD,
	    events & EPOLLOUT ? fd : ARES_SOCKET_BAD);
}

/* c-ares says what it wants to know of its sockets. */
static void
on_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct dns *d = arg;
	uint32_t events = (readable ? EPOLLIN : 0) | (writable ? EPOLLOUT : 0);
	struct sock **p = &d->socks, *s;

	while (*p && (*p)->watch.fd != fd)
		p = &(*p)->next;
	s = *p;
	if (!s && events != 0 && (s = calloc(1, sizeof(*s))) != NULL) {
		s->watch.fd = fd;
		s->watch.fn = on_socket;
		s->dns = d;
		*p = s;
	}
	/* A socket that cannot be watched answers nothing: its queries time out. */
	if (!s || watch_set(d->loop, &s->watch, events) == -1 || events != 0)
		return;
	*p = s->next;
	free(s);
}

static void
on_tick(struct timer *t)
{
	struct dns *d = CONTAINER(t, struct dns, tick);

	ares_process_fd(d->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	if (d->asking > 0)
		timer_set(d->loop, t, TICK_MS);
}

static int
parse_a(const unsigned char *bytes, int len, struct addr *all, size_t *count_r, uint32_t *ttl_r)
{
	static struct ares_addrttl v4[ANSWER_MOST];
	int n = ANSWER_MOST, i, status;

	status = ares_parse_a_reply(bytes, len, NULL, v4, &n);
	for (i = 0; status == ARES_SUCCESS && i < n; i++) {
		all[i] = (struct addr){ .family = ADDR_V4 };
		memcpy(all[i].ip, &v4[i].ipaddr, 4);
		if (v4[i].ttl >= 0 && (uint32_t)v4[i].ttl < *ttl_r)
			*ttl_r = (uint32_t)v4[i].ttl;
	}
	*count_r = status == ARES_SUCCESS ? (size_t)n : 0;
	return status;
}

static int
parse_aaaa(const unsigned char *bytes, int len, struct addr *all, size_t *count_r, uint32_t *ttl_r)
{
	static struct ares_addr6ttl v6[ANSWER_MOST];
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };
	int n = ANSWER_MOST, i, status;

	status = ares_parse_aaaa_reply(bytes, len, NULL, v6, &n);
	for (i = 0; status == ARES_SUCCESS && i < n; i++) {
		memcpy(&sin6.sin6_addr, &v6[i].ip6addr, 16);
		addr_from_sockaddr((const struct sockaddr *)(const void *)&sin6, &all[i]);
		if (v6[i].ttl >= 0 && (uint32_t)v6[i].ttl < *ttl_r)
			*ttl_r = (uint32_t)v6[i].ttl;
	}
	*count_r = status == ARES_SUCCESS ? (size_t)n : 0;
	return status;
}

/* Read an answer; returns a status of c-ares. */
static int
parse(struct dns_question *q, const unsigned char *bytes, int len)
{
	static struct addr all[ANSWER_MOST];
	size_t count = 0;
	int status;

	if (len < NS_HFIXEDSZ)
		return ARES_EBADRESP;
	/* RFC 1035 section 4.1.1: the response code. */
	switch (bytes[3] & 15) {
	case ns_r_noerror:
		break;
	case ns_r_nxdomain:
		return ARES_ENOTFOUND;
	case ns_r_servfail:
		return ARES_ESERVFAIL;
	case ns_r_refused:
		return ARES_EREFUSED;
	default:
		return ARES_EBADRESP;
	}
	q->ttl = TTL_MOST;
	status = q->family == ADDR_V4 ? parse_a(bytes, len, all, &count, &q->ttl) :
					parse_aaaa(bytes, len, all, &count, &q->ttl);
	q->count = names_choose(q->had, q->had_count, all, count, q->got);
	if (status == ARES_SUCCESS && q->count == 0)
		return ARES_ENODATA;
	return status;
}

static void
conclude(struct dns_question *q, int status, const unsigned char *bytes, int len)
{
	q->count = 0;
	q->why = "";
	if (status == ARES_SUCCESS)
		status = parse(q, bytes, len);
	switch (status) {
	case ARES_SUCCESS:
		q->answer = DNS_GOOD;
		break;
	case ARES_ENODATA:
		q->answer = DNS_NO_ADDRESS;
		break;
	case ARES_ENOTFOUND:
		q->answer = DNS_NO_NAME;
		break;
	case ARES_ECONNREFUSED:
		/* Also when every server has answered, but none usefully. */
		q->answer = DNS_FAILED;
		q->why = "no useful answer from any name server";
		break;
	default:
		q->answer = DNS_FAILED;
		q->why = ares_strerror(status);
		break;
	}
	q->answered(q);
}

/* The question and its channel, from dns_ask to on_answer. */
struct errand {
	struct dns *dns;
	struct dns_question *q;
};

static void
on_answer(void *arg, int status, int timeouts, unsigned char *bytes, int len)
{
	struct errand *e = arg;
	struct dns_question *q = e->q;

	(void)timeouts;
	e->dns->asking--;
	free(e);
	conclude(q, status, bytes, len);
}

void
dns_ask(struct dns *d, struct dns_question *q, const char *full)
{
	struct errand *e = malloc(sizeof(*e));
	unsigned char *bytes = NULL;
	unsigned short id = 0;
	int len = 0, status = ARES_ENOMEM;

	if (e && getrandom(&id, sizeof(id), 0) == (ssize_t)sizeof(id))
		status = ares_create_query(full, ns_c_in, q->family == ADDR_V4 ? ns_t_a : ns_t_aaaa,
		    id, 1, &bytes, &len, EDNS_SIZE);
	if (status != ARES_SUCCESS) {
		free(e);
		conclude(q, status, NULL, 0);
		return;
	}
	*e = (struct errand){ d, q };
	d->asking++;
	if (d->tick.deadline == 0)
		timer_set(d->loop, &d->tick, TICK_MS);
	ares_send(d->channel, bytes, len, on_answer, e);
	ares_free_string(bytes);
}

/* A channel that never opens a file: everything that it would look for is given. */
static int
channel_new(struct dns *d, const struct resolv *r)
{
	char servers[RESOLV_LISTS * (sizeof(r->servers[0]) + 1) + 1] = "";
	char lookups[] = "b";
	struct in_addr nobody = { htonl(INADDR_LOOPBACK) }; /* until the real ones are set */
	struct ares_options o = {
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS,
		.timeout = (int)r->timeout * 1000,
		.tries = (int)r->attempts,
		.ndots = 1,
		.servers = &nobody,
		.nservers = 1,
		.lookups = lookups,
		.ednspsz = EDNS_SIZE,
		.sock_state_cb = on_state,
		.sock_state_cb_data = d,
	};
	/* All that c-ares would look into files for; an option of length 0 is given, too. */
	int status,
	    mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS |
	    ARES_OPT_DOMAINS | ARES_OPT_LOOKUPS | ARES_OPT_EDNSPSZ | ARES_OPT_SOCK_STATE_CB |
	    ARES_OPT_SERVERS | ARES_OPT_SORTLIST;
	size_t i, len = 0;

#ifdef ARES_OPT_QUERY_CACHE
	/* Since 1.31 it would cache answers; a name is asked for again only with reason. */
	o.qcache_max_ttl = 0;
	mask |= ARES_OPT_QUERY_CACHE;
#endif
	for (i = 0; i < r->server_count; i++)
		len += (size_t)snprintf(
		    servers + len, sizeof(servers) - len, "%s%s", i > 0 ? "," : "", r->servers[i]);
	status = ares_library_init(ARES_LIB_INIT_ALL);
	if (status == ARES_SUCCESS)
		status = ares_init_options(&d->channel, &o, mask);
	if (status == ARES_SUCCESS) {
		status = ares_set_servers_ports_csv(d->channel, servers);
		if (status != ARES_SUCCESS)
			log_say(LOG_WARNING, "resolv.conf: cannot use name servers %s: %s", servers,
			    ares_strerror(status));
		return 0;
	}
	log_say(LOG_ERR, "c-ares: %s", ares_strerror(status));
	return -1;
}

struct dns *
dns_new(struct loop *loop, const struct resolv *resolv)
{
	struct dns *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->loop = loop;
	d->tick.fn = on_tick;
	if (channel_new(d, resolv) == 0)
		return d;
	free(d);
	return NULL;
}
