/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The walls around the master, and what it knows of those around its children. */
#ifndef MASTER_HOST_SANDBOX_H
#define MASTER_HOST_SANDBOX_H

#include "common/msg.h"

#include <stdint.h>

#include <stdio.h>

/* Which walls stand: enum sandbox_layer, or-ed. */
struct walls {
	uint32_t own;
	uint32_t children[ROLE_KEEPER + 1]; /* by enum role: of the last that said READY */
};

/*
 * Give up, for good and for everything that will ever be started from here: every capability but
 * the five that the master works with, new privileges by execve, being dumped, and the system
 * calls that nobody here needs.  Before the first child and before a byte of configuration.
 * Ends the process where the kernel refuses what it should grant; says what it does not have.
 */
void master_sandbox(struct walls *w);

/* A child has said READY, with these layers around it: told to the log when it is news. */
void master_sandbox_child(struct walls *w, enum role role, uint32_t layers);

/* Lines for `show info`, and for mailreeve -V. */
void master_sandbox_show(const struct walls *w, FILE *f);
void master_sandbox_version(FILE *f);

#endif
