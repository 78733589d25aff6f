/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Problems of a configuration: collected while it is read, told in the order of the file, each
 * with the file and line that the administrator wrote.  Used by every process that reads a
 * configuration; must never lose one.
 */
#include "common/conf/int.h"
#include "common/log.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
problems_text(struct problems *p, enum problem_kind kind, char *text)
{
	struct problem *items = reallocarray(p->items, p->count + 1, sizeof(*items));

	if (!items || !text)
		fatal("out of memory");
	p->items = items;
	p->items[p->count++] = (struct problem){ .kind = kind, .text = text };
	if (kind == PROBLEM_ERROR)
		p->errors++;
}

void
problems_add(
    struct problems *p, enum problem_kind kind, const char *file, int line, const char *fmt, ...)
{
	char *what = NULL, *text = NULL;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vasprintf(&what, fmt, ap);
	va_end(ap);
	if (len >= 0 && line > 0)
		len = asprintf(&text, "%s:%d: %s", file, line, what);
	else if (len >= 0)
		len = asprintf(&text, "%s: %s", file, what);
	if (len < 0)
		fatal("out of memory");
	free(what);
	problems_text(p, kind, text);
}

void
problems_clear(struct problems *p)
{
	for (size_t i = 0; i < p->count; i++)
		free(p->items[i].text);
	free(p->items);
	*p = (struct problems){ 0 };
}

static void __attribute__((format(printf, 4, 0)))
note(struct reader *r, enum problem_kind kind, int line, const char *fmt, va_list ap)
{
	char *text;

	if (vasprintf(&text, fmt, ap) < 0)
		fatal("out of memory");
	/* One line each, and nothing that a terminal would obey. */
	for (char *c = text; *c != '\0'; c++)
		if (iscntrl((unsigned char)*c))
			*c = '?';
	r->notes = arena_grow(r->arena, r->notes, &r->note_room, r->note_count, sizeof(*r->notes));
	r->notes[r->note_count] = (struct note){
		.kind = kind,
		.line = line,
		.order = r->note_count,
		.text = arena_strdup(r->arena, text),
	};
	r->note_count++;
	if (kind == PROBLEM_ERROR)
		r->errors++;
	free(text);
}

void
reader_error(struct reader *r, const config_setting_t *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	note(r, PROBLEM_ERROR, (int)config_setting_source_line(s), fmt, ap);
	va_end(ap);
}

void
reader_error_at(struct reader *r, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	note(r, PROBLEM_ERROR, line, fmt, ap);
	va_end(ap);
}

void
reader_warn_at(struct reader *r, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	note(r, PROBLEM_WARNING, line, fmt, ap);
	va_end(ap);
}

/* Line 0, and what a setting without a line has, is the file as a whole. */
static struct conf_origin
origin(const struct conf *c, int line)
{
	struct conf_origin whole = { c->name, 0 };

	if (line < 1 || (size_t)line > c->lines->count)
		return whole;
	return c->lines->items[line - 1];
}

static int
by_line(const void *a, const void *b)
{
	const struct note *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

void
reader_tell(struct reader *r, struct problems *p)
{
	if (r->note_count > 0)
		qsort(r->notes, r->note_count, sizeof(*r->notes), by_line);
	for (size_t i = 0; i < r->note_count; i++)
		conf_problem(
		    r->conf, p, r->notes[i].kind, r->notes[i].line, "%s", r->notes[i].text);
	r->note_count = 0;
}

const char *
reader_line(struct reader *r, int line, int from)
{
	struct conf_origin o = origin(r->conf, line);

	if (strcmp(o.file, origin(r->conf, from).file) == 0)
		return arena_printf(r->arena, "line %d", o.line);
	return arena_printf(r->arena, "%s:%d", o.file, o.line);
}

void
conf_problem(const struct conf *c, struct problems *p, enum problem_kind kind, int line,
    const char *fmt, ...)
{
	struct conf_origin o = origin(c, line);
	va_list ap;
	char *text;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		fatal("out of memory");
	va_end(ap);
	problems_add(p, kind, o.file, o.line, "%s", text);
	free(text);
}

const char *
conf_where(const struct conf *c, int line, char *buf, size_t size)
{
	struct conf_origin o = origin(c, line);

	if (o.line > 0)
		snprintf(buf, size, "%s:%d", o.file, o.line);
	else
		snprintf(buf, size, "%s", o.file);
	return buf;
}
