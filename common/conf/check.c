/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The configuration as a whole: names become indexes, defaults that hang on another part are
 * filled in, and what contradicts something elsewhere is found.  Runs after everything was read.
 */
#include "common/conf/int.h"

#include <string.h>
#include <strings.h>

/* Until the end of the checks: a name that no backend has. */
#define NO_BACKEND UINT32_MAX

static int
find_backend(struct reader *r, const char *name, uint32_t *index_r)
{
	for (size_t i = 0; i < r->conf->backend_count; i++) {
		if (strcmp(r->backs[i].b.name, name) == 0) {
			*index_r = (uint32_t)i;
			return 1;
		}
	}
	return 0;
}

/* The backend of this name; if there is none, say so at this line. */
static uint32_t
need_backend(struct reader *r, const struct front *f, const char *name, int line)
{
	struct nearest near = { .wanted = name };
	uint32_t index = NO_BACKEND;

	if (!name || find_backend(r, name, &index))
		return index;
	for (size_t i = 0; i < r->conf->backend_count; i++)
		nearest_try(&near, r->backs[i].b.name);
	if (near.best && find_backend(r, near.best, &index))
		reader_error_at(r, line,
		    "frontend \"%s\": no backend \"%s\"; did you mean \"%s\" (%s)?", f->f.name,
		    name, near.best, reader_line(r, r->backs[index].b.line, line));
	else
		reader_error_at(r, line, "frontend \"%s\": no backend \"%s\"", f->f.name, name);
	return NO_BACKEND;
}

static void
find_backends(struct reader *r)
{
	for (size_t i = 0; i < r->conf->frontend_count; i++) {
		struct front *f = &r->fronts[i];

		f->f.backend = need_backend(r, f, f->backend, f->backend_line);
		for (size_t j = 0; j < f->f.route_count; j++)
			f->f.routes[j].backend = need_backend(
			    r, f, f->read_routes[j].backend, f->read_routes[j].backend_line);
	}
}

/* Call fn for every backend that the frontend uses; line is where it says so. */
static void
each_use(struct reader *r, struct front *f,
    void (*fn)(struct reader *r, struct front *f, struct back *b, int line))
{
	if (f->f.backend != NO_BACKEND)
		fn(r, f, &r->backs[f->f.backend], f->backend_line);
	for (size_t i = 0; i < f->f.route_count; i++)
		if (f->f.routes[i].backend != NO_BACKEND)
			fn(r, f, &r->backs[f->f.routes[i].backend], f->read_routes[i].backend_line);
}

/* Whichever of both has a protocol gives it to the other. */
static void
share_protocol(struct reader *r, struct front *f, struct back *b, int line)
{
	(void)r;
	(void)line;
	if (f->f.protocol == PROTO_COUNT)
		f->f.protocol = b->b.protocol;
	else if (b->b.protocol == PROTO_COUNT)
		b->b.protocol = f->f.protocol;
}

/* Both are SMTP: such a server may serve both, and the frontend's protocol counts. */
static int
is_mail(enum protocol p)
{
	return p == PROTO_SMTP || p == PROTO_SUBMISSION;
}

static void
compare_protocol(struct reader *r, struct front *f, struct back *b, int line)
{
	if (f->f.protocol == b->b.protocol || (is_mail(f->f.protocol) && is_mail(b->b.protocol)))
		return;
	reader_error_at(r, line, "frontend \"%s\" is %s, but its backend \"%s\" (%s) is %s",
	    f->f.name, protocol_name(f->f.protocol), b->b.name, reader_line(r, b->b.line, line),
	    protocol_name(b->b.protocol));
}

static void
find_protocols(struct reader *r)
{
	struct conf *c = r->conf;

	/* A name may go from frontend to backend to frontend: as often as there are any. */
	for (size_t known = 0, before = SIZE_MAX; before != known;) {
		before = known;
		known = 0;
		for (size_t i = 0; i < c->frontend_count; i++) {
			each_use(r, &r->fronts[i], share_protocol);
			known += r->fronts[i].f.protocol != PROTO_COUNT;
		}
		for (size_t i = 0; i < c->backend_count; i++)
			known += r->backs[i].b.protocol != PROTO_COUNT;
	}
	for (size_t i = 0; i < c->frontend_count; i++)
		if (r->fronts[i].f.protocol == PROTO_COUNT)
			r->fronts[i].f.protocol = PROTO_TCP;
	for (size_t i = 0; i < c->backend_count; i++)
		if (r->backs[i].b.protocol == PROTO_COUNT)
			r->backs[i].b.protocol = PROTO_TCP;
	for (size_t i = 0; i < c->frontend_count; i++)
		each_use(r, &r->fronts[i], compare_protocol);
}

