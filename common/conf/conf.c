/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Configuration: from text to struct conf, by way of libconfig.  The master reads the
 * administrator's file, worker and checker the canonical text out of their bundle.  Everything
 * that is wrong is told at once; a conf with an error never leaves this file.
 */
#include "common/conf/int.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>
#include <unistd.h>

/* The defaults of the top level. */
static void
set_defaults(struct conf *c)
{
	static const struct conf defaults = {
		.user = "mailreeve",
		.keeper_user = "mailreeve-keeper",
		.checker_user = "mailreeve-check",
		.state_directory = "/var/lib/mailreeve",
		.control = { .socket = "/run/mailreeve/control.sock" },
		.log = { .level = LOG_INFO },
		.watch = 300000,
		.timeouts = {
			.handshake = 10000,
			.half_closed = 30000,
			.keepalive = 120000,
			.connect = 5000,
			.stop = 30000,
		},
		.tls = { .tickets = 1, .detach = 1 },
	};
	struct arena *arena = c->arena;
	const char *name = c->name;
	char host[HOST_NAME_MAX + 1] = "";

	*c = defaults;
	c->arena = arena;
	c->name = name;
	c->lines = arena_zalloc(arena, 1, sizeof(*c->lines));
	if (gethostname(host, sizeof(host) - 1) == -1 || !is_host_name(host))
		snprintf(host, sizeof(host), "localhost");
	c->hostname = arena_strdup(arena, host);
}

static struct top *
conf_new(const char *name)
{
	struct arena *arena = arena_new();
	struct top *top = arena_zalloc(arena, 1, sizeof(*top));
	struct conf *c = &top->c;

	c->arena = arena;
	c->name = arena_strdup(arena, name);
	set_defaults(c);
	return top;
}

void
conf_free(struct conf **conf)
{
	struct arena *arena;

	if (!*conf)
		return;
	arena = (*conf)->arena;
	*conf = NULL;
	arena_free(&arena);
}

/* libconfig knows the line of the word at which it stopped; what is missing stands before it. */
static void
syntax_error(struct reader *r, const config_t *tree, const char *merged)
{
	int line = config_error_line(tree);
	size_t len;

	for (int i = 1; i < line && strchr(merged, '\n'); i++)
		merged = strchr(merged, '\n') + 1;
	len = strcspn(merged, "\n");
	reader_error_at(r, line, "%s at or before \"%.*s%s\"", config_error_text(tree),
	    (int)(len > 80 ? 80 : len), merged, len > 80 ? "…" : "");
}

/* The line of a setting of the top level, 0 if it is not there. */
static int
line_of(const config_t *tree, const char *path)
{
	const config_setting_t *s = config_lookup(tree, path);

	return !s ? 0 : (int)config_setting_source_line(s);
}

/* Of settings that are no groups, but whose values may turn out wrong later. */
static void
note_lines(struct conf *c, const config_t *tree)
{
	c->hostname_line = line_of(tree, "hostname");
	c->user_line = line_of(tree, "user");
	c->keeper_user_line = line_of(tree, "keeper_user");
	c->checker_user_line = line_of(tree, "checker_user");
	c->state_directory_line = line_of(tree, "state_directory");
	c->ticket_seed_line = line_of(tree, "tls.ticket_seed");
	c->control.line = line_of(tree, "control");
}

/* Everything after the text is in one piece. */
static void
read_tree(struct reader *r, const char *merged, char **text_r)
{
	config_t tree;

	config_init(&tree);
	if (!config_read_string(&tree, merged)) {
		syntax_error(r, &tree, merged);
	} else {
		note_lines(r->conf, &tree);
		read_group(r, config_root_setting(&tree), SCOPE_TOP, r->top);
		read_frontends(r);
		read_backends(r);
		check_all(r);
		if (r->errors == 0)
			warn_all(r);
		if (r->errors == 0 && text_r)
			*text_r = canon_write(r, &tree);
	}
	config_destroy(&tree);
}

/* The end of both ways to read: tell what is wrong, and give the conf only if nothing is. */
static struct conf *
finish(struct reader *r, char *merged, struct problems *p, char **text_r)
{
	struct conf *c = r->conf;

	if (merged)
		read_tree(r, merged, text_r);
	free(merged);
	reader_tell(r, p);
	if (r->errors > 0)
		conf_free(&c);
	return c;
}

struct conf *
conf_load(const char *path, struct problems *p, char **text_r)
{
	return conf_load_from(path, NULL, p, text_r);
}

struct conf *
conf_load_from(const char *path, const char *from, struct problems *p, char **text_r)
{
	struct reader r = { .top = conf_new(path), .read_group = read_group };
	const char *slash = strrchr(path, '/');
	char *dir;

	if (text_r)
		*text_r = NULL;
	r.conf = &r.top->c;
	r.arena = r.conf->arena;
	dir = realpath(from   ? from :
		!slash        ? "." :
		slash == path ? "/" :
				arena_printf(r.arena, "%.*s", (int)(slash - path), path),
	    NULL);
	/* A directory that is not there: reading the file will say so. */
	r.dir = !dir ? "/" : arena_strdup(r.arena, dir);
	free(dir);
	return finish(&r, conf_text_read(&r, path), p, text_r);
}

struct conf *
conf_parse(const char *text, const char *name, const char *dir, struct problems *p)
{
	return conf_canonical(text, name, dir, p, NULL);
}

struct conf *
conf_canonical(
    const char *text, const char *name, const char *dir, struct problems *p, char **text_r)
{
	struct reader r = { .top = conf_new(name), .dir = dir, .read_group = read_group };

	if (text_r)
		*text_r = NULL;
	r.conf = &r.top->c;
	r.arena = r.conf->arena;
	return finish(&r, conf_text_merge(&r, text, name), p, text_r);
}

int
conf_is_checked(const struct conf *c, const struct conf_server *s)
{
	return !s->unchecked && c->backends[s->backend].check.type != CHECK_NONE;
}

/* Whether a name of len bytes is this one, or this "*.name" with one label in place of the star. */
static int
is_named(const char *name, const char *sni, size_t len)
{
	size_t first = 0;

	if (strncmp(name, "*.", 2) == 0) {
		first = strcspn(sni, ".");
		if (first == 0 || first >= len)
			return 0;
		name++;
	}
	return strlen(name) == len - first && strncasecmp(name, sni + first, len - first) == 0;
}

uint32_t
conf_route(const struct conf *c, uint32_t frontend, const char *sni)
{
	const struct conf_frontend *f = &c->frontends[frontend];
	size_t len;

	if (!sni)
		return f->backend;
	/* A final dot says the same name. */
	len = strlen(sni);
	if (len > 0 && sni[len - 1] == '.')
		len--;
	for (size_t i = 0; i < f->route_count; i++) {
		const struct conf_texts *names = &f->routes[i].sni;

		for (size_t j = 0; j < names->count; j++)
			if (is_named(names->items[j], sni, len))
				return f->routes[i].backend;
	}
	return f->backend;
}
