/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Readers of values: one per kind of value, called through the table of keys.  Each writes its
 * field or notes what is wrong, with the remedy; none knows what the value is for.
 */
#include "conf_int.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

enum { SHOWN_MAX = 60 };

size_t
value_count(const config_setting_t *s)
{
	if (config_setting_is_list(s) || config_setting_is_array(s))
		return (size_t)config_setting_length(s);
	return 1;
}

config_setting_t *
value_at(config_setting_t *s, size_t n)
{
	if (config_setting_is_list(s) || config_setting_is_array(s))
		return config_setting_get_elem(s, (unsigned)n);
	return s;
}

const char *
value_key(const config_setting_t *s)
{
	while (config_setting_name(s) == NULL && config_setting_parent(s) != NULL)
		s = config_setting_parent(s);
	return config_setting_name(s) == NULL ? "?" : config_setting_name(s);
}

const char *
value_shown(struct reader *r, const config_setting_t *s)
{
	const char *text;
	long long n;

	switch (config_setting_type(s)) {
	case CONFIG_TYPE_STRING:
		text = config_setting_get_string(s);
		return arena_printf(
		    r->arena, "\"%.*s%s\"", SHOWN_MAX, text, strlen(text) > SHOWN_MAX ? "…" : "");
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		n = config_setting_get_int64(s);
		return arena_printf(r->arena,
		    n == INT64_MAX     ? "(more than %lld)" :
			n == INT64_MIN ? "(less than %lld)" :
					 "%lld",
		    n);
	case CONFIG_TYPE_FLOAT:
		return arena_printf(r->arena, "%g", config_setting_get_float(s));
	case CONFIG_TYPE_BOOL:
		return config_setting_get_bool(s) ? "true" : "false";
	case CONFIG_TYPE_GROUP:
		return "{ … }";
	default:
		return config_setting_is_list(s) ? "( … )" : "[ … ]";
	}
}

/* KEY = VALUE and what is wrong with it. */
#define wrong(r, s, fmt, ...) \
	reader_error(r, s, "%s = %s " fmt, value_key(s), value_shown(r, s), __VA_ARGS__)

const char *
value_text(struct reader *r, const config_setting_t *s)
{
	const char *text = config_setting_get_string(s);

	if (config_setting_type(s) == CONFIG_TYPE_STRING && text != NULL)
		return text;
	wrong(r, s, "is no text; %s",
	    config_setting_is_aggregate(s) ? "one value in quotes stands here" :
					     "write it in quotes");
	return NULL;
}

void
key_group(struct reader *r, const struct key *k, config_setting_t *s, void *field)
{
	if (config_setting_is_group(s))
		read_group(r, s, k->group, field);
	else
		wrong(r, s, "is no group; write %s = { … }", k->name);
}

void
key_later(struct reader *r, const struct key *k, config_setting_t *s, void *field)
{
	(void)r;
	(void)k;
	*(config_setting_t **)field = s;
}

static int
number(struct reader *r, const struct key *k, const config_setting_t *s, long long *n_r)
{
	int type = config_setting_type(s);

	if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64) {
		wrong(r, s, "is no whole number%s",
		    type == CONFIG_TYPE_STRING ? "; write it without quotes" : "");
		return -1;
	}
	*n_r = config_setting_get_int64(s);
	if (*n_r >= k->min && *n_r <= k->max)
		return 0;
	wrong(
	    r, s, "is out of range; it may be %lld to %lld", (long long)k->min, (long long)k->max);
	return -1;
}

void
key_number(struct reader *r, const struct key *k, config_setting_t *s, void *field)
{
	long long n;

	if (number(r, k, s, &n) == 0)
		*(uint32_t *)field = (uint32_t)n;
}

void
key_port(struct reader *r, const struct key *k, config_setting_t *s, void *field)
{
	long long n;

	if (number(r, k, s, &n) == 0)
		*(uint16_t *)field = (uint16_t)n;
}

void
key_bool(struct reader *r, const struct key *k, config_setting_t *s, void *field)
{
	(void)k;
	if (config_setting_type(s) == CONFIG_TYPE_BOOL)
		*(int *)field = config_setting_get_bool(s);
	else
		wrong(r, s, "is neither %s", "true nor false");
}

static const struct unit {
	const char *name;
	int64_t ms;
} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 } };

/* A duration as one would write it. */
static const char *
duration_text(struct reader *r, int64_t ms)
{
	size_t i = sizeof(units) / sizeof(units[0]) - 1;

	if (ms == 0)
		return "0s";
	while (ms % units[i].ms != 0)
		i--;
	return arena_printf(r->arena, "%lld%s", (long long)(ms / units[i].ms), units[i].name);
}

/* A bare number: which one was probably meant? */
static void
no_unit(struct reader *r, const config_setting_t *s, const char *digits)
{
	long long n = strtoll(digits, NULL, 10);

	if (n == 0)
		wrong(r, s, "has no unit; write \"%s\"", "0s");
	else
		wrong(r, s, "has no unit; write \"%lldms\" or \"%llds\"", n,
		    n % 1000 == 0 ? n / 1000 : n);
}

