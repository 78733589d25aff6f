/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* A configuration as text, for the tests and the fuzz target of common/conf. */
#include "tests/lib/conf_dump.h"

#include "common/conf.h"

#include <stdio.h>
#include <stdlib.h>

#define NUMBER(f, s, field) fprintf(f, #field "=%lld\n", (long long)(s)->field)
#define TEXT(f, s, field) \
	fprintf(f, #field "=%s%s\n", !(s)->field ? "" : "=", !(s)->field ? "NULL" : (s)->field)

static void
dump_line(FILE *f, const struct conf *c, int line)
{
	char where[4200];

	fprintf(f, "where=%s\n", line == 0 ? "-" : conf_where(c, line, where, sizeof(where)));
}

static void
dump_texts(FILE *f, const char *name, const struct conf_texts *t)
{
	fprintf(f, "%s:", name);
	for (size_t i = 0; i < t->count; i++)
		fprintf(f, " [%s]", t->items[i]);
	fputc('\n', f);
}

static void
dump_addr(FILE *f, const struct addr *a)
{
	char text[ADDR_TEXT];

	fprintf(f, "addr=%s family=%d\n", addr_text(a, text), a->family);
}

static void
dump_timeouts(FILE *f, const struct conf_timeouts *t)
{
	NUMBER(f, t, handshake);
	NUMBER(f, t, idle);
	NUMBER(f, t, half_closed);
	NUMBER(f, t, keepalive);
	NUMBER(f, t, connect);
	NUMBER(f, t, drain);
	NUMBER(f, t, stop);
}

static void
dump_front_tls(FILE *f, const struct conf *c, const struct conf_front_tls *t)
{
	NUMBER(f, t, mode);
	for (size_t i = 0; i < t->certificates.count; i++)
		fprintf(f, "certificate=%s key=%s hold=%d\n", t->certificates.items[i].path,
		    t->certificates.items[i].key ? t->certificates.items[i].key : "(none)",
		    t->certificates.items[i].hold);
	NUMBER(f, t, strict_sni);
	NUMBER(f, t, verify);
	TEXT(f, t, client_ca);
	TEXT(f, t, client_crl);
	NUMBER(f, t, policy);
	TEXT(f, t, min_version);
	TEXT(f, t, ciphers);
	TEXT(f, t, ciphersuites);
	TEXT(f, t, curves);
	NUMBER(f, t, tickets);
	TEXT(f, t, ticket_seed);
	dump_texts(f, "alpn", &t->alpn);
	NUMBER(f, t, detach);
	dump_line(f, c, t->line);
}

static void
dump_frontend(FILE *f, const struct conf *c, const struct conf_frontend *e)
{
	fprintf(f, "-- frontend\n");
	TEXT(f, e, name);
	NUMBER(f, e, protocol);
	NUMBER(f, e, backend);
	dump_front_tls(f, c, &e->tls);
	for (size_t i = 0; i < e->route_count; i++) {
		dump_texts(f, "sni", &e->routes[i].sni);
		NUMBER(f, &e->routes[i], backend);
		dump_line(f, c, e->routes[i].line);
	}
	dump_timeouts(f, &e->timeouts);
	TEXT(f, e, hostname);
	dump_line(f, c, e->line);
}

static void
dump_back_tls(FILE *f, const struct conf *c, const struct conf_back_tls *t)
{
	NUMBER(f, t, on);
	NUMBER(f, t, verify);
	TEXT(f, t, ca_file);
	TEXT(f, t, server_name);
	TEXT(f, t, certificate);
	TEXT(f, t, key);
	TEXT(f, t, crl);
	dump_line(f, c, t->line);
}

static void
dump_check(FILE *f, const struct conf *c, const struct conf_check *k)
{
	NUMBER(f, k, type);
	NUMBER(f, k, interval);
	NUMBER(f, k, fast_interval);
	NUMBER(f, k, down_interval);
	NUMBER(f, k, timeout);
	NUMBER(f, k, rise);
	NUMBER(f, k, fall);
	NUMBER(f, k, port);
	dump_back_tls(f, c, &k->tls);
	NUMBER(f, k, send_proxy);
	NUMBER(f, k, initial_up);
	TEXT(f, k, send);
	TEXT(f, k, expect);
	dump_line(f, c, k->line);
}

static void
dump_server(FILE *f, const struct conf_server *s)
{
	fprintf(f, "-- server\n");
	TEXT(f, s, name);
	TEXT(f, s, host);
	dump_addr(f, &s->addr);
	NUMBER(f, s, addr.port);
	NUMBER(f, s, backend);
	NUMBER(f, s, weight);
	NUMBER(f, s, backup);
	NUMBER(f, s, max_connections);
	NUMBER(f, s, disabled);
	NUMBER(f, s, unchecked);
	NUMBER(f, s, check_port);
	TEXT(f, s, server_name);
	NUMBER(f, s, send_proxy);
	NUMBER(f, s, resolve);
	NUMBER(f, s, slot);
	NUMBER(f, s, slots);
}

static void
dump_backend(FILE *f, const struct conf *c, const struct conf_backend *b)
{
	fprintf(f, "-- backend\n");
	TEXT(f, b, name);
	NUMBER(f, b, protocol);
	NUMBER(f, b, send_proxy);
	NUMBER(f, b, proxy_tlvs);
	NUMBER(f, b, receiver);
	dump_back_tls(f, c, &b->tls);
	NUMBER(f, b, balance);
	NUMBER(f, b, retries);
	NUMBER(f, b, slowstart);
	NUMBER(f, b, on_down_close);
	NUMBER(f, b, on_up_close_backup);
	for (size_t i = 0; i < b->bind_address_count; i++)
		dump_addr(f, &b->bind_address[i]);
	dump_check(f, c, &b->check);
	NUMBER(f, b, connect);
	NUMBER(f, b, server);
	NUMBER(f, b, servers);
	NUMBER(f, b, passthrough);
	dump_line(f, c, b->line);
}

char *
conf_dump(const struct conf *c)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		abort();
	TEXT(f, c, user);
	TEXT(f, c, keeper_user);
	TEXT(f, c, checker_user);
	NUMBER(f, c, workers);
	NUMBER(f, c, sandbox_required);
	TEXT(f, c, hostname);
	TEXT(f, c, state_directory);
	TEXT(f, c, control.socket);
	TEXT(f, c, control.group);
	TEXT(f, c, control.monitor_socket);
	TEXT(f, c, control.monitor_group);
	NUMBER(f, c, log.level);
	NUMBER(f, c, log.format);
	NUMBER(f, c, log.connections);
	NUMBER(f, c, log.client);
	dump_timeouts(f, &c->timeouts);
	dump_front_tls(f, c, &c->tls);
	TEXT(f, c, ticket_seed);
	NUMBER(f, c, watch);
	NUMBER(f, c, watch_config);
	for (size_t i = 0; i < c->frontend_count; i++)
		dump_frontend(f, c, &c->frontends[i]);
	for (size_t i = 0; i < c->listener_count; i++) {
		NUMBER(f, &c->listeners[i], frontend);
		dump_addr(f, &c->listeners[i].addr);
	}
	for (size_t i = 0; i < c->backend_count; i++)
		dump_backend(f, c, &c->backends[i]);
	for (size_t i = 0; i < c->server_count; i++)
		dump_server(f, &c->servers[i]);
	NUMBER(f, c, slot_count);
	if (fclose(f) != 0)
		abort();
	return text;
}
