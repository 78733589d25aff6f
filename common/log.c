/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Log lines of every process.
 *
 * Values come from clients, servers and certificates; none of their bytes reaches the line
 * unescaped.  Nothing here waits or allocates: a line is at most PIPE_BUF long, so that a pipe
 * takes it whole or not at all, and what it does not take is counted.
 */
#include "common/log.h"

#include "common/log_put.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PLAIN_WARNING "warning:"

static_assert(LOG_LINE_MAX <= PIPE_BUF, "a pipe takes a line whole or not at all");

/* Kept free in every line for what says whose it is and that it was cut, and for its end. */
#define TAIL 48

/* The process's log; until log_open, what a child can say before it knows anything. */
static struct {
	int fd, level, json, with_time;
	enum log_kind kind;
	int plain;    /* words alone, for a person */
	int torn;     /* a line was written in part: the next one begins with a newline */
	int shared;   /* fd may be others' too */
	int unmarked; /* lines do not begin with their priority */
	char proc[LOG_PROC_MAX]; /* whose lines these are, "" for the master's */
	uint64_t lost;
} out = { .fd = STDERR_FILENO, .level = LOG_INFO };

void
log_open(int fd, int level, int json, int with_time)
{
	time_t t = 0;
	struct tm tm;

	out.fd = fd;
	out.kind = out.shared ? log_kind(fd) : LOG_KIND_PLAIN;
	out.level = level;
	out.json = json;
	out.with_time = with_time;
	out.plain = 0;
	/* The first call looks for the zone's file, which no filter permits later. */
	(void)gmtime_r(&t, &tm);
}

void
log_shared(void)
{
	out.shared = 1;
}

void
log_marked(int on)
{
	out.unmarked = !on;
}

void
log_process(const char *name)
{
	(void)snprintf(out.proc, sizeof(out.proc), "%s", name);
}

void
log_plain(int fd)
{
	log_open(fd, LOG_WARNING, 0, 0);
	out.kind = LOG_KIND_PLAIN; /* all of it, however slowly it is read */
	out.plain = 1;
}

uint64_t
log_lost(void)
{
	return out.lost;
}

static void
write_line(const char *line, size_t len)
{
	ssize_t n;

	if (out.torn) {
		if (log_put(out.fd, out.kind, "\n", 1) != 1) {
			out.lost++;
			return;
		}
		out.torn = 0;
	}
	do
		n = log_put(out.fd, out.kind, line, len);
	while (n == -1 && errno == EINTR);
	if (n == (ssize_t)len)
		return;
	out.lost++;
	out.torn = n > 0;
}

/* ---- A line under construction ---- */

static void
put(struct log_line *l, const char *s, size_t n)
{
	if (l->cut || n > sizeof(l->buf) - TAIL - l->len) {
		l->cut = 1;
		return;
	}
	memcpy(l->buf + l->len, s, n);
	l->len += n;
}

static void
put_text(struct log_line *l, const char *s)
{
	put(l, s, strlen(s));
}

static int
is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f;
}

/* A byte as \xNN or, in JSON, as the character of that number: \u00NN. */
static void
put_hex(struct log_line *l, unsigned char c)
{
	static const char digits[] = "0123456789abcdef";
	char esc[6] = { '\\', out.json ? 'u' : 'x', '0', '0', digits[c >> 4], digits[c & 15] };

	if (out.json) {
		put(l, esc, 6);
	} else {
		esc[2] = esc[4];
		esc[3] = esc[5];
		put(l, esc, 4);
	}
}

/* Bytes that stand in quotes. */
static void
put_escaped(struct log_line *l, const unsigned char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char c = (char)s[i];

		if (!is_plain(s[i])) {
			put_hex(l, s[i]);
			continue;
		}
		if (c == '"' || c == '\\')
			put(l, "\\", 1);
		put(l, &c, 1);
	}
}

static void
put_time(struct log_line *l)
{
	struct timespec now;
	struct tm tm;
	char buf[48];
	int n;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	n = snprintf(buf, sizeof(buf), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
	    tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
	    (int)(now.tv_nsec / 1000000));
	put(l, buf, (size_t)n);
}

