/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Readers of numbers, durations, words and groups: one per kind of value, called through the
 * table of keys.  Each writes its field or notes what is wrong, with the remedy; none knows what
 * the value is for.
 */
#include "common/conf/int.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What a value in the place of a group probably was to be: the key that says the most there. */
static const struct {
	enum scope scope;
	const char *key;
} first_keys[] = { { SCOPE_CHECK, "type" }, { SCOPE_CONTROL, "socket" }, { SCOPE_LOG, "level" },
	{ SCOPE_BACK_TLS, "verify" }, { SCOPE_CHECK_TLS, "verify" } };

static void
no_group(struct reader *r, const struct key *k, const config_setting_t *s)
{
	int is_bool = config_setting_type(s) == CONFIG_TYPE_BOOL;

	if (is_bool && k->group == SCOPE_CHECK && !config_setting_get_bool(s)) {
		value_wrong(r, s, "is not a group; write %s", "check = { type = \"none\"; }");
		return;
	}
	if (is_bool && !config_setting_get_bool(s)) {
		value_wrong(r, s, "is not a group; leave %s out instead", k->name);
		return;
	}
	for (size_t i = 0; i < sizeof(first_keys) / sizeof(first_keys[0]); i++)
		if (first_keys[i].scope == k->group &&
		    config_setting_type(s) == CONFIG_TYPE_STRING) {
			value_wrong(r, s, "is not a group; write %s = { %s = %s; }", k->name,
			    first_keys[i].key, value_shown(r, s));
			return;
		}
	value_wrong(r, s, "is not a group; write %s = { … }", k->name);
}

void
key_group(struct reader *r, const struct key *k, config_setting_t *s, void *field)
{
	if (config_setting_is_group(s))
		r->read_group(r, s, k->group, field);
	else
		no_group(r, k, s);
}

void
key_later(struct reader *r, const struct key *k, config_setting_t *s, void *field)
{
	(void)r;
	(void)k;
	*(config_setting_t **)field = s;
}

static int
is_whole(const config_setting_t *s)
{
	int type = config_setting_type(s);

	return type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64;
}

static void
no_number(struct reader *r, const struct key *k, const config_setting_t *s)
{
	const char *text = config_setting_get_string(s);

	if (text && *text != '\0' && text[strspn(text, "0123456789")] == '\0')
		value_wrong(r, s, "is not a whole number; %s", "write it without quotes");
	else
		value_wrong(r, s, "is not a whole number; it may be %lld to %lld",
		    (long long)k->min, (long long)k->max);
}

