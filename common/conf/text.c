/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * One text out of a configuration file and its includes, for libconfig to parse, and where each
 * of its lines came from.  The master reads files with it, children only their bundle's text.
 *
 * It also finds what libconfig 1.5 would not say: integers that do not fit (libconfig wraps them
 * silently) become 64-bit ones, which no key takes; groups in [ ] are reported and go on as a
 * list.  It must never interpret a value.
 */
#include "common/conf/int.h"
#include "common/log.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INCLUDE_MAX = 10, DEPTH_MAX = 16 };

/* A name in the output. */
struct span {
	size_t at, len;
};

struct bracket {
	char open;
	int is_list; /* a [ that had a group in it */
	size_t at;   /* in the output */
	int line;    /* of the output */
	struct span key;
};

/* The merged text so far. */
struct merge {
	struct reader *r;
	struct conf_lines *lines;
	size_t line_room;
	char *out;
	size_t len, room;
	struct bracket stack[DEPTH_MAX];
	int depth, includes;
	struct span name; /* the last name, and the one before the last = */
	struct span key;
	char last; /* token: a sign itself, 'n' a name, 'v' the end of a value */
	int failed;
};

/* One file of it. */
struct input {
	const char *text, *at;
	const char *file;
	int line;
	int blank; /* white space or a comment since the last token */
};

static void merge_input(struct merge *m, const char *text, const char *file);

static void
put(struct merge *m, const char *bytes, size_t n)
{
	if (m->room - m->len <= n) {
		m->room = (m->room + n + 64) * 2;
		m->out = realloc(m->out, m->room);
		if (!m->out)
			fatal("out of memory");
	}
	memcpy(m->out + m->len, bytes, n);
	m->len += n;
	m->out[m->len] = '\0';
}

static void
new_line(struct merge *m, const struct input *in)
{
	struct conf_lines *l = m->lines;

	if (l->count > 0)
		put(m, "\n", 1);
	l->items = arena_grow(m->r->arena, l->items, &m->line_room, l->count, sizeof(*l->items));
	l->items[l->count++] = (struct conf_origin){ in->file, in->line };
}

/*
 * Before a token: a new line of output where the input has one, so that every line of output
 * belongs to one line of input.  What closes something stays behind what it closes: libconfig
 * takes the line of the last element of a list from there.
 */
static void
place(struct merge *m, struct input *in, int closes)
{
	const struct conf_origin *now =
	    m->lines->count > 0 ? &m->lines->items[m->lines->count - 1] : NULL;

	if (!now || (!closes && (now->line != in->line || now->file != in->file)))
		new_line(m, in);
	else if (in->blank)
		put(m, " ", 1);
	in->blank = 0;
}

static void __attribute__((format(printf, 3, 4)))
wrong(struct merge *m, const struct input *in, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		fatal("out of memory");
	va_end(ap);
	new_line(m, in);
	reader_error_at(m->r, (int)m->lines->count, "%s", text);
	free(text);
}

static void
fail(struct merge *m, const struct input *in, const char *what)
{
	wrong(m, in, "%s", what);
	m->failed = 1;
}

/* Skip white space and comments. */
static void
skip_blank(struct merge *m, struct input *in)
{
	for (;; in->blank = 1) {
		if (*in->at == '\n') {
			in->line++;
			in->at++;
		} else if (*in->at == ' ' || (*in->at >= '\t' && *in->at <= '\r')) {
			in->at++;
		} else if (*in->at == '#' || strncmp(in->at, "//", 2) == 0) {
			in->at += strcspn(in->at, "\n");
		} else if (strncmp(in->at, "/*", 2) == 0) {
			const char *end = strstr(in->at + 2, "*/");

			if (!end) {
				fail(m, in, "the comment that begins here has no end");
				return;
			}
			for (; in->at < end + 2; in->at++)
				in->line += *in->at == '\n';
		} else {
			return;
		}
	}
}

/*
 * A text in quotes ends on its line: libconfig would go on to the next quote, wherever that is,
 * and find fault there.
 */
static void
take_string(struct merge *m, struct input *in)
{
	const char *p = in->at + 1;

	place(m, in, 0);
	for (; *p != '"'; p++) {
		if (strncmp(p, "\\x00", 4) == 0) {
			fail(m, in, "\\x00 cannot stand in a text");
			return;
		}
		p += p[0] == '\\' && p[1] != '\0';
		if (*p == '\0' || *p == '\n') {
			fail(m, in, "the text in quotes that begins here does not end on its line");
			return;
		}
	}
	p++;
	put(m, in->at, (size_t)(p - in->at));
	in->at = p;
}

