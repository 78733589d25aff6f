/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Any text at all as a configuration.  What is refused must be refused with words; what is
 * accepted must be whole (indexes within their arrays) and the same when it is read again as
 * canonical text.  No directory is given, so no @include reaches the file system.
 */
#include "common/conf/int.h"
#include "tests/lib/conf_dump.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libconfig 1.5 forgets the text that it was reading when a syntax error comes after it. */
const char *__lsan_default_suppressions(void);
const char *
__lsan_default_suppressions(void)
{
	return "leak:strbuf_append\nleak:libconfig_yy";
}

#define must(x) \
	do { \
		if (!(x)) \
			abort(); \
	} while (0)

static void
check_indexes(const struct conf *c)
{
	static const char *const names[] = { "example.org", "a.example.org", ".", "", "*.a", NULL };

	for (size_t i = 0; i < c->listener_count; i++) {
		must(c->listeners[i].frontend < c->frontend_count);
		must(c->listeners[i].addr.port > 0);
	}
	for (size_t i = 0; i < c->frontend_count; i++) {
		const struct conf_frontend *f = &c->frontends[i];

		must(f->backend < c->backend_count && f->protocol < PROTO_COUNT);
		must(f->timeouts.idle > 0 && f->timeouts.handshake > 0);
		must(f->tls.mode != TLS_IMPLICIT || f->tls.certificates.count > 0);
		must(f->tls.verify == VERIFY_NONE || (f->tls.client_ca && !f->tls.tickets));
		for (size_t j = 0; j < f->route_count; j++)
			must(f->routes[j].backend < c->backend_count);
		for (size_t j = 0; j < sizeof(names) / sizeof(names[0]); j++)
			must(conf_route(c, (uint32_t)i, names[j]) < c->backend_count);
	}
}

static void
check_servers(const struct conf *c)
{
	uint32_t slot = 0, server = 0;

	for (size_t i = 0; i < c->backend_count; i++) {
		const struct conf_backend *b = &c->backends[i];

		must(b->server == server && b->servers > 0 && b->protocol < PROTO_COUNT);
		must(b->check.type < CHECK_TYPE_COUNT && b->check.interval > 0);
		must(b->check.timeout > 0 && b->check.rise > 0 && b->check.fall > 0);
		must(b->check.type != CHECK_EXPECT || b->check.expect);
		server += b->servers;
	}
	must(server == c->server_count);
	for (size_t i = 0; i < c->server_count; i++) {
		const struct conf_server *s = &c->servers[i];

		must(s->backend < c->backend_count && s->slot == slot && s->addr.port > 0);
		must(strlen(s->name) > 0 && strlen(s->name) <= CONF_NAME && s->weight <= 256);
		slot += s->slots;
	}
	must(slot == c->slot_count && slot <= CONF_SERVERS);
}

/* As conf_load does it, but from memory. */
static void
check_again(const struct conf *c, const char *text)
{
	struct problems p = { 0 };
	struct conf *again = conf_parse(text, "again", NULL, &p);
	char *was = conf_dump(c), *is;

	must(again != NULL);
	is = conf_dump(again);
	must(strcmp(was, is) == 0);
	free(was);
	free(is);
	conf_free(&again);
	problems_clear(&p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct problems p = { 0 };
	char *text = malloc(size + 1), *canonical;
	struct conf *c;

	must(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	c = conf_canonical(text, "f", NULL, &p, &canonical);
	must((!c) == (p.errors > 0) && (!c) == (!canonical));
	for (size_t i = 0; i < p.count; i++)
		must(strlen(p.items[i].text) > 3);
	if (c) {
		check_indexes(c);
		check_servers(c);
		check_again(c, canonical);
	}
	free(canonical);
	free(text);
	conf_free(&c);
	problems_clear(&p);
	return 0;
}
