/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What the files conf*.c share: the reader of one configuration, the table of all keys, and the
 * half-read frontends and backends.  Nobody else includes this.
 */
#ifndef COMMON_CONF_INT_H
#define COMMON_CONF_INT_H

#include "common/arena.h"
#include "common/conf.h"
#include "common/nearest.h"

#include <libconfig.h>
#include <stddef.h>
#include <stdint.h>

/* Where lines of the merged text came from; item n is line n + 1. */
struct conf_origin {
	const char *file;
	int line;
};
struct conf_lines {
	struct conf_origin *items;
	size_t count;
};

/* A frontend while it is read. */
struct front {
	struct conf_frontend f; /* protocol PROTO_COUNT: not given */
	const char *backend;
	int backend_line;
	config_setting_t *bind, *tls, *routes;
	struct route *read_routes; /* as many as f.routes */
};

struct route {
	struct conf_route r;
	const char *backend;
	int backend_line;
};

/* A backend while it is read. */
struct back {
	struct conf_backend b; /* protocol PROTO_COUNT: not given */
	struct conf_timeouts timeouts;
	config_setting_t *servers, *check_tls;
};

/* The top level while it is read. */
struct top {
	struct conf c; /* first: conf_new's allocation is one of these */
	config_setting_t *frontends, *backends;
};

/* What is wrong, until it can be told in the order of the file. */
struct note {
	enum problem_kind kind;
	int line; /* of the merged text */
	size_t order;
	const char *text;
};

/* The groups of the file. */
enum scope {
	SCOPE_TOP,
	SCOPE_CONTROL,
	SCOPE_LOG,
	SCOPE_TIMEOUTS,
	SCOPE_TLS,
	SCOPE_FRONT,
	SCOPE_FRONT_TIMEOUTS,
	SCOPE_FRONT_TLS,
	SCOPE_CERTIFICATE,
	SCOPE_ROUTE,
	SCOPE_BACK,
	SCOPE_BACK_TIMEOUTS,
	SCOPE_BACK_TLS,
	SCOPE_CHECK,
	SCOPE_CHECK_TLS,
	SCOPE_SERVER,
	SCOPE_COUNT
};

struct reader {
	struct top *top;
	struct conf *conf; /* &top->c */
	struct arena *arena;
	const char *dir; /* absolute, where relative paths start; NULL: there must be none */
	struct note *notes;
	size_t note_count, note_room, errors;
	struct front *fronts; /* as many as conf->frontends */
	struct back *backs;
	size_t listener_room, server_room;
	/* read_group, for readers of values that are groups: the table of keys names these readers */
	void (*read_group)(struct reader *r, config_setting_t *s, enum scope scope, void *base);
};

/* A word of the file and what it stands for; a table ends with a NULL word. */
struct word {
	const char *word;
	int value;
};

/* One key: where it may stand, who reads its value, and where the value goes. */
struct key {
	uint32_t where; /* 1 << enum scope, or-ed */
	const char *name;
	void (*read)(struct reader *r, const struct key *k, config_setting_t *s, void *field);
	size_t offset; /* in the struct of the group */
	int64_t min, max;
	const struct word *words;
	enum scope group; /* key_group: whose keys stand in it */
	int off;          /* key_duration: 0 stands for never, though it is below min */
};

/* conf.c: conf_parse with the canonical text of conf_load, which the fuzzer compares. */
struct conf *conf_canonical(
    const char *text, const char *name, const char *dir, struct problems *p, char **text_r);

