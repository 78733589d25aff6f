/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Answers as JSON, for scripts.  mailreevectl; the bytes are the master's.
 */
#include "ctl/json.h"

#include "ctl/show.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* A text that JSON can hold. */
static json_t *
text(const char *s, size_t n)
{
	json_t *j = json_stringn(s, n);
	char *ascii;

	if (j)
		return j;
	ascii = strndup(s, n);
	if (!ascii)
		return NULL;
	for (char *p = ascii; *p; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	j = json_string(ascii);
	free(ascii);
	return j;
}

/* A number where the whole value is one in its usual spelling ("007" and "+1" are names). */
static json_t *
value(const char *s, size_t n)
{
	size_t digits = n > 0 && s[0] == '-' ? 1 : 0;
	char *end;
	long long number;

	if (n == 0 || (n == 1 && s[0] == '-'))
		return json_null();
	if (strspn(s + digits, "0123456789") < n - digits || (s[digits] == '0' && n > 1))
		return text(s, n);
	errno = 0;
	number = strtoll(s, &end, 10);
	if (errno == ERANGE || (size_t)(end - s) != n)
		return text(s, n);
	return json_integer(number);
}

/* Rows below the head that stands at line `head`: one object each. */
static json_t *
rows(const struct answer *a, size_t head)
{
	json_t *list = json_array();
	size_t columns = show_columns(a->lines[head]);

	for (size_t i = head + 1; i < a->count; i++) {
		json_t *object = json_object();
		const char *names = a->lines[head] + 2, *at = a->lines[i], *name, *s;

		for (size_t c = 0; c < columns; c++) {
			size_t name_n = show_value(&names, 0, &name);
			size_t n = show_value(&at, c + 1 == columns, &s);
			char *key = strndup(name, name_n);

			if (key)
				json_object_set_new(object, key, value(s, n));
			free(key);
		}
		json_array_append_new(list, object);
	}
	return list;
}

static json_t *
keys(const struct answer *a)
{
	json_t *object = json_object();

	for (size_t i = 0; i < a->count; i++) {
		char *colon = strstr(a->lines[i], ":");
		char *key;
		const char *s;

		if (!colon)
			continue;
		key = strndup(a->lines[i], (size_t)(colon - a->lines[i]));
		s = colon + 1 + strspn(colon + 1, " ");
		if (key)
			json_object_set_new(object, key, value(s, strlen(s)));
		free(key);
	}
	return object;
}

static json_t *
words(const struct answer *a)
{
	json_t *list = json_array();

	for (size_t i = 0; i < a->count; i++)
		json_array_append_new(list, text(a->lines[i], strlen(a->lines[i])));
	return json_pack("{so}", "answer", list);
}

/* HAProxy's version line, then the table. */
static json_t *
state(const struct answer *a)
{
	if (a->count < 2 || show_columns(a->lines[1]) == 0)
		return NULL;
	return json_pack(
	    "{so,so}", "version", value(a->lines[0], strlen(a->lines[0])), "servers", rows(a, 1));
}

static json_t *
status(const struct answer *a)
{
	int verdict = a->count > 0 ? control_verdict_find(a->lines[0]) : -1;
	json_t *more = json_array();
	size_t head = 1;

	if (verdict == -1) {
		json_decref(more);
		return NULL;
	}
	for (; head < a->count && show_columns(a->lines[head]) == 0; head++)
		json_array_append_new(more, text(a->lines[head], strlen(a->lines[head])));
	return json_pack("{si,so,so,so}", "status", verdict, "text",
	    text(a->lines[0], strlen(a->lines[0])), "more", more, "rows",
	    head < a->count ? rows(a, head) : json_array());
}

char *
json_answer(enum control_shape shape, const struct answer *a)
{
	json_t *j = NULL;
	char *out;

	switch (shape) {
	case SHAPE_WORDS:
		j = words(a);
		break;
	case SHAPE_KEYS:
		j = keys(a);
		break;
	case SHAPE_STATE:
		j = state(a);
		break;
	case SHAPE_TABLE:
		j = a->count > 0 && show_columns(a->lines[0]) > 0 ? rows(a, 0) : NULL;
		break;
	case SHAPE_STATUS:
		j = status(a);
		break;
	}
	out = j ? json_dumps(j, JSON_INDENT(2)) : NULL;
	json_decref(j);
	return out;
}

char *
json_error(const char *why)
{
	json_t *j = json_pack("{so}", "error", text(why, strlen(why)));
	char *out = j ? json_dumps(j, JSON_INDENT(2)) : NULL;

	json_decref(j);
	return out;
}
