/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * One question to the master and its answer, over the control socket.
 */
#ifndef CTL_ANSWER_H
#define CTL_ANSWER_H

#include <stddef.h>

#define ANSWER_MAX  (64U << 20) /* bytes; more than 8,192 servers can need */
#define ANSWER_WAIT 120000      /* milliseconds without a byte: a reload may take its time */

struct answer {
	char *text;   /* what came, cut into lines in place */
	char **lines; /* without their newlines; they point into text */
	size_t count;
	int whole; /* the empty line at the end came */
};

/*
 * Connect to the socket at path.  Returns the descriptor (the caller's), or -1 with the reason in
 * words for the administrator in why[size].
 */
int answer_connect(const char *path, char *why, size_t size);

/*
 * Send a line (without its newline) and read the answer to its end; fd stays open.  Waits at most
 * wait_ms for each next byte.  Returns 0 with *a_r filled (answer_free) though perhaps not whole,
 * or -1 with the reason in why[size].
 */
int answer_ask(int fd, const char *line, int wait_ms, struct answer *a_r, char *why, size_t size);

/*
 * Cut text of n bytes, malloc'ed with room for one byte more, into lines up to the first empty
 * one; *a_r owns it.  Control bytes become `?`: an answer quotes what servers said, and it goes
 * to a terminal.  Returns 0, or -1 without memory; text is then freed.
 */
int answer_split(char *text, size_t n, struct answer *a_r);

void answer_free(struct answer *a);

#endif
