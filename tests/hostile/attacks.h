/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The attacks, and what each of them must come to in each kind of process. */
#ifndef ATTACKS_H
#define ATTACKS_H

#include "tests/hostile/locked.h"

#include <errno.h>
#include <signal.h>

/* Outcomes: 0 (works), an errno, minus a signal, or these. */
#define KILLED     (-SIGSYS)
#define WORKS      0
#define PORTS_SHUT 10001 /* EACCES by Landlock; works where the kernel has no rules for ports */
#define NOT_HERE   10002 /* not tried */

/* A system call with these arguments, which kills every kind of process. */
struct raw_attack {
	const char *name;
	long nr;
	long args[6];
};
extern struct raw_attack raw_attacks[];
/* Put in what is known at run time only: process ids. */
void attacks_fill(void);

/* A system call with these arguments, which fails so in every kind of process. */
struct raw_try {
	const char *name;
	long nr;
	long args[6];
	int error;
};
extern const struct raw_try raw_tries[];

struct attack {
	const char *name;
	int (*fn)(const void *);
	int want[KINDS];
	const char *bound; /* how far what works goes */
};
extern const struct attack attacks[];

/* By name: the system calls that senseless arguments do not kill, in all processes and in each. */
extern const char *const everybody[];
extern const char *const *const listed[KINDS];
/* Those that senseless arguments do not kill either, because they fail always. */
extern const char *const refused[];

#endif
