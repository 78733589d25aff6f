/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Backends of the configuration: servers and their addresses, TLS towards them, checks.  What
 * hangs on the frontends that use a backend is check.c's.
 */
#include "common/conf/int.h"

#include <stdio.h>
#include <string.h>

void
key_back_tls(struct reader *r, const struct key *k, config_setting_t *s, void *field)
{
	struct conf_back_tls *t = field;

	t->on = 1;
	t->line = (int)config_setting_source_line(s);
	key_group(r, k, s, t);
	if (!config_setting_is_group(s))
		return;
	if (t->key && !t->certificate)
		reader_error(
		    r, s, "key = \"%s\" needs certificate, the file of its certificate", t->key);
}

void
key_check(struct reader *r, const struct key *k, config_setting_t *s, void *field)
{
	struct back *b = field;

	b->b.check.line = (int)config_setting_source_line(s);
	key_group(r, k, s, b);
}

/* Source addresses, without a port. */
void
key_ips(struct reader *r, const struct key *k, config_setting_t *s, void *field)
{
	struct conf_backend *b = field;

	(void)k;
	b->bind_address = arena_zalloc(r->arena, value_count(s) + 1, sizeof(*b->bind_address));
	b->bind_address_count = 0;
	for (size_t i = 0; i < value_count(s); i++) {
		config_setting_t *e = value_at(s, i);
		const char *text = value_text(r, e);
		char with_port[ADDR_TEXT + 8];
		struct addr a;

		if (!text)
			continue;
		snprintf(with_port, sizeof(with_port), strchr(text, ':') ? "[%s]:1" : "%s:1", text);
		if (strlen(text) > ADDR_TEXT || addr_parse(with_port, 0, &a) == -1) {
			reader_error(r, e,
			    "bind_address = %s is not an address without a port; write it as "
			    "\"10.0.0.1\" or \"2001:db8::1\"",
			    value_shown(r, e));
			continue;
		}
		a.port = 0;
		b->bind_address[b->bind_address_count++] = a;
	}
}

void
key_address(struct reader *r, const struct key *k, config_setting_t *s, void *field)
{
	struct conf_server *server = field;
	const char *text = config_setting_get_string(s);
	char host[254];

	(void)k;
	if (!text) {
		value_wrong_address(r, s, 0);
		return;
	}
	if (!server->name && strlen(text) <= CONF_NAME)
		server->name = arena_strdup(r->arena, text);
	if (addr_parse(text, 0, &server->addr) == 0) {
		if (addr_is_any(&server->addr))
			value_wrong(r, s, "is every address of this host; write \"%s:%u\"",
			    server->addr.family == ADDR_V4 ? "127.0.0.1" : "[::1]",
			    (unsigned)server->addr.port);
		return;
	}
	if (addr_split_host(text, host, &server->addr.port) == 0)
		server->host = arena_strdup(r->arena, host);
	else
		value_wrong_address(r, s, 0);
}

/* A server's name is its address unless it has one of its own. */
static void
name_server(struct reader *r, config_setting_t *s, struct conf_server *server)
{
	config_setting_t *address =
	    config_setting_is_group(s) ? config_setting_get_member(s, "address") : s;

	if (!address) {
		reader_error(r, s, "this server has no address");
		server->name = !server->name ? "?" : server->name;
	} else if (!server->name && !config_setting_get_string(address)) {
		server->name = "?"; /* no text, which was said */
	} else if (!server->name) {
		reader_error(r, s, "address is longer than a name may be; give this server a name");
		server->name = "?";
	}
}

static void
read_server(struct reader *r, const struct back *b, config_setting_t *s, uint32_t backend)
{
	struct conf *c = r->conf;
	struct conf_server server = {
		.backend = backend,
		.weight = 100,
		.send_proxy = b->b.send_proxy,
		.line = (int)config_setting_source_line(s),
	};

	if (config_setting_is_group(s))
		r->read_group(r, s, SCOPE_SERVER, &server);
	else
		key_address(r, NULL, s, &server);
	name_server(r, s, &server);
	c->servers =
	    arena_grow(r->arena, c->servers, &r->server_room, c->server_count, sizeof(server));
	c->servers[c->server_count++] = server;
}