/* The words of `log.level`; none of our lines is graver than an error. */
static const char *
level_text(int level)
{
	static const char *const text[8] = { "error", "error", "error", "error", "warning",
		"notice", "info", "debug" };

	return text[level & 7];
}

/* The priority as the journal reads it. */
static void
put_mark(struct log_line *l, int level)
{
	const char mark[3] = { '<', (char)('0' + (level & 7)), '>' };

	l->len = 0;
	l->cut = 0;
	l->level = level;
	if (!out.plain && !out.unmarked)
		put(l, mark, 3);
	l->start = l->len;
}

void
log_begin(struct log_line *l, int level)
{
	put_mark(l, level);
	(void)snprintf(l->proc, sizeof(l->proc), "%s", out.proc);
	if (out.plain) {
		put_text(l, level == LOG_WARNING ? PLAIN_WARNING : "");
	} else if (out.json) {
		put_text(l, "{\"time\":\"");
		put_time(l);
		put_text(l, "\",\"level\":\"");
		put_text(l, level_text(level));
		put_text(l, "\"");
	} else if (out.with_time) {
		put_text(l, "time=");
		put_time(l);
	}
}

static void
put_key(struct log_line *l, const char *key)
{
	if (out.json) {
		put_text(l, ",\"");
		put_text(l, key);
		put_text(l, "\":");
		return;
	}
	if (l->len > l->start)
		put_text(l, " ");
	put_text(l, key);
	put_text(l, "=");
}

/* A field that does not fit is left out as a whole, and so is all that follows it. */
static size_t
field_begin(const struct log_line *l)
{
	return l->len;
}

static void
field_end(struct log_line *l, size_t start)
{
	if (l->cut)
		l->len = start;
}

static int
needs_quotes(const unsigned char *s, size_t n)
{
	if (n == 1 && s[0] == '-') /* which means that there is none */
		return 1;
	for (size_t i = 0; i < n; i++)
		if (!is_plain(s[i]) || strchr(" \"\\=", s[i]))
			return 1;
	return 0;
}

static void
put_field(struct log_line *l, const char *key, const void *value, size_t size, int quoted)
{
	const unsigned char *s = value;
	size_t start = field_begin(l);
	size_t shown = size < LOG_VALUE_MAX ? size : LOG_VALUE_MAX;

	put_key(l, key);
	if (size == 0 && !quoted) {
		put_text(l, out.json ? "\"-\"" : "-");
	} else if (!out.json && !quoted && size == shown && !needs_quotes(s, size)) {
		put(l, value, size);
	} else {
		put_text(l, "\"");
		put_escaped(l, s, shown);
		put_text(l, size > shown ? "...\"" : "\"");
	}
	field_end(l, start);
}

void
log_bytes(struct log_line *l, const char *key, const void *value, size_t size)
{
	put_field(l, key, value, size, 0);
}

void
log_text(struct log_line *l, const char *key, const char *value)
{
	put_field(l, key, value, value ? strlen(value) : 0, 0);
}

void
log_quoted(struct log_line *l, const char *key, const char *value)
{
	put_field(l, key, value, value ? strlen(value) : 0, 1);
}

void
log_number(struct log_line *l, const char *key, uint64_t value)
{
	size_t start = field_begin(l);
	char buf[24];
	int n = snprintf(buf, sizeof(buf), "%llu", (unsigned long long)value);

	put_key(l, key);
	put(l, buf, (size_t)n);
	field_end(l, start);
}

void
log_end(struct log_line *l)
{
	const char *cut = out.json ? ",\"cut\":1" : " cut=1",
		   *between = l->len > l->start ? " " : "";
	char *at = l->buf + l->len; /* TAIL bytes were kept free */

	if (l->proc[0] && out.json)
		at += sprintf(at, ",\"proc\":\"%s\"", l->proc);
	else if (l->proc[0])
		at += sprintf(at, "%sproc=%s", between, l->proc);
	at = stpcpy(at, l->cut ? cut : "");
	at = stpcpy(at, out.json ? "}\n" : "\n");
	l->len = (size_t)(at - l->buf);
	if (l->level <= out.level)
		write_line(l->buf, l->len);
}

/* ---- Plain events ---- */

