/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Readers of texts: names, paths, users, host names, called through the table of keys.  What
 * comes out of here has no control character in it, and paths are absolute; the file system is
 * not asked.
 */
#include "common/conf/int.h"

#include <ctype.h>
#include <string.h>
#include <sys/un.h>

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

	if (!text || !has_control(text))
		return text;
	reader_error(r, s, "%s has a control character in it", value_key(s));
	return NULL;
}

void
key_text(struct reader *r, const struct key *k, config_setting_t *s, void *field)
{
	const char *text = line_text(r, s);

	(void)k;
	if (text)
		*(const char **)field = *text == '\0' ? NULL : arena_strdup(r->arena, text);
}

/* What is sent to a server or awaited from it: line ends are part of it. */
void
key_payload(struct reader *r, const struct key *k, config_setting_t *s, void *field)
{
	const char *text = value_text(r, s);

	(void)k;
	if (text && strlen(text) > 512)
		reader_error(r, s, "%s is longer than 512 bytes", value_key(s));
	else if (text)
		*(const char **)field = *text == '\0' ? NULL : arena_strdup(r->arena, text);
}

void
key_name(struct reader *r, const struct key *k, config_setting_t *s, void *field)
{
	const char *text = value_text(r, s);

	(void)k;
	if (!text)
		return;
	if (*text == '\0')
		reader_error(r, s, "%s is empty", value_key(s));
	else if (strlen(text) > CONF_NAME)
		value_wrong(r, s, "is longer than %d bytes", CONF_NAME);
	else if (has_control(text) || strpbrk(text, " /\""))
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

	if (!text || *text == '\0')
		return text;
	path = text + skip;
	if (*path != '/' && !r->dir) {
		value_wrong(r, s, "%s", "is not an absolute path");
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

	if (!path)
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

	one_path(r, k, s, field, text && strncmp(text, "unix:", 5) == 0 ? 5 : 0);
	path = *(const char **)field;
	if (path && strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		value_wrong(r, s, "is longer than the %zu bytes of a socket's path",
		    sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1);
}

const char *
value_path(struct reader *r, config_setting_t *s)
{
	return path_text(r, s, 0);
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
	if (!text)
		return;
	if (*text == '\0' && k->min > 0)
		reader_error(r, s, "%s is empty", value_key(s));
	else if (strpbrk(text, " :/") || strlen(text) > CONF_NAME)
		value_wrong(r, s, "is not a %s", "name of a user or group");
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
	if (!text)
		return;
	if (is_host_name(text))
		*(const char **)field = arena_strdup(r->arena, text);
	else
		value_wrong(r, s, "is not a %s", "host name");
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

		if (!text)
			continue;
		if (strlen(text) < (size_t)k->min || strlen(text) > (size_t)k->max)
			value_wrong(r, e, "has %zu bytes; it may have %lld to %lld", strlen(text),
			    (long long)k->min, (long long)k->max);
		else
			texts->items[texts->count++] = arena_strdup(r->arena, text);
	}
}
