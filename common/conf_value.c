/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Values as libconfig holds them: lists, arrays and single values alike, and how a value looks in
 * a message.
 */
#include "conf_int.h"

#include <string.h>

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

const char *
value_text(struct reader *r, const config_setting_t *s)
{
	const char *text = config_setting_get_string(s);

	if (config_setting_type(s) == CONFIG_TYPE_STRING && text != NULL)
		return text;
	value_wrong(r, s, "is no text; %s",
	    config_setting_is_aggregate(s) ? "one value in quotes stands here" :
					     "write it in quotes");
	return NULL;
}
