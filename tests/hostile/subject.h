/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * A real worker, checker or keeper, started as the master starts it, by a test that plays the
 * master, the client and the server.
 */
#ifndef SUBJECT_H
#define SUBJECT_H

#include "common/child.h"

#include <sys/types.h>

/* What a test waits for anything, in milliseconds: it fails then, so it is long. */
#define PATIENCE 20000

struct subject {
	enum role role;
	const char *program;
	pid_t pid;                 /* 0: none */
	struct chan chan;          /* to it */
	struct chan keeper;        /* the keeper's end of its channel */
	int front, back;           /* listening sockets of the frontend, and of the server */
	int bundle, board;         /* made once, for all that follow each other */
	int tally;                 /* as a worker gets it */
	int report_pipe, log_pipe; /* our ends */
	struct msg_ticket_key tickets[TICKET_KEYS]; /* the keeper's first answer */
	char log[65536];                            /* what it said since subject_forget */
	size_t log_len;
};

const char *subject_name(const struct subject *s);

/* Everything that outlives a process; ends the test where that fails. */
void subject_make(struct subject *s, enum role role, const char *program);

/* Start one and wait for its READY; root: an empty directory.  Ends the test where that fails. */
void subject_start(struct subject *s, const char *root);

/* A client of the frontend: *client_r is its end; returns the accepted one. */
int subject_connect(const struct subject *s, int *client_r);

/*
 * Whether it does its work, and nothing but that: 1.  Otherwise 0, with *wrong_r if it should have
 * ended and has not, or has done something wrong.
 */
int subject_serves(struct subject *s, const char **wrong_r);

/* Whether it uses the processor while nobody asks for anything. */
int subject_spins(const struct subject *s);

/*
 * Wait for its end: NULL if that was of its own will with a line of an error, or without one where
 * it may; else what was wrong.
 */
const char *subject_end(struct subject *s, int may_go);

void subject_kill(struct subject *s);

/* What it said until now is of no interest. */
void subject_forget(struct subject *s);

#endif
