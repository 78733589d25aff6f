/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The walls around the keeper. */
#ifndef KEEPER_SANDBOX_H
#define KEEPER_SANDBOX_H

struct child;

/* Forbid everything that signing does not need (child_lock); right before child_ready. */
void keeper_sandbox(struct child *c);

#endif
