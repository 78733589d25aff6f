/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Frontends of the configuration: names, listeners, TLS with clients, routes.  What hangs on
 * backends or on other frontends is check.c's.
 */
#include "common/conf/int.h"

#include <ctype.h>
#include <string.h>

static void
read_bind(struct reader *r, struct front *f, uint32_t index)
{
	struct conf *c = r->conf;

	if (!f->bind) {
		reader_error_at(
		    r, f->f.line, "frontend \"%s\" has no bind; write bind = \"*:993\"", f->f.name);
		return;
	}
	if (value_count(f->bind) == 0)
		reader_error(r, f->bind, "bind is empty");
	for (size_t i = 0; i < value_count(f->bind); i++) {
		config_setting_t *s = value_at(f->bind, i);
		const char *text = config_setting_get_string(s);
		struct conf_listener l = {
			.frontend = index,
			.line = (int)config_setting_source_line(s),
		};

		if (!text || addr_parse(text, 1, &l.addr) == -1) {
			value_wrong_address(r, s, 1);
			continue;
		}
		if (c->listener_count == CONF_LISTENERS) {
			reader_error(r, s, "more than %d addresses to listen on", CONF_LISTENERS);
			return;
		}
		c->listeners = arena_grow(
		    r->arena, c->listeners, &r->listener_room, c->listener_count, sizeof(l));
		c->listeners[c->listener_count++] = l;
	}
}

/* Only what passthrough can use may stand beside it. */
static void
check_passthrough(struct reader *r, const config_setting_t *group)
{
	for (int i = 0; i < config_setting_length(group); i++) {
		const config_setting_t *s = config_setting_get_elem(group, (unsigned)i);

		if (strcmp(config_setting_name(s), "mode") != 0)
			reader_error(r, s,
			    "%s has no meaning with mode = \"passthrough\": the server ends TLS",
			    config_setting_name(s));
	}
}

static void
read_certificate(
    struct reader *r, const struct key *k, config_setting_t *s, struct conf_certificates *all)
{
	struct conf_certificate *c = &all->items[all->count];

	if (config_setting_is_group(s)) {
		r->read_group(r, s, k->group, c);
		if (!config_setting_get_member(s, "certificate"))
			reader_error(r, s,
			    "a group in certificates has no certificate; write { certificate = "
			    "\"X.pem\"; key = \"Y.key\"; }");
	} else {
		c->path = value_path(r, s);
		if (c->path && *c->path == '\0')
			reader_error(r, s, "%s: an empty text is not a path", value_key(s));
	}
	all->count += c->path && *c->path != '\0';
}

/* A file, a directory or a group of certificate and key; or several of them. */
void
key_certificates(struct reader *r, const struct key *k, config_setting_t *s, void *field)
{
	struct conf_certificates *all = field;

	all->items = arena_zalloc(r->arena, value_count(s) + 1, sizeof(*all->items));
	all->count = 0;
	for (size_t i = 0; i < value_count(s); i++)
		read_certificate(r, k, value_at(s, i), all);
}

static void
read_tls(struct reader *r, struct front *f)
{
	struct conf_front_tls *t = &f->f.tls;
	config_setting_t *group = f->tls, *tickets;

	if (!group)
		return;
	t->line = (int)config_setting_source_line(group);
	if (!config_setting_is_group(group)) {
		if (config_setting_type(group) == CONFIG_TYPE_STRING)
			value_wrong(r, group, "is not a group; write tls = { certificates = %s; }",
			    value_shown(r, group));
		else
			value_wrong(
			    r, group, "is not a group; write tls = { … }%s", ", or leave it out");
		return;
	}
	r->read_group(r, group, SCOPE_FRONT_TLS, t);
	if (t->mode == TLS_PASSTHROUGH) {
		check_passthrough(r, group);
		return;
	}
	t->mode = TLS_IMPLICIT;
	if (!config_setting_get_member(group, "certificates"))
		reader_error(r, group,
		    "tls of frontend \"%s\" has no certificates; name a file or directory",
		    f->f.name);
	else if (t->certificates.count == 0 && r->errors == 0)
		reader_error(r, group, "certificates of frontend \"%s\" is empty", f->f.name);
	if (t->verify == VERIFY_NONE) {
		if (config_setting_get_member(group, "client_ca"))
			reader_warn_at(r, t->line,
			    "client_ca does nothing while verify is \"none\"; no client "
			    "certificate "
			    "is asked for");
		return;
	}
	if (!t->client_ca)
		reader_error(r, group, "verify = \"%s\" needs client_ca, a file of CA certificates",
		    word_name(words_verify, (int)t->verify));
	tickets = config_setting_get_member(group, "tickets");
	if (tickets && t->tickets)
		reader_error(r, tickets,
		    "tickets = true cannot stand with client certificates: whoever has a ticket "
		    "key could take any name");
	t->tickets = 0;
}

