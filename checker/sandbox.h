/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The walls around the checker. */
#ifndef CHECKER_SANDBOX_H
#define CHECKER_SANDBOX_H

struct child;
struct conf;

/*
 * Shut everything that checking does not need (child_lock); right before child_ready.  The
 * configuration says which ports there are to check; DNS has its own.
 */
void checker_sandbox(struct child *c, const struct conf *conf);

#endif