/* The rest of the line: free words, behind whose they are. */
static void
put_words(struct log_line *l, const char *words, size_t n)
{
	size_t i = 0;

	if (out.json) {
		put_text(l, ",\"msg\":\"");
	} else {
		if (l->proc[0])
			log_text(l, "proc", l->proc);
		l->proc[0] = '\0';
		put_text(l, l->len > l->start ? " " : "");
	}
	/* An escape takes up to six bytes, and JSON's closing quote must still fit. */
	for (; i < n && l->len + 6 + 1 < sizeof(l->buf) - TAIL; i++) {
		unsigned char c = (unsigned char)words[i];

		if (out.json)
			put_escaped(l, &c, 1);
		else if (is_plain(c))
			put(l, words + i, 1);
		else
			put_hex(l, c);
	}
	if (out.json)
		put_text(l, "\"");
	l->cut = i < n;
}

static void __attribute__((format(printf, 2, 0))) say(int level, const char *fmt, va_list ap)
{
	char words[LOG_LINE_MAX / 2];
	struct log_line l;
	size_t n;
	int res;

	if (level > out.level)
		return;
	res = vsnprintf(words, sizeof(words), fmt, ap);
	n = res < 0 ? 0 : (size_t)res < sizeof(words) ? (size_t)res : sizeof(words) - 1;
	log_begin(&l, level);
	put_words(&l, words, n);
	l.cut |= (size_t)res != n;
	log_end(&l);
}

void
log_say(int level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(level, fmt, ap);
	va_end(ap);
}

void
fatal(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(LOG_ERR, fmt, ap);
	va_end(ap);
	_exit(1); /* behind a filter, what exit() would call may not be permitted */
}

/* The line without this field at its front. */
static void
skip_field(const char **line, size_t *len, const char *key)
{
	const char *end;

	if (*len < strlen(key) || strncmp(*line, key, strlen(key)) != 0)
		return;
	end = memchr(*line, ' ', *len);
	end = end ? end + 1 : *line + *len;
	*len -= (size_t)(end - *line);
	*line = end;
}

/* A line that is not in the log's form gets it. */
static void
raw_words(const char *proc, int level, const char *line, size_t len)
{
	char words[LOG_LINE_MAX];
	struct log_line l;
	size_t n = 0;

	skip_field(&line, &len, "time=");
	skip_field(&line, &len, "proc=");
	for (; n < len && n < sizeof(words); n++)
		words[n] = is_plain((unsigned char)line[n]) ? line[n] : '?';
	log_begin(&l, level);
	(void)snprintf(l.proc, sizeof(l.proc), "%s", proc);
	put_words(&l, words, n);
	l.cut |= n < len;
	l.level = LOG_ERR; /* its level was for the child to look at */
	log_end(&l);
}

/* Whether a child's line, behind its priority, can go out as it is. */
static int
is_formed(const char *line, size_t len)
{
	if (out.json)
		return len > 1 && line[0] == '{' && line[len - 1] == '}';
	return !out.with_time || (len > 0 && line[0] == '{') ||
	    (len > 5 && strncmp(line, "time=", 5) == 0);
}

void
log_raw(const char *proc, const char *line, size_t len)
{
	/*
	 * What is no line of ours are the last words of a library or a sanitizer; none of ours is
	 * graver than an error, which the journal would show on every terminal.
	 */
	int ours = len >= 3 && line[0] == '<' && line[1] >= '0' + LOG_ERR && line[1] <= '7' &&
	    line[2] == '>';
	int level = ours ? line[1] - '0' : LOG_ERR;
	struct log_line l;

	if (ours) {
		line += 3;
		len -= 3;
	}
	if (out.plain && level > out.level)
		return;
	if (out.plain) {
		skip_field(&line, &len, "time=");
		skip_field(&line, &len, "proc=");
	}
	if (!out.plain && (!ours || !is_formed(line, len))) {
		raw_words(proc, level, line, len);
		return;
	}
	put_mark(&l, level);
	put_text(&l, out.plain && level == LOG_WARNING ? PLAIN_WARNING " " : "");
	if (len > sizeof(l.buf) - 1 - l.len)
		len = sizeof(l.buf) - 1 - l.len;
	for (size_t i = 0; i < len; i++)
		l.buf[l.len++] = is_plain((unsigned char)line[i]) ? line[i] : '?';
	l.buf[l.len++] = '\n';
	write_line(l.buf, l.len);
}
