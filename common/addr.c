/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Addresses: from the text of the configuration and from the kernel, and back.  Every process
 * runs this; the text is the administrator's, the kernel's form is trusted.
 * Never asks DNS, and never makes a system call but to find the number of a named interface.
 */
#include "common/addr.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOST_MAX  253 /* RFC 1035 section 2.3.4, without the final dot's root label */
#define LABEL_MAX 63

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static int
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* 1 to 65535 in plain digits, to the end of the text; 0 for anything else. */
static uint16_t
read_port(const char *s)
{
	uint32_t n = 0;

	if (*s == '0')
		return 0;
	for (; is_digit(*s) && n <= 65535; s++)
		n = n * 10 + (uint32_t)(*s - '0');
	return *s == '\0' && n <= 65535 ? (uint16_t)n : 0;
}

static void
set_v6(struct addr *a, const struct in6_addr *ip, uint32_t scope)
{
	if (memcmp(ip, mapped, sizeof(mapped)) == 0) {
		a->family = ADDR_V4;
		memcpy(a->ip, ip->s6_addr + 12, 4);
		return;
	}
	a->family = ADDR_V6;
	memcpy(a->ip, ip, 16);
	a->scope = IN6_IS_ADDR_LINKLOCAL(ip) ? scope : 0;
}

/* "2001:db8::1", "fe80::1%eth0" or "fe80::1%2"; a scope on anything else is an error. */
static int
read_v6(char *s, struct addr *a)
{
	char *zone = strchr(s, '%'), *end;
	struct in6_addr ip;
	unsigned long scope = 0;

	if (zone)
		*zone++ = '\0';
	if (inet_pton(AF_INET6, s, &ip) != 1)
		return -1;
	if (zone) {
		if (!IN6_IS_ADDR_LINKLOCAL(&ip))
			return -1;
		if (is_digit(*zone)) {
			scope = strtoul(zone, &end, 10);
			if (*end != '\0' || scope > UINT32_MAX)
				return -1;
		} else
			scope = if_nametoindex(zone);
		if (scope == 0)
			return -1;
	}
	set_v6(a, &ip, (uint32_t)scope);
	return 0;
}

int
addr_parse(const char *text, int wildcard_ok, struct addr *a_r)
{
	struct addr a = { .family = ADDR_NONE };
	char host[ADDR_TEXT];
	const char *colon = strrchr(text, ':');
	size_t len;

	if (!colon || (size_t)(colon - text) >= sizeof(host))
		return -1;
	len = (size_t)(colon - text);
	memcpy(host, text, len);
	host[len] = '\0';
	a.port = read_port(colon + 1);
	if (a.port == 0)
		return -1;
	if (strcmp(host, "*") == 0) {
		if (!wildcard_ok)
			return -1;
		a.family = ADDR_V6;
		a.wildcard = 1;
	} else if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		if (read_v6(host + 1, &a) == -1)
			return -1;
	} else {
		if (inet_pton(AF_INET, host, a.ip) != 1)
			return -1;
		a.family = ADDR_V4;
	}
	*a_r = a;
	return 0;
}

static int
is_name_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '-' ||
	    c == '_';
}

/* Labels of 1 to 63 bytes; the last is not all digits, or it would be a mistyped IPv4 address. */
static int
is_host(const char *s, size_t len)
{
	size_t label = 0, digits = 0;

	if (len > 1 && s[len - 1] == '.')
		len--;
	if (len == 0 || len > HOST_MAX)
		return 0;
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '.') {
			if (label == 0)
				return 0;
			label = digits = 0;
			continue;
		}
		if (!is_name_byte(s[i]) || ++label > LABEL_MAX)
			return 0;
		digits += (size_t)is_digit(s[i]);
	}
	return label > digits;
}

int
addr_split_host(const char *text, char *host_r, uint16_t *port_r)
{
	const char *colon = strchr(text, ':');
	uint16_t port;
	size_t len;

	if (!colon)
		return -1;
	len = (size_t)(colon - text);
	port = read_port(colon + 1);
	if (port == 0 || len > HOST_MAX || !is_host(text, len))
		return -1;
	memcpy(host_r, text, len);
	host_r[len] = '\0';
	*port_r = port;
	return 0;
}

