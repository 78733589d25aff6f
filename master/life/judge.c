/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Whether a new generation would lose a certificate that is in use.  Master; what certificates are
 * shown its first worker says, before it has seen the network, and is checked all the same.
 */
#include "master/life/judge.h"

#include "common/bundle.h"
#include "common/log.h"
#include "common/log_escape.h"
#include "master/life/say.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TOLD_MOST 8 /* certificates that one line names */

/* ---- What the worker says ---- */

static const char *
take_shown(struct pairs *all, const struct msg_cert *c, const struct bundle *b, const char *text,
    size_t len)
{
	const struct piece *piece = bundle_piece(b, c->piece);
	const struct pair *last = all->count > 0 ? &all->items[all->count - 1] : NULL;
	struct pair p = { .frontend = piece->owner, .until = c->until };

	if (!pairs_are_names(text, len) || !memchr(c->key, '\0', sizeof(c->key)))
		return "sent names that are none";
	memcpy(p.key_id, c->key_id, sizeof(p.key_id));
	memcpy(p.print, c->print, sizeof(p.print));
	memcpy(p.key, c->key, sizeof(p.key));
	if ((!last || last->frontend != piece->owner || strcmp(last->file, piece->name) != 0) &&
	    (all->count >= bundle_count(b) || pairs_add(all, &p, piece->name) == -1))
		return "sent more certificates than there are";
	return pairs_add_names(all, text, len) == -1 ? "sent more names than there is room for" :
						       NULL;
}

static void
take_left_out(struct generation *g, const struct piece *piece, const char *text, size_t len)
{
	const struct conf_frontend *f = &g->conf->frontends[piece->owner];
	struct shown now;
	int used = pairs_in_use(generation_shown(g->m->current, &now), f->name, piece->name);
	char why[CERT_TEXT + 1], where[512], *line;
	struct pairs *all = &g->pairs;
	char **more = reallocarray(all->left_out, all->left_out_count + 1, sizeof(*more));

	log_clean(text, len, why, sizeof(why));
	conf_where(g->conf, f->tls.line, where, sizeof(where));
	if (!more ||
	    asprintf(&line, "%s: %s; %s", where, why, used ? PAIRS_STAYS : "left out") == -1)
		fatal("out of memory");
	all->left_out = more;
	if (used) {
		generation_complain(g, line);
		free(line);
		all->lost = 1;
	} else {
		more[all->left_out_count++] = line;
	}
}

const char *
judge_take(struct generation *g, const struct msg_cert *c, const char *text, size_t len)
{
	struct bundle *b = bundle_open(g->bundles[HELPER_WORKER]);
	const struct piece *piece = b ? bundle_piece(b, c->piece) : NULL;
	const char *wrong = NULL;

	if (!piece || piece->kind != PIECE_CERT || piece->owner >= g->conf->frontend_count)
		wrong = "speaks of a certificate that there is none of";
	else if (c->kind == CERT_SHOWN)
		wrong = take_shown(&g->pairs, c, b, text, len);
	else if (c->kind == CERT_LEFT_OUT && g->pairs.left_out_count < bundle_count(b))
		take_left_out(g, piece, text, len);
	else
		wrong = "says of a certificate what there is no word for";
	bundle_close(&b);
	return wrong;
}

static int
same_list(const struct conf_certificates *a, const struct conf_certificates *b)
{
	if (a->count != b->count)
		return 0;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->items[i].path, b->items[i].path) != 0)
			return 0;
	return 1;
}

/* One of the names of all its pairs of a frontend, between newlines: sorted once, searched often. */
struct names {
	const char **items; /* each up to its newline */
	size_t count;
};

static int
by_line(const void *a, const void *b)
{
	const char *x = *(const char *const *)a, *y = *(const char *const *)b;
	size_t i = 0;

	while (x[i] == y[i] && x[i] != '\n')
		i++;
	return (unsigned char)x[i] - (unsigned char)y[i];
}

static void
names_of(const struct generation *g, uint32_t frontend, struct names *n_r)
{
	size_t count = 0;

	*n_r = (struct names){ 0 };
	for (size_t i = 0; i < g->pairs.count; i++)
		if (g->pairs.items[i].frontend == frontend)
			for (const char *s = g->pairs.items[i].names; *s; s++)
				count += *s == '\n';
	n_r->items = calloc(count + 1, sizeof(*n_r->items));
	if (!n_r->items)
		fatal("out of memory");
	for (size_t i = 0; i < g->pairs.count; i++)
		if (g->pairs.items[i].frontend == frontend)
			for (const char *s = g->pairs.items[i].names; *s; s = strchr(s, '\n') + 1)
				n_r->items[n_r->count++] = s;
	qsort(n_r->items, n_r->count, sizeof(*n_r->items), by_line);
}

static int
has_name(const struct names *n, const char *name)
{
	return n->count > 0 && bsearch(&name, n->items, n->count, sizeof(*n->items), by_line);
}