/* note.c: problems, in the file's order. */
void reader_error(struct reader *r, const config_setting_t *s, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void reader_error_at(struct reader *r, int line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void reader_warn_at(struct reader *r, int line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Move all notes to *p, sorted by line. */
void reader_tell(struct reader *r, struct problems *p);
/* "line 20", or "FILE:20" where that is another file than that of line `from`. */
const char *reader_line(struct reader *r, int line, int from);

/*
 * text.c: one text out of the file and its includes, numbers that libconfig would wrap made
 * recognisable, groups in [ ] reported.  dir NULL: there must be no include.  Returns the text
 * (malloc) or NULL; what is wrong is noted.
 */
char *conf_text_read(struct reader *r, const char *path);
char *conf_text_merge(struct reader *r, const char *text, const char *name);

/*
 * file.c: the whole of a file (malloc), which must be a regular one: nothing that may block
 * or has no end.  NULL with words for what is wrong.
 */
enum { CONF_TEXT = 8 << 20 };
char *conf_file_read(const char *path, const char **why_r);
/* syntax.c: a text that stands in no quotes or in other ones than these ". */
struct unquoted {
	const char *text;
	size_t len;
	const char *end;  /* behind it */
	const char *word; /* not a text but this word was meant; NULL */
};
int syntax_unquoted(const char *at, struct unquoted *u_r);
/* What to do with a file of another program, and the line that gives it away; NULL: it is ours. */
const char *syntax_foreign(const char *text, int *line_r);

/*
 * canon.c: the canonical text (malloc), and, when that is read again, the lines that the
 * administrator wrote instead of its own.
 */
char *canon_write(struct reader *r, config_t *tree);
void canon_lines(struct reader *r, const char *text);

/* words.c */
extern const struct word words_protocol[], words_balance[], words_send_proxy[], words_check_type[],
    words_sandbox[], words_level[], words_format[], words_connections[], words_client[],
    words_mode[], words_verify[], words_back_verify[], words_policy[], words_version[],
    words_receiver[], words_resolve[], words_tlvs[], words_down[], words_up[], words_check_proxy[],
    words_initial[];
const char *word_name(const struct word *words, int value);
/* Ours for a word of another program, or NULL. */
const char *word_foreign(const struct word *words, const char *text);

/* keys.c: read all keys of a group into base. */
void read_group(struct reader *r, config_setting_t *s, enum scope scope, void *base);

/* read.c, read_text.c: readers of values.  field is where the value goes. */
typedef void key_reader(struct reader *r, const struct key *k, config_setting_t *s, void *field);
key_reader key_group, key_later, key_number, key_port, key_bool, key_off, key_duration, key_word,
    key_bits, key_version, key_text, key_payload, key_name, key_path, key_user, key_host, key_texts,
    key_connections, key_socket;
/* value.c.  A list, an array or a single value: how many, and which. */
size_t value_count(const config_setting_t *s);
config_setting_t *value_at(config_setting_t *s, size_t n);
/* The name of a key or of the key whose element this is. */
const char *value_key(const config_setting_t *s);
/* The value for a message: "\"x\"", "5", "true", "{ ... }". */
const char *value_shown(struct reader *r, const config_setting_t *s);
/* KEY = VALUE and what is wrong with it. */
#define value_wrong(r, s, fmt, ...) \
	reader_error(r, s, "%s = %s " fmt, value_key(s), value_shown(r, s), __VA_ARGS__)
/* Its text as an absolute path, or NULL and an error; "" stays "". */
const char *value_path(struct reader *r, config_setting_t *s);
/* Its text, or NULL and an error. */
const char *value_text(struct reader *r, const config_setting_t *s);
/* Say what is wrong with something that should be an address with a port: to listen on, or not. */
void value_wrong_address(struct reader *r, const config_setting_t *s, int bind);
/* Whether this is a DNS name (1 to 253 bytes of letters, digits, `-`, `_` and dots). */
int is_host_name(const char *s);

/* front.c and back.c */
key_reader key_certificates, key_ips, key_address, key_check, key_back_tls;
void read_frontends(struct reader *r);
void read_backends(struct reader *r);
/* After it is known who uses the backend: what its checks do about TLS. */
/* Whether the check says tls = false. */
int check_is_plain(const struct back *b);
void read_check_tls(struct reader *r, struct back *b);

/* check.c: names to indexes, defaults that hang on others, and what contradicts. */
void check_all(struct reader *r);
/* warn.c */
void warn_all(struct reader *r);

#endif