/* Where the backend is named, for a name that no backend has. */
static int
backend_line(const config_setting_t *group)
{
	const config_setting_t *s = config_setting_get_member(group, "backend");

	return (int)config_setting_source_line(s ? s : group);
}

static int
is_sni(const char *name)
{
	return is_host_name(strncmp(name, "*.", 2) == 0 ? name + 2 : name);
}

static void
read_route(struct reader *r, const struct front *f, config_setting_t *s, struct route *route)
{
	route->r.line = (int)config_setting_source_line(s);
	if (!config_setting_is_group(s)) {
		reader_error(r, s,
		    "routes: %s is not a group; write { sni = \"…\"; backend = \"…\"; }",
		    value_shown(r, s));
		return;
	}
	r->read_group(r, s, SCOPE_ROUTE, route);
	if (!config_setting_get_member(s, "sni"))
		reader_error(r, s, "a route of frontend \"%s\" has no sni", f->f.name);
	else if (value_count(config_setting_get_member(s, "sni")) == 0)
		reader_error(r, s, "sni of a route of frontend \"%s\" is empty", f->f.name);
	route->backend_line = backend_line(s);
	if (!config_setting_get_member(s, "backend"))
		reader_error(r, s, "a route of frontend \"%s\" has no backend", f->f.name);
	for (size_t i = 0; i < route->r.sni.count; i++) {
		char *name = route->r.sni.items[i];

		if (!is_sni(name))
			reader_error(r, config_setting_get_member(s, "sni"),
			    "sni = \"%s\" is neither a host name nor \"*.\" and one", name);
		for (; *name != '\0'; name++)
			*name = (char)tolower((unsigned char)*name);
	}
}

static void
read_routes(struct reader *r, struct front *f)
{
	size_t count;

	if (!f->routes)
		return;
	count = value_count(f->routes);
	if (count > 0 && !f->tls)
		reader_error(r, f->routes,
		    "routes of frontend \"%s\" need tls: the name stands in the client's hello",
		    f->f.name);
	f->read_routes = arena_zalloc(r->arena, count + 1, sizeof(*f->read_routes));
	f->f.routes = arena_zalloc(r->arena, count + 1, sizeof(*f->f.routes));
	f->f.route_count = count;
	for (size_t i = 0; i < count; i++) {
		read_route(r, f, value_at(f->routes, i), &f->read_routes[i]);
		f->f.routes[i] = f->read_routes[i].r;
	}
}

static void
read_frontend(struct reader *r, config_setting_t *s, uint32_t index)
{
	struct front *f = &r->fronts[index];

	f->f = (struct conf_frontend){
		.name = "?",
		.protocol = PROTO_COUNT,
		.tls = r->conf->tls,
		.timeouts = r->conf->timeouts,
		.hostname = r->conf->hostname,
		.line = (int)config_setting_source_line(s),
	};
	if (!config_setting_is_group(s)) {
		reader_error(r, s, "frontends: %s is not a group; write { name = \"…\"; … }",
		    value_shown(r, s));
		return;
	}
	r->read_group(r, s, SCOPE_FRONT, f);
	if (!config_setting_get_member(s, "name"))
		reader_error(r, s, "this frontend has no name");
	f->backend_line = backend_line(s);
	if (!config_setting_get_member(s, "backend"))
		reader_error(r, s, "frontend \"%s\" has no backend", f->f.name);
	read_bind(r, f, index);
	read_tls(r, f);
	read_routes(r, f);
}

void
read_frontends(struct reader *r)
{
	config_setting_t *list = r->top->frontends;
	int line = !list ? 0 : (int)config_setting_source_line(list);
	size_t count = !list ? 0 : value_count(list);

	if (count > CONF_FRONTENDS) {
		reader_error_at(r, line, "more than %d frontends", CONF_FRONTENDS);
		count = CONF_FRONTENDS;
	}
	if (count == 0)
		reader_error_at(
		    r, line, "there is no frontend; write frontends = ( { name = \"…\"; … } )");
	r->fronts = arena_zalloc(r->arena, count + 1, sizeof(*r->fronts));
	r->conf->frontends = arena_zalloc(r->arena, count + 1, sizeof(*r->conf->frontends));
	r->conf->frontend_count = count;
	for (size_t i = 0; i < count; i++)
		read_frontend(r, value_at(list, i), (uint32_t)i);
}
