/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Processes that are locked in exactly as the real ones, by the real code, with something of the
 * test's own to do inside.
 */
#ifndef LOCKED_H
#define LOCKED_H

#include <stdint.h>
#include <sys/types.h>

/* A worker without and with bind_address, and the two others. */
enum kind { WORKER, BINDER, CHECKER, KEEPER, KINDS };
extern const char *const kind_names[KINDS];

/* What is outside the walls. */
struct outside {
	uint16_t server; /* a listening port that the configuration names */
	uint16_t other;  /* one that it does not */
	int server_fd;   /* where the first is accepted */
	pid_t master;    /* root's, or the user's who runs the test */
	pid_t sibling;   /* of the same identity as the locked process */
	int abi;         /* of Landlock */
};
extern struct outside outside;

/* Open ports and start the sibling; and end it. */
void outside_begin(void);
void outside_end(void);

/* Called in every locked process after child_start, before the last door shuts. */
extern void (*locked_between)(void);

/* How something inside ended: 0, an errno that it returned, or minus the signal that killed it. */
int locked_run(enum kind kind, int (*fn)(const void *arg), const void *arg);

/* What the last one wrote to its log. */
extern char locked_said[16384];

#endif