/* ALPN ids as registered with IANA, where the protocol has one. */
static void
default_alpn(struct reader *r, struct conf_frontend *f)
{
	static const char *const ids[PROTO_COUNT][2] = {
		[PROTO_IMAP] = { "imap" },
		[PROTO_POP3] = { "pop3" },
		[PROTO_SIEVE] = { "managesieve" },
		[PROTO_SMTP] = { "smtp", "submission" },
		[PROTO_SUBMISSION] = { "smtp", "submission" },
	};

	f->tls.alpn.items = arena_zalloc(r->arena, 2, sizeof(*f->tls.alpn.items));
	for (size_t i = 0; i < 2 && ids[f->protocol][i]; i++)
		f->tls.alpn.items[f->tls.alpn.count++] =
		    arena_strdup(r->arena, ids[f->protocol][i]);
}

static void
mark_passthrough(struct reader *r, struct front *f, struct back *b, int line)
{
	(void)r;
	(void)line;
	if (f->f.tls.mode == TLS_PASSTHROUGH)
		b->b.passthrough = 1;
}

static void
finish_frontend(struct reader *r, struct front *f)
{
	struct conf_frontend *c = &f->f;

	if (c->timeouts.idle == 0)
		c->timeouts.idle = 60000 *
		    (c->protocol == PROTO_IMAP || c->protocol == PROTO_SIEVE ||
				c->protocol == PROTO_TCP ?
			    31 :
			    11);
	if (c->tls.mode != TLS_IMPLICIT) {
		int line = c->tls.line;

		/* Nothing of TLS is ours then. */
		c->tls = (struct conf_front_tls){ .mode = c->tls.mode, .line = line };
	} else if (!c->tls.alpn.items) {
		default_alpn(r, c);
	}
	each_use(r, f, mark_passthrough);
}

/* One seed serves all frontends: sessions are bound to the frontend's name anyway. */
static void
find_seed(struct reader *r)
{
	struct conf *c = r->conf;

	c->ticket_seed = c->tls.ticket_seed;
	for (size_t i = 0; i < c->frontend_count; i++) {
		const struct conf_front_tls *t = &r->fronts[i].f.tls;

		if (!t->ticket_seed)
			continue;
		if (!c->ticket_seed) {
			c->ticket_seed = t->ticket_seed;
			c->ticket_seed_line = t->line;
		} else if (strcmp(c->ticket_seed, t->ticket_seed) != 0)
			reader_error_at(r, t->line,
			    "ticket_seed = \"%s\" differs from \"%s\"; one seed serves all "
			    "frontends",
			    t->ticket_seed, c->ticket_seed);
	}
}

/* plain: the check says tls = false. */
static enum check_type
default_check(const struct conf_backend *b, int plain)
{
	static const enum check_type types[PROTO_COUNT] = {
		[PROTO_TCP] = CHECK_TCP,
		[PROTO_IMAP] = CHECK_IMAP,
		[PROTO_POP3] = CHECK_POP3,
		[PROTO_SMTP] = CHECK_SMTP,
		[PROTO_SUBMISSION] = CHECK_SUBMISSION,
		[PROTO_LMTP] = CHECK_LMTP,
		[PROTO_SIEVE] = CHECK_SIEVE,
	};

	/* Without words to say, all that can be tried where TLS passes through is a handshake. */
	if (b->passthrough && b->protocol == PROTO_TCP && !plain)
		return CHECK_TLS;
	return types[b->protocol];
}

static void
finish_backend(struct reader *r, struct back *b)
{
	struct conf_check *c = &b->b.check;

	if (c->type == CHECK_TYPE_COUNT)
		c->type = default_check(&b->b, check_is_plain(b));
	if (c->fast_interval == 0)
		c->fast_interval = c->interval;
	if (c->down_interval == 0)
		c->down_interval = c->interval;
	if (c->timeout == 0)
		c->timeout =
		    c->type == CHECK_SMTP || c->type == CHECK_SUBMISSION || c->type == CHECK_LMTP ?
		    10000 :
		    5000;
	if (c->type == CHECK_EXPECT && !c->expect)
		reader_error_at(r, c->line, "type = \"expect\" needs expect, a text to wait for");
	if (c->type != CHECK_EXPECT && (c->expect || c->send))
		reader_error_at(r, c->line, "send and expect stand with type = \"expect\" only");
	read_check_tls(r, b);
}