void
key_duration(struct reader *r, const struct key *k, config_setting_t *s, void *field)
{
	const char *text = config_setting_get_string(s);
	const struct unit *u = units, *end = units + sizeof(units) / sizeof(units[0]);
	size_t digits;
	long long n;

	if (config_setting_type(s) == CONFIG_TYPE_INT ||
	    config_setting_type(s) == CONFIG_TYPE_INT64) {
		no_unit(r, s, value_shown(r, s));
		return;
	}
	if (text == NULL) {
		wrong(r, s, "is no duration; write it as in %s", "\"5s\"");
		return;
	}
	digits = strspn(text, "0123456789");
	if (digits > 0 && text[digits] == '\0') {
		no_unit(r, s, text);
		return;
	}
	while (u < end && strcmp(text + digits, u->name) != 0)
		u++;
	if (digits == 0 || u == end) {
		wrong(r, s, "is no duration; write a number and one of %s", "ms, s, m, h, d");
		return;
	}
	errno = 0;
	n = strtoll(text, NULL, 10);
	if (errno != 0 || n > k->max / u->ms || n * u->ms < k->min || n * u->ms > k->max)
		wrong(r, s, "is out of range; it may be %s to %s", duration_text(r, k->min),
		    duration_text(r, k->max));
	else
		*(uint32_t *)field = (uint32_t)(n * u->ms);
}

/* "a", "b" or "c" */
static const char *
all_words(struct reader *r, const struct word *w)
{
	const char *text = arena_printf(r->arena, "\"%s\"", w->word);

	for (w++; w->word != NULL; w++)
		text = arena_printf(
		    r->arena, "%s%s\"%s\"", text, w[1].word == NULL ? " or " : ", ", w->word);
	return text;
}

static const struct word *
find_word(struct reader *r, const struct key *k, const config_setting_t *s)
{
	const char *text = value_text(r, s);
	struct nearest near = { .wanted = text };

	if (text == NULL)
		return NULL;
	for (const struct word *w = k->words; w->word != NULL; w++) {
		if (strcmp(w->word, text) == 0)
			return w;
		nearest_try(&near, w->word);
	}
	if (near.best != NULL)
		wrong(r, s, "is unknown; did you mean \"%s\"?", near.best);
	else
		wrong(r, s, "is unknown; it may be %s", all_words(r, k->words));
	return NULL;
}

void
key_word(struct reader *r, const struct key *k, config_setting_t *s, void *field)
{
	const struct word *w = find_word(r, k, s);

	/* An enum or an int: both are of this size. */
	if (w != NULL)
		memcpy(field, &w->value, sizeof(w->value));
}

void
key_bits(struct reader *r, const struct key *k, config_setting_t *s, void *field)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < value_count(s); i++) {
		const struct word *w = find_word(r, k, value_at(s, i));

		if (w != NULL)
			bits |= (uint32_t)w->value;
	}
	*(uint32_t *)field = bits;
}

void
key_version(struct reader *r, const struct key *k, config_setting_t *s, void *field)
{
	const struct word *w = find_word(r, k, s);

	if (w != NULL)
		*(const char **)field = w->word;
}

void
key_connections(struct reader *r, const struct key *k, config_setting_t *s, void *field)
{
	enum log_connections none = LOG_CONN_NONE;

	if (config_setting_type(s) == CONFIG_TYPE_BOOL && !config_setting_get_bool(s))
		memcpy(field, &none, sizeof(none));
	else
		key_word(r, k, s, field);
}

static int
has_control(const char *text)
{
	for (; *text != '\0'; text++)
		if (iscntrl((unsigned char)*text))
			return 1;
	return 0;
}

/* A text of one line; "" is as good as none. */
static const char *
line_text(struct reader *r, const config_setting_t *s)
{
	const char *text = value_text(r, s);

	if (text == NULL || !has_control(text))
		return text;
	reader_error(r, s, "%s has a control character in it", value_key(s));
	return NULL;
}

void
key_text(struct reader *r, const struct key *k, config_setting_t *s, void *field)
{
	const char *text = line_text(r, s);

	(void)k;
	if (text != NULL)
		*(const char **)field = *text == '\0' ? NULL : arena_strdup(r->arena, text);
}

/* What is sent to a server or awaited from it: line ends are part of it. */
void
key_payload(struct reader *r, const struct key *k, config_setting_t *s, void *field)
{
	const char *text = value_text(r, s);

	(void)k;
	if (text != NULL && strlen(text) > 512)
		reader_error(r, s, "%s is longer than 512 bytes", value_key(s));
	else if (text != NULL)
		*(const char **)field = *text == '\0' ? NULL : arena_strdup(r->arena, text);
}

