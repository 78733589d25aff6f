/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The canonical text: the whole configuration in one piece, which the master gives to its
 * children.  A comment at its end says where its lines came from, so that what a child finds
 * wrong is told with the administrator's own file and line.
 *
 * #lines "FILE" 1 1 2 "FILE2" 4 ... : a number for each line of the text before.
 */
#include "common/conf/int.h"
#include "common/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK "#lines"

/* Both trees are the same; note for each line of b where the setting that begins there was. */
static void
map_lines(const struct conf *c, const config_setting_t *a, const config_setting_t *b,
    struct conf_origin *map, size_t count)
{
	unsigned from = config_setting_source_line(a), to = config_setting_source_line(b);

	/* Messages are about groups, so a group that begins on a line has it. */
	if (to >= 1 && to <= count && from >= 1 && from <= c->lines->count &&
	    (map[to - 1].line == 0 || config_setting_is_group(b)))
		map[to - 1] = c->lines->items[from - 1];
	if (!config_setting_is_aggregate(a) || !config_setting_is_aggregate(b))
		return;
	for (int i = 0; i < config_setting_length(a) && i < config_setting_length(b); i++)
		map_lines(c, config_setting_get_elem(a, (unsigned)i),
		    config_setting_get_elem(b, (unsigned)i), map, count);
}

static void
write_lines(FILE *f, const struct conf_origin *map, size_t count)
{
	const char *file = NULL;
	int line = 0;

	fputs(MARK, f);
	for (size_t i = 0; i < count; i++) {
		if (map[i].file && (!file || strcmp(file, map[i].file) != 0)) {
			file = map[i].file;
			fprintf(f, " \"%s\"", file);
		}
		/* A closing bracket belongs to what stands before it. */
		if (map[i].line > 0)
			line = map[i].line;
		fprintf(f, " %d", line);
	}
	fputc('\n', f);
}

/* A file name that would end the comment's form early does without its lines. */
static int
can_be_named(const struct conf_lines *lines)
{
	for (size_t i = 0; i < lines->count; i++)
		if (strpbrk(lines->items[i].file, "\"\n"))
			return 0;
	return 1;
}

char *
canon_write(struct reader *r, config_t *tree)
{
	char *text = NULL;
	size_t size = 0, count = 0;
	FILE *f = open_memstream(&text, &size);
	struct conf_origin *map;
	config_t again;

	if (!f)
		fatal("out of memory");
	config_set_options(tree, CONFIG_OPTION_SEMICOLON_SEPARATORS);
	config_write(tree, f);
	if (fflush(f) != 0)
		fatal("out of memory");
	config_init(&again);
	if (can_be_named(r->conf->lines) && config_read_string(&again, text)) {
		for (size_t i = 0; i < size; i++)
			count += text[i] == '\n';
		map = arena_zalloc(r->arena, count + 1, sizeof(*map));
		map_lines(
		    r->conf, config_root_setting(tree), config_root_setting(&again), map, count);
		write_lines(f, map, count);
	}
	config_destroy(&again);
	if (fclose(f) != 0)
		fatal("out of memory");
	return text;
}

/* The comment that begins the last line of the text, or NULL. */
static const char *
find_mark(const char *text)
{
	size_t len = strlen(text);

	if (len > 0 && text[len - 1] == '\n')
		len--;
	while (len > 0 && text[len - 1] != '\n')
		len--;
	return strncmp(text + len, MARK, strlen(MARK)) == 0 ? text + len + strlen(MARK) : NULL;
}

void
canon_lines(struct reader *r, const char *text)
{
	struct conf_lines *lines = r->conf->lines;
	const char *p = find_mark(text), *file = NULL;
	size_t line = 0, next = 0;

	while (p && *p == ' ' && next < lines->count) {
		p++;
		if (*p == '"') {
			size_t n = strcspn(p + 1, "\"\n");

			if (p[1 + n] != '"')
				return;
			file = arena_printf(r->arena, "%.*s", (int)n, p + 1);
			p += n + 2;
			continue;
		}
		/* The text's lines that begin a line of the merged text, in their order. */
		line++;
		while (next < lines->count && (size_t)lines->items[next].line == line) {
			long was = strtol(p, NULL, 10);

			if (file && was > 0 && was <= INT32_MAX)
				lines->items[next] = (struct conf_origin){ file, (int)was };
			next++;
		}
		p += strspn(p, "0123456789");
	}
}
