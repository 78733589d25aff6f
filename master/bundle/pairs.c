/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Certificates in use, by frontend and file.  Master; the names are a worker's words, of before it
 * has seen the network, and are checked and bounded all the same.
 */
#include "master/bundle/pairs.h"

#include "common/bundle.h"
#include "common/log.h"
#include "common/log_escape.h"

#include <stdlib.h>
#include <string.h>

#define NAMES_MOST ((size_t)32 * 1024 * 1024) /* bytes of names of one generation */

int
pairs_are_names(const char *text, size_t len)
{
	size_t in_name = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n') {
			if (in_name == 0)
				return 0;
			in_name = 0;
			continue;
		}
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-_.*", text[i]) || !text[i] ||
		    ++in_name > 255)
			return 0;
	}
	return in_name == 0;
}

int
pairs_add_names(struct pairs *all, const char *text, size_t len)
{
	struct pair *p = all->count > 0 ? &all->items[all->count - 1] : NULL;
	size_t had = p ? strlen(p->names) : 0;
	char *names;

	if (!p || !pairs_are_names(text, len) || all->bytes + len > NAMES_MOST)
		return -1;
	names = realloc(p->names, had + len + 1);
	if (!names)
		return -1;
	memcpy(names + had, text, len);
	names[had + len] = '\0';
	p->names = names;
	all->bytes += len;
	return 0;
}

int
pairs_add(struct pairs *all, const struct pair *pair, const char *file)
{
	struct pair *more = reallocarray(all->items, all->count + 1, sizeof(*more)), *p;

	if (!more)
		return -1;
	all->items = more;
	p = &more[all->count];
	*p = *pair;
	log_clean(pair->key, strnlen(pair->key, sizeof(p->key)), p->key, sizeof(p->key));
	p->file = strdup(file);
	p->names = strdup("");
	if (!p->file || !p->names)
		fatal("out of memory");
	all->count++;
	return 0;
}

/* ---- What is in use ---- */

const struct conf_frontend *
pairs_front(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->frontend_count; i++)
		if (strcmp(conf->frontends[i].name, name) == 0)
			return &conf->frontends[i];
	return NULL;
}

int
pairs_in_use(const struct shown *g, const char *frontend, const char *file)
{
	for (size_t i = 0; g && i < g->pairs->count; i++)
		if (strcmp(g->pairs->items[i].file, file) == 0 &&
		    strcmp(g->conf->frontends[g->pairs->items[i].frontend].name, frontend) == 0)
			return 1;
	return 0;
}

int
pairs_are_under(const char *dir, const char *file)
{
	size_t n = strlen(dir);

	while (n > 1 && dir[n - 1] == '/')
		n--;
	return strncmp(dir, file, n) == 0 && file[n] == '/';
}

int
pairs_any_under(const struct shown *g, const char *frontend, const char *dir)
{
	for (size_t i = 0; g && i < g->pairs->count; i++)
		if (pairs_are_under(dir, g->pairs->items[i].file) &&
		    strcmp(g->conf->frontends[g->pairs->items[i].frontend].name, frontend) == 0)
			return 1;
	return 0;
}

/* Whether a value of certificates is a directory above this file. */
static int
is_under(const struct conf_certificates *dirs, const char *file)
{
	for (size_t i = 0; i < dirs->count; i++) {
		if (pairs_are_under(dirs->items[i].path, file))
			return 1;
	}
	return 0;
}

static int
has_piece(const struct bundle *b, uint32_t frontend, const char *file)
{
	for (size_t i = 0; i < bundle_count(b); i++) {
		const struct piece *p = bundle_piece(b, i);

		if (p->kind == PIECE_CERT && p->owner == frontend && strcmp(p->name, file) == 0)
			return 1;
	}
	return 0;
}

void
pairs_missing(const struct shown *g, const struct conf *conf, int bundle, struct problems *p)
{
	struct bundle *b = g && g->pairs->count > 0 ? bundle_open(bundle) : NULL;

	for (size_t i = 0; b && i < g->pairs->count; i++) {
		const struct pair *pair = &g->pairs->items[i];
		const struct conf_frontend *f =
		    pairs_front(conf, g->conf->frontends[pair->frontend].name);

		if (!f || !is_under(&f->tls.certificates, pair->file) ||
		    has_piece(b, (uint32_t)(f - conf->frontends), pair->file))
			continue;
		conf_problem(conf, p, PROBLEM_ERROR, f->tls.line,
		    "%s is no longer there; " PAIRS_STAYS "; " PAIRS_GO, pair->file);
	}
	if (b)
		bundle_close(&b);
}

void
pairs_free(struct pairs *pairs)
{
	for (size_t i = 0; i < pairs->count; i++) {
		free(pairs->items[i].file);
		free(pairs->items[i].names);
	}
	for (size_t i = 0; i < pairs->left_out_count; i++)
		free(pairs->left_out[i]);
	free(pairs->items);
	free(pairs->left_out);
	*pairs = (struct pairs){ 0 };
}
