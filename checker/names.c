/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * hosts, resolv.conf, search lists and the choice among addresses.  Runs in the checker, which
 * has no file system: the texts come in its bundle.
 */
#include "checker/names.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Copy the next word of a line; returns what follows it, or NULL at the line's end. */
static const char *
word(const char *p, char *out_r, size_t size)
{
	size_t len;

	p += strspn(p, " \t\r");
	len = strcspn(p, " \t\r\n#");
	if (len == 0)
		return NULL;
	memset(out_r, 0, size);
	if (len < size) {
		memcpy(out_r, p, len);
		out_r[len] = '\0';
	}
	return p + len;
}

static const char *
next_line(const char *p)
{
	p += strcspn(p, "\n");
	return *p == '\n' ? p + 1 : p;
}

/* The number after "name:" in an option, within its bounds; else what it was. */
static unsigned
option(const char *text, const char *name, unsigned was, unsigned least, unsigned most)
{
	size_t len = strlen(name);
	unsigned long n;

	if (strncmp(text, name, len) != 0 || !isdigit((unsigned char)text[len]))
		return was;
	n = strtoul(text + len, NULL, 10);
	if (n < least)
		return least;
	return n > most ? most : (unsigned)n;
}

static void
resolv_line(const char *p, struct resolv *r)
{
	char key[16], value[NAME_SIZE];

	if (*p == '#' || *p == ';' || (p = word(p, key, sizeof(key))) == NULL)
		return;
	if (strcmp(key, "search") == 0 || strcmp(key, "domain") == 0)
		r->search_count = 0; /* the last such line counts */
	while ((p = word(p, value, sizeof(value))) != NULL) {
		size_t len = strlen(value);

		if (strcmp(key, "nameserver") == 0) {
			if (r->server_count < RESOLV_LISTS && len > 0 &&
			    len < sizeof(r->servers[0]))
				memcpy(r->servers[r->server_count++], value, len + 1);
			return;
		}
		if (strcmp(key, "search") == 0 || strcmp(key, "domain") == 0) {
			if (r->search_count < RESOLV_LISTS && len > 0)
				memcpy(r->search[r->search_count++], value, len + 1);
		} else if (strcmp(key, "options") == 0) {
			r->ndots = option(value, "ndots:", r->ndots, 0, 15);
			r->timeout = option(value, "timeout:", r->timeout, 1, 30);
			r->attempts = option(value, "attempts:", r->attempts, 1, 5);
		}
	}
}

void
names_resolv(const char *text, struct resolv *r_r)
{
	/* resolv.conf(5) names these defaults but for the timeout, which is 5 there. */
	*r_r = (struct resolv){ .ndots = 1, .timeout = 2, .attempts = 2 };
	for (; *text != '\0'; text = next_line(text))
		resolv_line(text, r_r);
	if (r_r->server_count == 0) {
		memcpy(r_r->servers[0], "127.0.0.1", sizeof("127.0.0.1"));
		r_r->server_count = 1;
	}
}

/* An address without a port. */
static int
bare_address(const char *text, struct addr *a_r)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		addr_from_sockaddr((const struct sockaddr *)&v4, a_r);
	else if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1)
		addr_from_sockaddr((const struct sockaddr *)&v6, a_r);
	else
		return -1;
	return 0;
}

void
names_hosts(
    const char *text, void (*pair)(void *arg, const char *name, const struct addr *a), void *arg)
{
	char name[NAME_SIZE], *c;
	struct addr addr;
	const char *p;

	for (; *text != '\0'; text = next_line(text)) {
		p = word(text, name, sizeof(name));
		if (!p || bare_address(name, &addr) == -1)
			continue;
		while ((p = word(p, name, sizeof(name))) != NULL) {
			for (c = name; *c != '\0'; c++)
				*c = (char)tolower((unsigned char)*c);
			if (name[0] != '\0')
				pair(arg, name, &addr);
		}
	}
}

/* Whether host, in this domain, is a name that DNS can carry. */
static int
join(const char *host, const char *domain, char out_r[NAME_SIZE])
{
	int len = snprintf(out_r, NAME_SIZE, "%s.%s", host, domain);

	return len > 0 && len < NAME_SIZE;
}

static unsigned
dots(const char *s)
{
	unsigned n = 0;

	for (; *s != '\0'; s++)
		n += *s == '.';
	return n;
}

int
names_candidate(const struct resolv *r, const char *host, unsigned n, char out_r[NAME_SIZE])
{
	size_t len = strlen(host);
	unsigned lists = (unsigned)r->search_count;
	/* Where the name as it stands comes in the order. */
	unsigned plain = dots(host) >= r->ndots ? 0 : lists;

	if (len == 0 || len >= NAME_SIZE)
		return 0;
	if (host[len - 1] == '.') {
		plain = 0;
		lists = 0;
	}
	if (n == plain) {
		memcpy(out_r, host, len + 1);
		return 1;
	}
	if (n > lists)
		return 0;
	return join(host, r->search[n < plain ? n : n - 1], out_r);
}

/* Whether a server may have this address at all. */
static int
sensible(const struct addr *a)
{
	static const uint8_t zeros[16];

	if (a->family == ADDR_V4)
		return a->ip[0] != 0 && a->ip[0] < 224;
	return a->family == ADDR_V6 && memcmp(a->ip, zeros, 16) != 0 && a->ip[0] != 0xff;
}

static int
among(const struct addr *a, const struct addr *list, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (addr_same_ip(a, &list[i]))
			return 1;
	return 0;
}

/* IPv4 before IPv6, then by number: the same order whatever order the answer has. */
static int
before(const struct addr *a, const struct addr *b)
{
	if (a->family != b->family)
		return a->family == ADDR_V4;
	return memcmp(a->ip, b->ip, sizeof(a->ip)) < 0;
}

size_t
names_choose(const struct addr *had, size_t had_count, const struct addr *got, size_t got_count,
    struct addr out_r[NAMES_MOST])
{
	const struct addr *next;
	size_t n = 0, i;

	for (i = 0; i < had_count && n < NAMES_MOST; i++)
		if (sensible(&had[i]) && among(&had[i], got, got_count) &&
		    !among(&had[i], out_r, n))
			out_r[n++] = had[i];
	while (n < NAMES_MOST) {
		next = NULL;
		for (i = 0; i < got_count; i++)
			if (sensible(&got[i]) && (!next || before(&got[i], next)) &&
			    !among(&got[i], out_r, n))
				next = &got[i];
		if (!next)
			break;
		out_r[n++] = *next;
	}
	return n;
}
