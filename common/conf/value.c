/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Values as libconfig holds them: lists, arrays and single values alike, and how a value looks in
 * a message.
 */
#include "common/conf/int.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { SHOWN_MAX = 60 };

size_t
value_count(const config_setting_t *s)
{
	if (config_setting_is_list(s) || config_setting_is_array(s))
		return (size_t)config_setting_length(s);
	return 1;
}

config_setting_t *
value_at(config_setting_t *s, size_t n)
{
	if (config_setting_is_list(s) || config_setting_is_array(s))
		return config_setting_get_elem(s, (unsigned)n);
	return s;
}

const char *
value_key(const config_setting_t *s)
{
	while (!config_setting_name(s) && config_setting_parent(s))
		s = config_setting_parent(s);
	return !config_setting_name(s) ? "?" : config_setting_name(s);
}

const char *
value_shown(struct reader *r, const config_setting_t *s)
{
	const char *text;
	long long n;

	switch (config_setting_type(s)) {
	case CONFIG_TYPE_STRING:
		text = config_setting_get_string(s);
		return arena_printf(
		    r->arena, "\"%.*s%s\"", SHOWN_MAX, text, strlen(text) > SHOWN_MAX ? "…" : "");
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		n = config_setting_get_int64(s);
		return arena_printf(r->arena,
		    n == INT64_MAX     ? "(more than %lld)" :
			n == INT64_MIN ? "(less than %lld)" :
					 "%lld",
		    n);
	case CONFIG_TYPE_FLOAT:
		return arena_printf(r->arena, "%g", config_setting_get_float(s));
	case CONFIG_TYPE_BOOL:
		return config_setting_get_bool(s) ? "true" : "false";
	case CONFIG_TYPE_GROUP:
		return "{ … }";
	default:
		return config_setting_is_list(s) ? "( … )" : "[ … ]";
	}
}

const char *
value_text(struct reader *r, const config_setting_t *s)
{
	const char *text = config_setting_get_string(s);

	if (config_setting_type(s) == CONFIG_TYPE_STRING && text)
		return text;
	value_wrong(r, s, "is not a string; %s",
	    config_setting_is_aggregate(s) ? "one value in quotes stands here" :
					     "write it in quotes");
	return NULL;
}

/* A port, if this is one alone, with a colon before it or without. */
static const char *
port_alone(const char *text)
{
	size_t n;

	text += *text == ':';
	n = strspn(text, "0123456789");
	return n > 0 && n < 6 && text[n] == '\0' ? text : NULL;
}

/* Whether it would be an address, if it had a port. */
static int
lacks_port(const char *text, char fixed_r[ADDR_TEXT + 8])
{
	struct addr a;

	for (int bare6 = 0; bare6 < 2; bare6++) {
		int n = snprintf(fixed_r, ADDR_TEXT + 8, bare6 ? "[%s]:" : "%s:", text);
		char with[ADDR_TEXT + 16];

		if (n < 0 || n >= ADDR_TEXT + 8)
			return 0;
		snprintf(with, sizeof(with), "%s1", fixed_r);
		if (addr_parse(with, 1, &a) == 0)
			return 1;
	}
	return 0;
}

/* Whether this and a port would be an address, or for a server a host. */
static int
takes_port(const char *text, size_t len, int bind)
{
	char with[300], host[254];
	uint16_t port;
	struct addr a;

	if (len > 260)
		return 0;
	snprintf(with, sizeof(with), "%.*s:1", (int)len, text);
	return addr_parse(with, bind, &a) == 0 ||
	    (!bind && addr_split_host(with, host, &port) == 0);
}

static const struct {
	const char *service;
	int port;
} services[] = { { "imap", 143 }, { "imap2", 143 }, { "imaps", 993 }, { "pop3", 110 },
	{ "pop3s", 995 }, { "smtp", 25 }, { "submission", 587 }, { "submissions", 465 },
	{ "smtps", 465 }, { "sieve", 4190 }, { "managesieve", 4190 }, { "lmtp", 24 } };