/* A number as libconfig would read it, but too large for 31 bits, as one of 64. */
static void
take_number(struct merge *m, struct input *in)
{
	const char *start = in->at, *digits = start + (*start == '+' || *start == '-'), *end;
	int base = digits == start && digits[0] == '0' && tolower((unsigned char)digits[1]) == 'x' ?
	    16 :
	    10;
	char text[32];
	char *rest;
	long long v;

	place(m, in, 0);
	for (end = digits; isalnum((unsigned char)*end) || *end == '.' ||
	     ((*end == '+' || *end == '-') && tolower((unsigned char)end[-1]) == 'e' && base == 10);
	     end++)
		;
	in->at = end > start ? end : start + 1;
	errno = 0;
	v = strtoll(start, &rest, base);
	if (rest == digits || rest != end || (errno == 0 && v >= INT32_MIN && v <= INT32_MAX)) {
		put(m, start, (size_t)(in->at - start));
		return;
	}
	snprintf(text, sizeof(text), "%lldL", v);
	put(m, text, strlen(text));
}

static void
take_name(struct merge *m, struct input *in)
{
	size_t n = 1;

	while (isalnum((unsigned char)in->at[n]) || (in->at[n] != '\0' && strchr("-_*", in->at[n])))
		n++;
	place(m, in, 0);
	m->name = (struct span){ m->len, n };
	put(m, in->at, n);
	in->at += n;
}

static void
take_open(struct merge *m, struct input *in)
{
	struct bracket *b = m->depth > 0 ? &m->stack[m->depth - 1] : NULL;

	if (*in->at == '{' && b && b->open == '[') {
		if (!b->is_list)
			wrong(m, in, "%.*s = [ { … } ]: groups stand in ( ), not in [ ]",
			    (int)b->key.len, m->out + b->key.at);
		b->is_list = 1;
		m->out[b->at] = '(';
	}
	if (m->depth == DEPTH_MAX) {
		fail(m, in, "groups and lists are nested too deeply here");
		return;
	}
	place(m, in, 0);
	m->stack[m->depth++] = (struct bracket){
		.open = *in->at, .at = m->len, .line = (int)m->lines->count, .key = m->key
	};
	put(m, in->at++, 1);
}

static char
closing(char open)
{
	return open == '(' ? ')' : open == '[' ? ']' : '}';
}

/* Whether this sign closes what was opened last. */
static int
is_closing(struct merge *m, const struct input *in)
{
	const struct bracket *b = m->depth > 0 ? &m->stack[m->depth - 1] : NULL;

	if (!b)
		wrong(m, in, "this %c closes nothing; remove it", *in->at);
	else if (closing(b->open) != *in->at)
		wrong(m, in, "%c must be closed (%s) before this %c: write %c", b->open,
		    reader_line(m->r, b->line, (int)m->lines->count), *in->at, closing(b->open));
	else
		return 1;
	m->failed = 1;
	return 0;
}

static void
take_close(struct merge *m, struct input *in)
{
	char c = *in->at;

	if (!is_closing(m, in))
		return;
	in->at++;
	if (m->len > 0 && m->out[m->len - 1] == ',') {
		m->out[m->len - 1] = ' ';
		wrong(m, in, "no comma may stand before %c", c);
	}
	place(m, in, 1);
	if (m->stack[--m->depth].is_list && c == ']')
		c = ')';
	put(m, &c, 1);
}

/* An @include stands alone at the start of a line. */
static int
take_include(struct merge *m, struct input *in)
{
	const char *p = in->at, *end, *why;
	char *path, *w, *text;

	while (p > in->text && (p[-1] == ' ' || p[-1] == '\t'))
		p--;
	if ((p > in->text && p[-1] != '\n') || strncmp(in->at, "@include", 8) != 0)
		return 0;
	p = in->at + 8;
	while (*p == ' ' || *p == '\t')
		p++;
	if (*p != '"' || (end = strpbrk(p + 1, "\"\n")) == NULL || *end != '"')
		return 0;
	if (!m->r->dir) {
		fail(m, in, "@include cannot stand here");
		return 1;
	}
	path = arena_printf(m->r->arena, "%.*s", (int)(end - p - 1), p + 1);
	for (w = path; *w != '\0'; w++)
		if (*w == '\\')
			memmove(w, w + 1, strlen(w));
	if (*path != '/')
		path = arena_printf(m->r->arena, "%s/%s", m->r->dir, path);
	in->at = end + 1;
	in->blank = 1;
	if (m->includes == INCLUDE_MAX) {
		fail(m, in, "@include in @include, too deep: does a file include itself?");
		return 1;
	}
	text = conf_file_read(path, &why);
	if (!text) {
		wrong(m, in, "cannot include %s: %s", path, why);
		m->failed = 1;
		return 1;
	}
	m->includes++;
	merge_input(m, text, path);
	m->includes--;
	free(text);
	return 1;
}

