/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The walls around a worker. */
#ifndef WORKER_SANDBOX_H
#define WORKER_SANDBOX_H

struct child;
struct conf;

/*
 * Forbid everything that relaying does not need (child_lock); right before child_ready.  The
 * configuration says which ports there are to connect to, and whether source addresses are bound.
 */
void worker_sandbox(struct child *c, const struct conf *conf);

#endif