/* An address and what is no port: 0 if this is not it. */
static int
wrong_port(struct reader *r, const config_setting_t *s, const char *text, int bind)
{
	const char *colon = strrchr(text, ':');
	int len;

	if (!colon || !takes_port(text, (size_t)(colon - text), bind))
		return 0;
	len = (int)(colon - text);
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
		if (strcasecmp(colon + 1, services[i].service) == 0) {
			value_wrong(
			    r, s, "names its port; write \"%.*s:%d\"", len, text, services[i].port);
			return 1;
		}
	value_wrong(
	    r, s, "has no good port; write a number from 1 to 65535 after \"%.*s:\"", len, text);
	return 1;
}

/* IPv6 and a port without [ ] between them: three digits and more are taken for the port. */
static int
bare_ipv6(struct reader *r, const config_setting_t *s, const char *text, int bind)
{
	const char *colon = strrchr(text, ':');
	char with[ADDR_TEXT + 16];
	struct addr a;
	size_t digits = colon ? strspn(colon + 1, "0123456789") : 0;

	if (digits < 3 || colon[1 + digits] != '\0' || *text == '[' || colon - text > ADDR_TEXT)
		return 0;
	snprintf(with, sizeof(with), "[%.*s]%s", (int)(colon - text), text, colon);
	if (addr_parse(with, bind, &a) != 0 || a.family != ADDR_V6)
		return 0;
	value_wrong(r, s, "is IPv6 without [ ]; write \"%s\"", with);
	return 1;
}

/* What is around an address. */
static int
wrapped(struct reader *r, const config_setting_t *s, const char *text, int bind)
{
	const char *scheme = strstr(text, "://"), *at = strchr(text, '@');
	const char *rest = scheme ? scheme + 3 : at ? at + 1 : "";

	if (strchr(text, ','))
		value_wrong(r, s, "is more than one; write each in quotes, %s",
		    "[ \"10.0.0.1:993\", \"10.0.0.2:993\" ]");
	else if (strpbrk(text, " \t"))
		value_wrong(r, s, "is more than an address; write the rest as keys of the %s",
		    bind ? "frontend" : "server, in ( { address = \"…\"; … } ), or of the backend");
	else if (*rest != '/' && *rest != '\0')
		value_wrong(r, s, "is more than an address; write \"%s\"", rest);
	else
		return 0;
	return 1;
}

void
value_wrong_address(struct reader *r, const config_setting_t *s, int bind)
{
	const char *text = config_setting_get_string(s), *port;
	char fixed[ADDR_TEXT + 8], host[254];
	uint16_t number;

	if (config_setting_is_aggregate(s)) {
		(void)value_text(r, s);
		return;
	}
	if (!text)
		text = value_shown(r, s);
	port = port_alone(text);
	if (port)
		value_wrong(r, s, "is a port without an address; write \"%s:%s\"",
		    bind ? "*" : "127.0.0.1", port);
	else if (wrapped(r, s, text, bind) || bare_ipv6(r, s, text, bind))
		return;
	else if (bind && addr_split_host(text, host, &number) == 0)
		value_wrong(r, s, "is a host name; write an address of this host, or \"*:%u\"",
		    (unsigned)number);
	else if (lacks_port(text, fixed) && (bind || !strchr(text, '*')))
		value_wrong(r, s, "has no port; write it as in \"%s%d\"", fixed, bind ? 993 : 143);
	else if (!bind && takes_port(text, strlen(text), 0))
		value_wrong(r, s, "has no port; write it as in \"%s:143\"", text);
	else if (!wrong_port(r, s, text, bind))
		value_wrong(r, s,
		    "is not an address with a port; write it as \"10.0.0.1:993\", "
		    "\"[2001:db8::1]:993\" or \"%s:993\"",
		    bind ? "*" : "host.example.org");
}