static int
in_list(const struct merge *m)
{
	return m->depth > 0 && m->stack[m->depth - 1].open != '{';
}

/* What libconfig would stumble over further on: say it here and go on as if it stood there. */
static void
add_missing(struct merge *m, const struct input *in)
{
	unsigned char c = (unsigned char)*in->at;

	if (strchr("=:;,)]}@", c))
		return;
	if (!in_list(m) && strchr("{([", c) && m->last != '=' && m->last != 'n') {
		fail(m, in, "a name and = are missing before this group");
	} else if (in_list(m) && m->last == 'v') {
		wrong(m, in, "a comma is missing before this %s", c == '{' ? "{" : "value");
		put(m, ",", 1);
	} else if (!in_list(m) && m->last == 'n') {
		wrong(m, in, "the = is missing after %.*s", (int)m->name.len, m->out + m->name.at);
		put(m, "=", 1);
		m->key = m->name;
		m->last = '=';
	}
}

/* A text in other quotes or in none: it goes on in the right ones. */
static int
take_unquoted(struct merge *m, struct input *in)
{
	struct unquoted u;

	if ((m->last != '=' && !in_list(m)) || !syntax_unquoted(in->at, &u))
		return 0;
	if (u.word)
		wrong(m, in, "%.*s is written %s here", (int)u.len, u.text, u.word);
	else
		wrong(m, in, "texts stand in double quotes: write \"%.*s\"", (int)u.len, u.text);
	place(m, in, 0);
	put(m, u.word ? u.word : "\"", u.word ? strlen(u.word) : 1);
	if (!u.word) {
		put(m, u.text, u.len);
		put(m, "\"", 1);
	}
	in->at = u.end;
	return 1;
}

/* What this token was to the next one. */
static char
kind_of(const struct merge *m, const char *at)
{
	if (strchr("=:;,([{@", *at))
		return *at == ':' ? '=' : *at;
	if (m->last == '@')
		return '@'; /* of an include in the wrong place */
	return isalpha((unsigned char)*at) && m->last != '=' && !in_list(m) ? 'n' : 'v';
}

static void
take_token(struct merge *m, struct input *in)
{
	unsigned char c = (unsigned char)*in->at;
	char kind;

	add_missing(m, in);
	kind = kind_of(m, in->at);
	if (take_unquoted(m, in)) {
		kind = 'v';
	} else if (c == '"') {
		take_string(m, in);
	} else if (isdigit(c) || c == '+' || c == '-' || c == '.') {
		take_number(m, in);
	} else if (isalpha(c) || c == '*') {
		take_name(m, in);
	} else if (c == '{' || c == '(' || c == '[') {
		take_open(m, in);
	} else if (c == '}' || c == ')' || c == ']') {
		take_close(m, in);
	} else if (c != '@' || !take_include(m, in)) {
		if (c == '=' || c == ':')
			m->key = m->name;
		place(m, in, c == ';' || c == ',');
		put(m, in->at++, 1);
	}
	m->last = kind;
}

static void
merge_input(struct merge *m, const char *text, const char *file)
{
	struct input in = { .text = text, .at = text, .file = file, .line = 1, .blank = 1 };

	for (;;) {
		skip_blank(m, &in);
		if (m->failed || *in.at == '\0')
			return;
		if (m->len > CONF_TEXT) {
			fail(m, &in, "the configuration is longer than 8 MiB");
			return;
		}
		take_token(m, &in);
	}
}

/* The file of another program in the place of ours. */
static int
is_foreign(struct merge *m, const char *text, const char *name)
{
	struct input in = { .file = arena_strdup(m->r->arena, name) };
	const char *what = !m->r->dir ? NULL : syntax_foreign(text, &in.line);

	if (what)
		fail(m, &in, what);
	return what != NULL;
}

char *
conf_text_merge(struct reader *r, const char *text, const char *name)
{
	struct merge m = { .r = r, .lines = r->conf->lines };

	put(&m, "", 0);
	if (!is_foreign(&m, text, name))
		merge_input(&m, text, arena_strdup(r->arena, name));
	if (!m.failed && m.depth > 0)
		reader_error_at(r, m.stack[m.depth - 1].line,
		    "the %c that opens here is never closed; write %c", m.stack[m.depth - 1].open,
		    closing(m.stack[m.depth - 1].open));
	m.failed |= m.depth > 0;
	if (!r->dir)
		canon_lines(r, text);
	if (m.failed) {
		free(m.out);
		return NULL;
	}
	return m.out;
}

char *
conf_text_read(struct reader *r, const char *path)
{
	const char *why;
	char *text, *merged;

	text = conf_file_read(path, &why);
	if (!text) {
		reader_error_at(r, 0, "%s", why);
		return NULL;
	}
	merged = conf_text_merge(r, text, path);
	free(text);
	return merged;
}
