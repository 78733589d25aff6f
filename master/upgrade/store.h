/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The service manager's descriptor store (sd_notify(3), FDSTORE): what a master that starts after
 * a crash of this one needs to find the workers that go on without it.
 *
 *   g-GENERATION-bundle, -board         configuration and board of a generation
 *   g-GENERATION-checks, -keys          what else a start needs that finds its files refused: of
 *                                       the current one alone
 *   w-GENERATION-SLOT-chan, -pidfd, -tally, -log   one worker
 *   l-PORT-ADDRESS                      a listener
 */
#ifndef MASTER_UPGRADE_STORE_H
#define MASTER_UPGRADE_STORE_H

#include "master/life/master.h"

void store_listener(struct master *m, const struct listener *l);
void store_forget_listener(struct master *m, const struct listener *l);
void store_generation(const struct generation *g);
void store_forget_generation(const struct generation *g);
/* It is not the current one any more. */
void store_forget_spares(const struct generation *g);
void store_worker(const struct worker *w);
void store_forget_worker(const struct worker *w);

/*
 * Take the descriptors of LISTEN_FDS that have names of generations and workers, and make old
 * generations of them: their workers are told to finish.  The bundles of the latest are in
 * m->stored then.  Comes before inherit_listeners, which
 * takes the rest.
 */
void store_take(struct master *m);

#endif