static int
number(struct reader *r, const struct key *k, const config_setting_t *s, long long *n_r)
{
	if (!is_whole(s)) {
		no_number(r, k, s);
		return -1;
	}
	*n_r = config_setting_get_int64(s);
	if (*n_r >= k->min && *n_r <= k->max)
		return 0;
	value_wrong(
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

static void
no_bool(struct reader *r, const config_setting_t *s)
{
	static const char *const on[] = { "1", "true", "yes", "on" },
				 *const off[] = { "0", "false", "no", "off" };
	const char *text = config_setting_get_string(s);

	if (!text)
		text = value_shown(r, s);
	for (size_t i = 0; i < sizeof(on) / sizeof(on[0]); i++) {
		if (strcasecmp(text, on[i]) != 0 && strcasecmp(text, off[i]) != 0)
			continue;
		value_wrong(r, s, "is neither true nor false; write %s, without quotes",
		    strcasecmp(text, on[i]) == 0 ? "true" : "false");
		return;
	}
	value_wrong(r, s, "is neither true nor false; write %s", "one of them, without quotes");
}

void
key_bool(struct reader *r, const struct key *k, config_setting_t *s, void *field)
{
	(void)k;
	if (config_setting_type(s) == CONFIG_TYPE_BOOL)
		*(int *)field = config_setting_get_bool(s);
	else
		no_bool(r, s);
}

/* A switch that is on unless it says false; the field says that it is off. */
void
key_off(struct reader *r, const struct key *k, config_setting_t *s, void *field)
{
	(void)k;
	if (config_setting_type(s) == CONFIG_TYPE_BOOL)
		*(int *)field = !config_setting_get_bool(s);
	else
		no_bool(r, s);
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
		value_wrong(r, s, "has no unit; write \"%s\"", "0s");
	else
		value_wrong(r, s, "has no unit; write \"%lldms\" or \"%llds\"", n,
		    n % 1000 == 0 ? n / 1000 : n);
}

void
key_duration(struct reader *r, const struct key *k, config_setting_t *s, void *field)
{
	const char *text = config_setting_get_string(s);
	const struct unit *u = units, *end = units + sizeof(units) / sizeof(units[0]);
	size_t digits;
	long long n;

	if (is_whole(s) && config_setting_get_int64(s) >= 0) {
		no_unit(r, s, value_shown(r, s));
		return;
	}
	if (!text) {
		value_wrong(r, s, "is not a duration; write it as in %s", "\"5s\"");
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
		value_wrong(
		    r, s, "is not a duration; write a number and one of %s", "ms, s, m, h, d");
		return;
	}
	n = strtoll(text, NULL, 10); /* LLONG_MAX if there are more digits than fit */
	if (n > k->max / u->ms || (n * u->ms < k->min && !(k->off && n == 0)) || n * u->ms > k->max)
		value_wrong(r, s, "is out of range; it may be %s to %s", duration_text(r, k->min),
		    duration_text(r, k->max));
	else
		*(uint32_t *)field = (uint32_t)(n * u->ms);
}

/* "a", "b" or "c" */
static const char *
all_words(struct reader *r, const struct word *w)
{
	const char *text = arena_printf(r->arena, "\"%s\"", w->word);

	for (w++; w->word; w++)
		text =
		    arena_printf(r->arena, "%s%s\"%s\"", text, !w[1].word ? " or " : ", ", w->word);
	return text;
}

/* A text, or the words that may stand in the place of what is none. */
static const char *
word_text(struct reader *r, const struct key *k, const config_setting_t *s)
{
	const char *ours;

	if (config_setting_is_aggregate(s) || config_setting_type(s) == CONFIG_TYPE_STRING)
		return value_text(r, s);
	ours = word_foreign(k->words, value_shown(r, s));
	if (config_setting_type(s) == CONFIG_TYPE_BOOL && !config_setting_get_bool(s))
		ours = word_foreign(k->words, "off");
	if (ours)
		value_wrong(r, s, "is not a string; did you mean \"%s\"?", ours);
	else
		value_wrong(r, s, "is not a string; it may be %s", all_words(r, k->words));
	return NULL;
}

static const struct word *
find_word(struct reader *r, const struct key *k, const config_setting_t *s)
{
	const char *text = word_text(r, k, s), *ours;
	struct nearest near = { .wanted = text };

	if (!text)
		return NULL;
	ours = word_foreign(k->words, text);
	for (const struct word *w = k->words; w->word; w++) {
		if (strcmp(w->word, text) == 0)
			return w;
		nearest_try(&near, w->word);
	}
	if (ours || near.best)
		value_wrong(r, s, "is unknown; did you mean \"%s\"?", ours ? ours : near.best);
	else
		value_wrong(r, s, "is unknown; it may be %s", all_words(r, k->words));
	return NULL;
}

void
key_word(struct reader *r, const struct key *k, config_setting_t *s, void *field)
{
	const struct word *w = find_word(r, k, s);

	/* An enum or an int: both are of this size. */
	if (w)
		memcpy(field, &w->value, sizeof(w->value));
}

void
key_bits(struct reader *r, const struct key *k, config_setting_t *s, void *field)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < value_count(s); i++) {
		const struct word *w = find_word(r, k, value_at(s, i));

		if (w)
			bits |= (uint32_t)w->value;
	}
	*(uint32_t *)field = bits;
}

void
key_version(struct reader *r, const struct key *k, config_setting_t *s, void *field)
{
	const struct word *w = find_word(r, k, s);

	if (w)
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
