/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What the service manager's store keeps of generations and workers, so that a master that starts
 * after a crash of this one finds the workers that go on without it.
 *
 *   g-GENERATION-bundle, -board         configuration and board of a generation
 *   g-GENERATION-checks, -keys          of the current one alone: what else a start needs when the
 *                                       file is refused
 *   w-GENERATION-SLOT-chan, -pidfd, -tally, -log   one worker
 */
#ifndef MASTER_LIFE_KEPT_H
#define MASTER_LIFE_KEPT_H

struct generation;
struct worker;

/* The first three as enum helper has them. */
enum kept {
	KEPT_BUNDLE,
	KEPT_CHECKS,
	KEPT_KEYS,
	KEPT_BOARD,
	KEPT_CHAN,
	KEPT_PIDFD,
	KEPT_TALLY,
	KEPT_LOG,
	KEPT_COUNT
};
extern const char *const kept_parts[KEPT_COUNT];

void kept_generation(const struct generation *g);
void kept_forget_generation(const struct generation *g);
/* It is not the current one any more. */
void kept_forget_spares(const struct generation *g);
void kept_worker(const struct worker *w);
void kept_forget_worker(const struct worker *w);

#endif