static void
read_servers(struct reader *r, struct back *b, uint32_t backend)
{
	size_t count = !b->servers ? 0 : value_count(b->servers);

	b->b.server = (uint32_t)r->conf->server_count;
	if (!b->servers)
		reader_error_at(r, b->b.line,
		    "backend \"%s\" has no servers; write servers = \"10.0.0.1:143\"", b->b.name);
	else if (count == 0)
		reader_error(r, b->servers, "servers of backend \"%s\" is empty", b->b.name);
	for (size_t i = 0; i < count && r->conf->server_count <= CONF_SERVERS; i++)
		read_server(r, b, value_at(b->servers, i), backend);
	b->b.servers = (uint32_t)r->conf->server_count - b->b.server;
}

int
check_is_plain(const struct back *b)
{
	return b->check_tls && config_setting_type(b->check_tls) == CONFIG_TYPE_BOOL &&
	    !config_setting_get_bool(b->check_tls);
}

void
read_check_tls(struct reader *r, struct back *b)
{
	struct conf_check *check = &b->b.check;
	struct conf_back_tls *t = &check->tls;
	config_setting_t *s = b->check_tls;
	static const struct key key = { .name = "tls", .group = SCOPE_CHECK_TLS };

	if (check_is_plain(b)) {
		if (check->type == CHECK_TLS)
			reader_error(r, s, "tls = false cannot stand with type = \"tls\"");
		return;
	}
	*t = b->b.tls;
	if (s) {
		key_back_tls(r, &key, s, t);
	} else if (!t->on && (b->b.passthrough || check->type == CHECK_TLS)) {
		t->on = 1;
		t->verify = VERIFY_NONE;
	}
}

static void
read_backend(struct reader *r, config_setting_t *s, uint32_t index)
{
	struct back *b = &r->backs[index];

	b->timeouts = r->conf->timeouts;
	b->b = (struct conf_backend){
		.name = "?",
		.protocol = PROTO_COUNT,
		.send_proxy = PROXY_V2_SSL,
		.tls.verify = VERIFY_REQUIRED,
		.retries = 3,
		.check = { .type = CHECK_TYPE_COUNT, .interval = 5000, .rise = 2, .fall = 3 },
		.line = (int)config_setting_source_line(s),
	};
	b->b.check.line = b->b.line;
	if (!config_setting_is_group(s)) {
		reader_error(r, s, "backends: %s is not a group; write { name = \"…\"; … }",
		    value_shown(r, s));
		return;
	}
	r->read_group(r, s, SCOPE_BACK, b);
	b->b.connect = b->timeouts.connect;
	if (!config_setting_get_member(s, "name"))
		reader_error(r, s, "this backend has no name");
	read_servers(r, b, index);
}

void
conf_lay_out(struct conf *c, uint32_t family)
{
	c->slot_count = 0;
	for (size_t i = 0; i < c->server_count; i++) {
		struct conf_server *s = &c->servers[i];

		s->slots = s->resolve == RESOLVE_ALL && s->host ? family : 1;
		s->slot = c->slot_count;
		c->slot_count += s->slots;
	}
}

void
read_backends(struct reader *r)
{
	config_setting_t *list = r->top->backends;
	int line = !list ? 0 : (int)config_setting_source_line(list);
	size_t count = !list ? 0 : value_count(list);

	if (count > CONF_BACKENDS) {
		reader_error_at(r, line, "more than %d backends", CONF_BACKENDS);
		count = CONF_BACKENDS;
	}
	if (count == 0)
		reader_error_at(
		    r, line, "there is no backend; write backends = ( { name = \"…\"; … } )");
	r->backs = arena_zalloc(r->arena, count + 1, sizeof(*r->backs));
	r->conf->backends = arena_zalloc(r->arena, count + 1, sizeof(*r->conf->backends));
	r->conf->backend_count = count;
	for (size_t i = 0; i < count; i++)
		read_backend(r, value_at(list, i), (uint32_t)i);
	conf_lay_out(r->conf, CONF_FAMILY);
	if (r->conf->server_count > CONF_SERVERS || r->conf->slot_count > CONF_SERVERS)
		reader_error_at(r, line,
		    "more than %d servers in all (each with resolve = \"all\" counts %d)",
		    CONF_SERVERS, CONF_FAMILY);
}