void
addr_from_sockaddr(const struct sockaddr *sa, struct addr *a_r)
{
	struct sockaddr_in6 six;
	struct sockaddr_in four;

	memset(a_r, 0, sizeof(*a_r));
	/* Copied out: the caller's buffer need not be aligned for what is in it. */
	if (sa->sa_family == AF_INET) {
		memcpy(&four, sa, sizeof(four));
		a_r->family = ADDR_V4;
		memcpy(a_r->ip, &four.sin_addr, 4);
		a_r->port = ntohs(four.sin_port);
	} else if (sa->sa_family == AF_INET6) {
		memcpy(&six, sa, sizeof(six));
		set_v6(a_r, &six.sin6_addr, six.sin6_scope_id);
		a_r->port = ntohs(six.sin6_port);
	}
}

socklen_t
addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *ss_r)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(a->port) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(a->port) };

	memset(ss_r, 0, sizeof(*ss_r));
	if (a->family == ADDR_V4) {
		memcpy(&four.sin_addr, a->ip, 4);
		memcpy(ss_r, &four, sizeof(four));
		return sizeof(four);
	}
	if (a->family == ADDR_V6) {
		if (!a->wildcard)
			memcpy(&six.sin6_addr, a->ip, 16);
		six.sin6_scope_id = a->scope;
		memcpy(ss_r, &six, sizeof(six));
		return sizeof(six);
	}
	ss_r->ss_family = AF_UNSPEC;
	return sizeof(sa_family_t);
}

const char *
addr_ip_text(const struct addr *a, char buf[ADDR_TEXT])
{
	char ip[INET6_ADDRSTRLEN];

	if (a->wildcard || (a->family != ADDR_V4 && a->family != ADDR_V6)) {
		snprintf(buf, ADDR_TEXT, "%s", a->wildcard ? "*" : "-");
		return buf;
	}
	inet_ntop(a->family == ADDR_V4 ? AF_INET : AF_INET6, a->ip, ip, sizeof(ip));
	if (a->scope)
		/* The number, not the name: a sandboxed process cannot look it up. */
		snprintf(buf, ADDR_TEXT, "%s%%%u", ip, a->scope);
	else
		snprintf(buf, ADDR_TEXT, "%s", ip);
	return buf;
}

const char *
addr_text(const struct addr *a, char buf[ADDR_TEXT])
{
	char ip[ADDR_TEXT - 8]; /* less brackets, colon and port */

	addr_ip_text(a, buf);
	if (a->family != ADDR_V4 && a->family != ADDR_V6)
		return buf;
	snprintf(ip, sizeof(ip), "%s", buf);
	snprintf(buf, ADDR_TEXT, a->family == ADDR_V6 && !a->wildcard ? "[%s]:%u" : "%s:%u", ip,
	    a->port);
	return buf;
}

int
addr_same_ip(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && a->wildcard == b->wildcard && a->scope == b->scope &&
	    memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

int
addr_equal(const struct addr *a, const struct addr *b)
{
	return addr_same_ip(a, b) && a->port == b->port;
}

int
addr_is_any(const struct addr *a)
{
	static const uint8_t zero[sizeof(a->ip)];

	return a->wildcard || memcmp(a->ip, zero, sizeof(zero)) == 0;
}

int
addr_covers(const struct addr *a, const struct addr *b)
{
	if (a->port != b->port)
		return 0;
	if (a->wildcard || b->wildcard)
		return 1;
	return a->family == b->family && (addr_is_any(a) || addr_is_any(b));
}

int
addr_is_loopback(const struct addr *a)
{
	static const uint8_t one[16] = { [15] = 1 };

	if (a->family == ADDR_V4)
		return a->ip[0] == 127;
	return a->family == ADDR_V6 && !a->wildcard && memcmp(a->ip, one, sizeof(one)) == 0;
}