static void
check_names(struct reader *r)
{
	struct conf *c = r->conf;

	for (size_t i = 0; i < c->frontend_count; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(r->fronts[i].f.name, r->fronts[j].f.name) == 0 &&
			    strcmp(r->fronts[i].f.name, "?") != 0)
				reader_error_at(r, r->fronts[i].f.line,
				    "a second frontend \"%s\" (the first: %s)", r->fronts[i].f.name,
				    reader_line(r, r->fronts[j].f.line, r->fronts[i].f.line));
	for (size_t i = 0; i < c->backend_count; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(r->backs[i].b.name, r->backs[j].b.name) == 0 &&
			    strcmp(r->backs[i].b.name, "?") != 0)
				reader_error_at(r, r->backs[i].b.line,
				    "a second backend \"%s\" (the first: %s)", r->backs[i].b.name,
				    reader_line(r, r->backs[j].b.line, r->backs[i].b.line));
}

static void
check_server_names(struct reader *r, const struct conf_backend *b)
{
	const struct conf_server *s = r->conf->servers;

	for (uint32_t i = b->server; i < b->server + b->servers; i++) {
		for (uint32_t j = b->server; j < i; j++) {
			if (strcmp(s[i].name, s[j].name) != 0 || strcmp(s[i].name, "?") == 0)
				continue;
			reader_error_at(r, s[i].line, "a second server \"%s\" (the first: %s)",
			    s[i].name, reader_line(r, s[j].line, s[i].line));
			break;
		}
	}
}

static void
check_listeners(struct reader *r)
{
	const struct conf_listener *l = r->conf->listeners;
	char a[ADDR_TEXT], b[ADDR_TEXT];

	for (size_t i = 0; i < r->conf->listener_count; i++) {
		for (size_t j = 0; j < i; j++) {
			if (!addr_covers(&l[i].addr, &l[j].addr) &&
			    !addr_equal(&l[i].addr, &l[j].addr))
				continue;
			reader_error_at(r, l[i].line,
			    "bind = \"%s\": \"%s\" is bound already by frontend \"%s\" (%s)",
			    addr_text(&l[i].addr, a), addr_text(&l[j].addr, b),
			    r->fronts[l[j].frontend].f.name, reader_line(r, l[j].line, l[i].line));
			break;
		}
	}
}

/* Whether connections to this server would come to this listener. */
static int
leads_to(const struct conf_server *s, const struct conf_listener *l)
{
	const struct addr *a = &s->addr, *b = &l->addr;
	int here = s->host ? strcasecmp(s->host, "localhost") == 0 : addr_is_loopback(a);

	if (a->port != b->port)
		return 0;
	if (addr_is_any(b))
		return here && (b->wildcard || s->host || a->family == b->family);
	if (s->host)
		return here && addr_is_loopback(b);
	return a->family == b->family && addr_same_ip(a, b);
}

static void
check_loops(struct reader *r)
{
	const struct conf *c = r->conf;

	for (size_t i = 0; i < c->server_count; i++)
		for (size_t j = 0; j < c->listener_count; j++) {
			const struct conf_server *s = &c->servers[i];
			const struct conf_listener *l = &c->listeners[j];

			if (!leads_to(s, l))
				continue;
			reader_error_at(r, s->line,
			    "server \"%s\" is frontend \"%s\" itself (%s): give the mail server "
			    "another address or port, and name that",
			    s->name, r->fronts[l->frontend].f.name,
			    reader_line(r, l->line, s->line));
			break;
		}
}

static void
check_users(struct reader *r)
{
	const struct conf *c = r->conf;
	const char *const keys[] = { "user", "keeper_user", "checker_user" };
	const char *const users[] = { c->user, c->keeper_user, c->checker_user };
	const int lines[] = { c->user_line, c->keeper_user_line, c->checker_user_line };

	for (int i = 0; i < 3; i++)
		for (int j = 0; j < i; j++)
			if (strcmp(users[i], users[j]) == 0)
				reader_error_at(r, lines[i] > 0 ? lines[i] : lines[j],
				    "%s and %s are both \"%s\"; name another: processes of one "
				    "user can disturb each other",
				    keys[j], keys[i], users[i]);
}

static void
check_sockets(struct reader *r)
{
	const struct conf_control *c = &r->conf->control;

	if (c->monitor_socket && strcmp(c->socket, c->monitor_socket) == 0)
		reader_error_at(
		    r, c->line, "monitor_socket is the same as socket: \"%s\"", c->socket);
}

void
check_all(struct reader *r)
{
	struct conf *c = r->conf;

	find_backends(r);
	find_protocols(r);
	find_seed(r);
	for (size_t i = 0; i < c->frontend_count; i++) {
		finish_frontend(r, &r->fronts[i]);
		c->frontends[i] = r->fronts[i].f;
	}
	check_names(r);
	check_listeners(r);
	check_loops(r);
	check_users(r);
	check_sockets(r);
	for (size_t i = 0; i < c->backend_count; i++) {
		finish_backend(r, &r->backs[i]);
		check_server_names(r, &r->backs[i].b);
		c->backends[i] = r->backs[i].b;
	}
}