void
key_name(struct reader *r, const struct key *k, config_setting_t *s, void *field)
{
	const char *text = value_text(r, s);

	(void)k;
	if (text == NULL)
		return;
	if (*text == '\0')
		reader_error(r, s, "%s is empty", value_key(s));
	else if (strlen(text) > CONF_NAME)
		wrong(r, s, "is longer than %d bytes", CONF_NAME);
	else if (has_control(text) || strpbrk(text, " /\"") != NULL)
		reader_error(r, s, "%s has a blank, / or \" in it", value_key(s));
	else
		*(const char **)field = arena_strdup(r->arena, text);
}

/*
 * An absolute path, which also goes back into the tree, so that the canonical text does not
 * depend on a directory.
 */
static const char *
path_text(struct reader *r, config_setting_t *s, size_t skip)
{
	const char *text = line_text(r, s), *path;

	if (text == NULL || *text == '\0')
		return text;
	path = text + skip;
	if (*path != '/' && r->dir == NULL) {
		wrong(r, s, "%s", "is not an absolute path");
		return NULL;
	}
	if (*path != '/')
		path =
		    arena_printf(r->arena, "%s/%s", strcmp(r->dir, "/") == 0 ? "" : r->dir, path);
	path = arena_strdup(r->arena, path);
	if (strcmp(path, text) != 0)
		config_setting_set_string(s, path);
	return path;
}

static void
one_path(struct reader *r, const struct key *k, config_setting_t *s, void *field, size_t skip)
{
	const char *path = path_text(r, s, skip);

	if (path == NULL)
		return;
	if (*path == '\0' && k->min > 0)
		reader_error(r, s, "%s is empty", value_key(s));
	else
		*(const char **)field = *path == '\0' ? NULL : path;
}

void
key_path(struct reader *r, const struct key *k, config_setting_t *s, void *field)
{
	one_path(r, k, s, field, 0);
}

void
key_socket(struct reader *r, const struct key *k, config_setting_t *s, void *field)
{
	const char *text = config_setting_get_string(s), *path;

	one_path(r, k, s, field, text != NULL && strncmp(text, "unix:", 5) == 0 ? 5 : 0);
	path = *(const char **)field;
	if (path != NULL && strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		wrong(r, s, "is longer than the %zu bytes of a socket's path",
		    sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1);
}

void
key_paths(struct reader *r, const struct key *k, config_setting_t *s, void *field)
{
	struct conf_texts *paths = field;

	(void)k;
	paths->items = arena_zalloc(r->arena, value_count(s) + 1, sizeof(*paths->items));
	paths->count = 0;
	for (size_t i = 0; i < value_count(s); i++) {
		config_setting_t *e = value_at(s, i);
		const char *path = path_text(r, e, 0);

		if (path != NULL && *path == '\0')
			reader_error(r, e, "%s: an empty text is no path", value_key(s));
		else if (path != NULL)
			paths->items[paths->count++] = arena_strdup(r->arena, path);
	}
}

/* A name or a number. */
void
key_user(struct reader *r, const struct key *k, config_setting_t *s, void *field)
{
	const char *text;
	int type = config_setting_type(s);

	if (type == CONFIG_TYPE_INT && config_setting_get_int(s) >= 0) {
		*(const char **)field = arena_printf(r->arena, "%d", config_setting_get_int(s));
		return;
	}
	text = line_text(r, s);
	if (text == NULL)
		return;
	if (*text == '\0' && k->min > 0)
		reader_error(r, s, "%s is empty", value_key(s));
	else if (strpbrk(text, " :/") != NULL || strlen(text) > CONF_NAME)
		wrong(r, s, "is no %s", "name of a user or group");
	else
		*(const char **)field = *text == '\0' ? NULL : arena_strdup(r->arena, text);
}

int
is_host_name(const char *s)
{
	size_t label = 0, i;

	for (i = 0; s[i] != '\0'; i++) {
		if (s[i] == '.' && label == 0)
			return 0;
		if (s[i] == '.')
			label = 0;
		else if ((isalnum((unsigned char)s[i]) || s[i] == '-' || s[i] == '_') && label < 63)
			label++;
		else
			return 0;
	}
	return label > 0 && i <= 253;
}

void
key_host(struct reader *r, const struct key *k, config_setting_t *s, void *field)
{
	const char *text = value_text(r, s);

	(void)k;
	if (text == NULL)
		return;
	if (is_host_name(text))
		*(const char **)field = arena_strdup(r->arena, text);
	else
		wrong(r, s, "is no %s", "host name");
}

/* Texts of min to max bytes. */
void
key_texts(struct reader *r, const struct key *k, config_setting_t *s, void *field)
{
	struct conf_texts *texts = field;

	texts->items = arena_zalloc(r->arena, value_count(s) + 1, sizeof(*texts->items));
	texts->count = 0;
	for (size_t i = 0; i < value_count(s); i++) {
		config_setting_t *e = value_at(s, i);
		const char *text = line_text(r, e);

		if (text == NULL)
			continue;
		if (strlen(text) < (size_t)k->min || strlen(text) > (size_t)k->max)
			wrong(r, e, "has not %lld to %lld bytes", (long long)k->min,
			    (long long)k->max);
		else
			texts->items[texts->count++] = arena_strdup(r->arena, text);
	}
}