/* Itself, or the wildcard in place of its first label. */
static int
is_covered(const struct names *n, const char *name)
{
	char wild[258];
	size_t label = strcspn(name, ".\n"), len = strcspn(name, "\n");

	if (has_name(n, name))
		return 1;
	if (name[label] != '.' || len - label > 255)
		return 0;
	snprintf(wild, sizeof(wild), "*%.*s\n", (int)(len - label), name + label);
	return has_name(n, wild);
}

static void
judge_pair(struct generation *g, const struct pair *old, const struct conf_frontend *f,
    const struct names *names)
{
	char where[512], *line;

	for (const char *s = old->names; *s; s = strchr(s, '\n') + 1) {
		if (is_covered(names, s))
			continue;
		conf_where(g->conf, f->tls.line, where, sizeof(where));
		if (asprintf(&line,
			"%s: no certificate covers %.*s any more, which %s did; " PAIRS_STAYS
			"; " PAIRS_GO,
			where, (int)strcspn(s, "\n"), s, old->file) == -1)
			fatal("out of memory");
		generation_complain(g, line);
		free(line);
		g->pairs.lost = 1;
	}
}

int
judge_pairs(struct generation *g)
{
	const struct generation *now = g->m->current;

	for (size_t i = 0; now && i < now->conf->frontend_count; i++) {
		const struct conf_frontend *old = &now->conf->frontends[i],
					   *f = pairs_front(g->conf, old->name);
		struct names names;

		if (!f || !same_list(&old->tls.certificates, &f->tls.certificates) ||
		    old->tls.certificates.count == 0)
			continue;
		names_of(g, (uint32_t)(f - g->conf->frontends), &names);
		for (size_t k = 0; !g->pairs.lost && k < now->pairs.count; k++)
			if (now->pairs.items[k].frontend == i)
				judge_pair(g, &now->pairs.items[k], f, &names);
		free(names.items);
	}
	for (size_t i = 0; i < g->pairs.left_out_count; i++)
		say(g->m, PROBLEM_LEFT_OUT, g->pairs.left_out[i]);
	return g->pairs.lost ? -1 : 0;
}

/* Whether a certificate of any frontend covers this name, of which one newline is the end. */
static int
is_covered_anywhere(const struct generation *g, const char *name)
{
	int covered = 0;

	for (uint32_t i = 0; !covered && i < g->conf->frontend_count; i++) {
		struct names names;

		names_of(g, i, &names);
		covered = is_covered(&names, name);
		free(names.items);
	}
	return covered;
}

size_t
judge_uncovered(struct generation *g, const char *names)
{
	size_t count = 0, len;

	for (const char *s = names; *s; s += len + (s[len] == ',')) {
		char name[257], *line;

		len = strcspn(s, ",");
		snprintf(name, sizeof(name), "%.*s\n", len < 255 ? (int)len : 255, s);
		for (char *c = name; *c; c++)
			*c = (char)tolower((unsigned char)*c);
		if (len == 0 || (len <= 255 && is_covered_anywhere(g, name)))
			continue;
		if (asprintf(&line,
			"no certificate covers %.*s; issue one and name it in certificates",
			(int)len, s) == -1)
			abort();
		say(g->m, PROBLEM_ERROR, line);
		free(line);
		count++;
	}
	return count;
}

/* ---- Words ---- */

static int
is_new(const struct generation *old, const struct generation *g, const struct pair *p)
{
	const char *frontend = g->conf->frontends[p->frontend].name;

	for (size_t i = 0; i < old->pairs.count; i++)
		if (memcmp(old->pairs.items[i].print, p->print, sizeof(p->print)) == 0 &&
		    strcmp(old->conf->frontends[old->pairs.items[i].frontend].name, frontend) == 0)
			return 0;
	return 1;
}

/* "mail.example.org (EC) until 2027-02-20" */
static void
tell_pair(FILE *f, const struct pair *p)
{
	time_t until = (time_t)p->until;
	char day[16] = "?";
	struct tm tm;

	if (gmtime_r(&until, &tm))
		(void)strftime(day, sizeof(day), "%Y-%m-%d", &tm);
	fprintf(f, "%s%.*s (%.*s) until %s", ftell(f) > 0 ? ", " : "",
	    (int)(*p->names ? strcspn(p->names, "\n") : strlen(p->file)),
	    *p->names ? p->names : p->file, (int)strcspn(p->key, " "), p->key, day);
}

char *
judge_tell(const struct generation *old, const struct generation *g)
{
	char *text = NULL;
	size_t size = 0, count = 0;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		fatal("out of memory");
	for (size_t i = 0; i < g->pairs.count; i++)
		if (is_new(old, g, &g->pairs.items[i]) && count++ < TOLD_MOST)
			tell_pair(f, &g->pairs.items[i]);
	if (count > TOLD_MOST)
		fprintf(f, " and %zu more", count - TOLD_MOST);
	fclose(f);
	if (count > 0) {
		log_say(LOG_NOTICE, "certificates taken over: %s", text);
		return text;
	}
	free(text);
	return NULL;
}
