/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Habits from other files: texts without quotes or in single ones, and whole files of other
 * programs in the place of ours.  Pure functions of the administrator's text; they only find what
 * is wrong.
 */
#include "common/conf/int.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The bytes of a quotation mark that is not ours: ' or ` or one of U+2018 to U+201F. */
static size_t
quote_len(const char *at)
{
	const unsigned char *u = (const unsigned char *)at;

	if (*at == '\'' || *at == '`')
		return 1;
	return u[0] == 0xe2 && u[1] == 0x80 && u[2] >= 0x98 && u[2] <= 0x9f ? 3 : 0;
}

static int
find_quoted(const char *at, struct unquoted *u_r)
{
	size_t n = quote_len(at);
	const char *end = at + n;

	if (n == 0)
		return 0;
	while (quote_len(end) == 0 && *end != '\0' && !strchr("\n\"\\", *end))
		end++;
	if (quote_len(end) == 0)
		return 0;
	*u_r = (struct unquoted){ at + n, (size_t)(end - at) - n, end + quote_len(end), NULL };
	return 1;
}

/* As libconfig reads numbers, with a wider idea of what they look like. */
static int
is_number(const char *at, size_t len)
{
	int hex = len > 2 && at[0] == '0' && tolower((unsigned char)at[1]) == 'x';
	char *end;

	if (!isdigit((unsigned char)*at) && !strchr("+-.", *at))
		return 0;
	if (hex)
		(void)strtoll(at, &end, 16);
	else
		(void)strtod(at, &end);
	while (end > at && end < at + len && *end == 'L')
		end++;
	return end == at + len;
}

static const struct {
	const char *said, *word;
} switches[] = { { "yes", "true" }, { "on", "true" }, { "enabled", "true" }, { "no", "false" },
	{ "off", "false" }, { "disabled", "false" } };

static int
is_word(const char *at, size_t len, const char *word)
{
	return strlen(word) == len && strncasecmp(at, word, len) == 0;
}

int
syntax_unquoted(const char *at, struct unquoted *u_r)
{
	size_t len = strcspn(at, " \t\r\n\v\f;,(){}[]=\"'#\\");

	if (find_quoted(at, u_r))
		return 1;
	if (len == 0 || strchr("@:", *at) || is_number(at, len) || is_word(at, len, "true") ||
	    is_word(at, len, "false"))
		return 0;
	*u_r = (struct unquoted){ at, len, at + len, NULL };
	for (size_t i = 0; i < COUNT(switches); i++)
		if (is_word(at, len, switches[i].said))
			u_r->word = switches[i].word;
	return 1;
}

/* A line by which the files of other programs are known: its first word, and what ends it. */
static const struct {
	const char *word, *ends, *what;
} files[] = {
#define HAPROXY \
	"this is a haproxy.cfg; mailreeve.conf(5), COMING FROM HAPROXY, has our word for each " \
	"line of it"
#define NGINX "this is an nginx.conf; begin with the smallest file of mailreeve.conf(5)"
#define JSON \
	"this is JSON; write name = value; without quotes around names, and no { } " \
	"around the whole"
	{ "global", "", HAPROXY },
	{ "defaults", "", HAPROXY },
	{ "frontend", "n", HAPROXY },
	{ "backend", "n", HAPROXY },
	{ "listen", "n", HAPROXY },
	{ "events", "{", NGINX },
	{ "http", "{", NGINX },
	{ "mail", "{", NGINX },
	{ "stream", "{", NGINX },
	{ "worker_processes", "n", NGINX },
	{ "{", "", JSON },
	{ "{", "\"", JSON },
};

/* Whether a line goes on as said: with nothing, with a name ("n"), or with this sign. */
static int
goes_on(const char *rest, const char *ends)
{
	rest += strspn(rest, " \t\r");
	if (*ends == '\0')
		return strchr("\n#", *rest) != NULL;
	if (*ends == 'n')
		return isalnum((unsigned char)*rest) && rest[strcspn(rest, "={\n")] != '=';
	return *rest == *ends;
}

static const char *
foreign_line(const char *line)
{
	size_t len = *line == '{' ? 1 : strcspn(line, " \t\r\n#={");

	for (size_t i = 0; i < COUNT(files); i++)
		if (is_word(line, len, files[i].word) && goes_on(line + len, files[i].ends))
			return files[i].what;
	return NULL;
}

/* The first line that says something decides. */
const char *
syntax_foreign(const char *text, int *line_r)
{
	for (*line_r = 1; *text != '\0'; text++, ++*line_r) {
		text += strspn(text, " \t\r");
		if (*text != '\n' && *text != '#' && *text != '\0')
			return foreign_line(text);
		text += strcspn(text, "\n");
		if (*text == '\0')
			return NULL;
	}
	return NULL;
}
