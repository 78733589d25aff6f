/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What is said over the control socket: the commands, and the form of their answers.  The master
 * serves the list below, mailreevectl passes words on and knows from the same list how an answer
 * is built; `make docs` holds mailreevectl(8) to it.
 *
 * One line a connection, and in it one command, or several that are divided by `;`: they run one
 * after the other, each with an answer.  An answer is lines of text and ends with an empty line; no
 * other line of it is empty.  One whose first line begins with CONTROL_ERROR says why nothing was
 * done; the commands after it run nevertheless.
 */
#ifndef COMMON_CONTROL_H
#define COMMON_CONTROL_H

#include <stddef.h>

#define CONTROL_LINE   4096 /* bytes of a command with its newline; a longer one is refused */
#define CONTROL_ERROR  "error: "
#define CONTROL_SOCKET "/run/mailreeve/control.sock"
#define CONTROL_WHERE  "/run/mailreeve/socket" /* a line: the running master's socket */
#define CONTROL_PATH   108                     /* bytes of a socket's path with its NUL: sun_path */

/* How the lines of a good answer are to be read. */
enum control_shape {
	SHAPE_WORDS,  /* lines for people */
	SHAPE_KEYS,   /* `Name: value` each, as HAProxy's show info */
	SHAPE_STATE,  /* HAProxy's show servers state: a version, a `# ` head, then rows */
	SHAPE_TABLE,  /* a `# ` head with the columns' names, then rows; below */
	SHAPE_STATUS, /* first line control_verdict_text and the reasons; lines; then a table */
};
/*
 * Rows of SHAPE_TABLE and SHAPE_STATUS: values parted by one blank, `-` for none; the last column
 * may hold blanks and goes to the end of the line.  mailreevectl aligns them for people.
 */

/* clang-format off */
/*    name          words                 reads  shape         what it does */
#define CONTROL_COMMANDS(X) \
	X(HELP,         "help",               1,     SHAPE_WORDS,  "this list") \
	X(RELOAD_CERTS, "reload certificates", 0,  SHAPE_WORDS,  "read certificates, keys, CAs and CRLs again, not the configuration") \
	X(RELOAD,       "reload",             0,     SHAPE_WORDS,  "read the configuration and its files again") \
	X(SHOW_INFO,    "show info",          1,     SHAPE_KEYS,   "the running instance: version, counters, memory") \
	X(SHOW_STATE,   "show servers state", 1,     SHAPE_STATE,  "every server's state, as HAProxy prints it") \
	X(SHOW_WORKERS, "show workers",       1,     SHAPE_TABLE,  "processes: generation, age, memory, connections") \
	X(UPGRADE,      "upgrade",            0,     SHAPE_WORDS,  "become the program that is on the disk now") \
	X(STATUS,       "status",             1,     SHAPE_STATUS, "servers and frontends, with reasons")
/* clang-format on */

enum control_name {
#define X(name, words, reads, shape, help) CONTROL_##name,
	CONTROL_COMMANDS(X)
#undef X
	    CONTROL_COUNT
};

struct control_command {
	const char *words;
	int reads; /* changes nothing: served on the monitor socket too */
	enum control_shape shape;
	const char *help;
};
extern const struct control_command control_commands[CONTROL_COUNT];

/*
 * Which command a line begins with, any blanks between its words; *rest_r, if not NULL, points to
 * what follows it in the line ("" if nothing does).  Returns an enum control_name, or -1.
 */
int control_find(const char *line, const char **rest_r);

/* The next command of a line that may hold several, NULL at its end.  Cuts the line; *line moves on. */
char *control_next(char **line);

/* What `status` finds; mailreevectl's exit code. */
enum control_verdict {
	VERDICT_OK = 0,
	VERDICT_WARNING =
	    1, /* a server down, a reload or an upgrade refused: somebody should look */
	VERDICT_CRITICAL = 2, /* a frontend has no server left */
};
/* "OK: ", "WARNING: ", "CRITICAL: ": the reasons follow. */
const char *control_verdict_text(enum control_verdict v);
/* The verdict that a first line of `status` begins with, or -1. */
int control_verdict_find(const char *line);

/* The socket that the file `where` names, in path_r.  Returns 1, or 0: it names none. */
int control_where(const char *where, char path_r[CONTROL_PATH]);

#endif
