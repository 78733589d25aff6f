/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Log lines of every process.
 *
 * Values come from clients, servers and certificates; none of their bytes reaches the line
 * unescaped.  Nothing here waits or allocates: a line is at most PIPE_BUF long, so that a pipe
 * takes it whole or not at all, and what it does not take is counted.
 */
#include "log.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PLAIN_WARNING "warning:"

static_assert(LOG_LINE_MAX <= PIPE_BUF, "a pipe takes a line whole or not at all");

/* Kept free in every line for what says that it was cut, and for its end. */
#define TAIL 16

/* The process's log; until log_open, what a child can say before it knows anything. */
static struct {
	int fd, level, json, with_time;
	int plain;     /* words alone, for a person */
	int is_socket; /* the journal's: shared, so O_NONBLOCK is asked for with every line */
	int torn;      /* a line was written in part: the next one begins with a newline */
	uint64_t lost;
} out = { .fd = STDERR_FILENO, .level = LOG_INFO };

void
log_open(int fd, int level, int json, int with_time)
{
	struct stat st;
	time_t t = 0;
	struct tm tm;

	out.fd = fd;
	out.is_socket = fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
	out.level = level;
	out.json = json;
	out.with_time = with_time;
	out.plain = 0;
	/* The first call looks for the zone's file, which no filter permits later. */
	(void)gmtime_r(&t, &tm);
}

void
log_plain(int fd)
{
	log_open(fd, LOG_WARNING, 0, 0);
	out.is_socket = 0; /* all of it, however slowly it is read */
	out.plain = 1;
}

uint64_t
log_lost(void)
{
	return out.lost;
}

static ssize_t
put_bytes(const char *bytes, size_t len)
{
	if (out.is_socket)
		return send(out.fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	return write(out.fd, bytes, len);
}

static void
write_line(const char *line, size_t len)
{
	ssize_t n;

	if (out.torn) {
		if (put_bytes("\n", 1) != 1) {
			out.lost++;
			return;
		}
		out.torn = 0;
	}
	do
		n = put_bytes(line, len);
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

void
log_begin(struct log_line *l, int level)
{
	const char prefix[3] = { '<', (char)('0' + (level & 7)), '>' };

	l->len = 0;
	l->cut = 0;
	l->level = level;
	if (out.plain) {
		put_text(l, level == LOG_WARNING ? PLAIN_WARNING : "");
		return;
	}
	put(l, prefix, 3);
	if (out.json) {
		put_text(l, "{\"time\":\"");
		put_time(l);
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
	if (l->len > 3)
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
	const char *tail =
	    out.json ? (l->cut ? ",\"cut\":1}\n" : "}\n") : (l->cut ? " cut=1\n" : "\n");
	size_t n = strlen(tail);

	memcpy(l->buf + l->len, tail, n); /* TAIL bytes were kept free */
	l->len += n;
	if (l->level <= out.level)
		write_line(l->buf, l->len);
}

/* ---- Plain events ---- */

static void __attribute__((format(printf, 2, 0))) say(int level, const char *fmt, va_list ap)
{
	char words[LOG_LINE_MAX / 2];
	struct log_line l;
	size_t n, i = 0;
	int res;

	if (level > out.level)
		return;
	res = vsnprintf(words, sizeof(words), fmt, ap);
	n = res < 0 ? 0 : (size_t)res < sizeof(words) ? (size_t)res : sizeof(words) - 1;
	log_begin(&l, level);
	if (out.json)
		put_text(&l, ",\"msg\":\"");
	else if (l.len > 3)
		put_text(&l, " ");
	/* An escape takes up to six bytes, and JSON's closing quote must still fit. */
	for (; i < n && l.len + 6 + 1 < sizeof(l.buf) - TAIL; i++) {
		unsigned char c = (unsigned char)words[i];

		if (out.json)
			put_escaped(&l, &c, 1);
		else if (is_plain(c))
			put(&l, words + i, 1);
		else
			put_hex(&l, c);
	}
	if (out.json)
		put_text(&l, "\"");
	l.cut = i < n || (size_t)res != n;
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

static const char *
spell(const void *in, size_t n, char *out_r, size_t size, const char *special)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *s = in;
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		if (is_plain(s[i]) && !strchr(special, s[i])) {
			if (len + 1 >= size)
				break;
			out_r[len++] = (char)s[i];
			continue;
		}
		if (len + 4 >= size)
			break;
		out_r[len++] = '\\';
		out_r[len++] = 'x';
		out_r[len++] = digits[s[i] >> 4];
		out_r[len++] = digits[s[i] & 15];
	}
	out_r[len] = '\0';
	return out_r;
}

const char *
log_escape(const void *in, size_t n, char *out_r, size_t size)
{
	return spell(in, n, out_r, size, "\"\\");
}

const char *
log_clean(const void *in, size_t n, char *out_r, size_t size)
{
	return spell(in, n, out_r, size, "");
}

void
log_raw(const char *line, size_t len)
{
	/*
	 * What is no line of ours are the last words of a library or a sanitizer; none of ours is
	 * graver than an error, which the journal would show on every terminal.
	 */
	int ours = len >= 3 && line[0] == '<' && line[1] >= '0' + LOG_ERR && line[1] <= '7' &&
	    line[2] == '>';
	int level = ours ? line[1] - '0' : LOG_ERR;
	char buf[LOG_LINE_MAX];
	size_t n = 0;

	if (ours) {
		line += 3;
		len -= 3;
	}
	if (out.plain && level > out.level)
		return;
	if (!out.plain)
		n = (size_t)sprintf(buf, "<%d>", level);
	else if (level == LOG_WARNING)
		n = (size_t)sprintf(buf, PLAIN_WARNING " ");
	for (size_t i = 0; i < len && n < sizeof(buf) - 1; i++)
		buf[n++] = is_plain((unsigned char)line[i]) ? line[i] : '?';
	buf[n++] = '\n';
	write_line(buf, n);
}
