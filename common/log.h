/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Log lines: key=value text or JSON, one line an event, every byte from outside escaped, and
 * never a wait: a line that the descriptor does not take at once is counted and lost.
 *
 * Children write to the pipe that the master gave them; the master passes whole lines on to
 * stderr.  A child's lines, and the master's towards the journal, begin with a syslog priority,
 * "<6>"; JSON has "level" besides.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stddef.h>
#include <stdint.h>
#include <syslog.h>

#define LOG_LINE_MAX  4096 /* with its newline; a longer line is cut, visibly */
#define LOG_VALUE_MAX 512  /* of one value, before escaping */
#define LOG_PROC_MAX  16   /* of a process's name: "worker1023" */

/*
 * fd is written to without blocking: it is in non-blocking mode, or log_shared was called before;
 * the process ignores SIGPIPE.
 * with_time puts time= first in text; JSON always has "time".  Until this is called, lines go to
 * stderr as text, up to LOG_INFO.
 */
void log_open(int fd, int level, int json, int with_time);

/*
 * The log may be somebody else's too, so that its mode is not ours to change.  For the master alone:
 * no child's filter has the calls that this takes.
 */
void log_shared(void);

/* Whether lines begin with their priority; at first they do. */
void log_marked(int on);

/* Every line says whose it is: proc=NAME, behind time= before free words, else last. */
void log_process(const char *name);

/*
 * The same for `mailreeve -t`, which speaks to a person or an editor: only errors, as they are, and
 * warnings behind that word, without priority and time.  fd may block.
 */
void log_plain(int fd);

/* How many lines were lost so far. */
uint64_t log_lost(void);

/*
 * A plain event: "msg" in JSON, the bare words in text, where quotes and backslashes stand as they
 * are: bytes from outside pass log_escape first.  level: LOG_ERR ... LOG_DEBUG.
 */
void log_say(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same, then the end of the process with status 1. */
void fatal(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/*
 * A line of fields, in the order in which they are added.  A value of more than LOG_VALUE_MAX
 * bytes ends with "...".  A field that does not fit in the line is left out, and so are those
 * after it; the line then ends with cut=1.  Keys are the program's own words.
 */
struct log_line {
	char buf[LOG_LINE_MAX];
	size_t len, start; /* behind the priority */
	char proc[LOG_PROC_MAX];
	int level;
	int cut; /* something did not fit */
};
void log_begin(struct log_line *l, int level);
/* A bare word in text where it needs no quotes, else quoted; NULL or "" is "-". */
void log_text(struct log_line *l, const char *key, const char *value);
void log_bytes(struct log_line *l, const char *key, const void *value, size_t size);
/* The same, always in quotes. */
void log_quoted(struct log_line *l, const char *key, const char *value);
void log_number(struct log_line *l, const char *key, uint64_t value);
void log_end(struct log_line *l);

/*
 * The master, for its children's lines: write a line, given without its newline.  Its bytes are
 * not trusted: what is not printable ASCII becomes `?`.  A line without a priority is an error.  What
 * is not in the form of the log (JSON, time=) becomes words of it, from proc.  After log_plain, what
 * is no error or warning is left out.
 */
void log_raw(const char *proc, const char *line, size_t len);

#endif
