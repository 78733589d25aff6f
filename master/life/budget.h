/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What the keeper is told of each worker's connections: how many signatures they may still need
 * (msg.h, BUDGET).  Told a little ahead of what is handed over, so that it is told seldom.
 */
#ifndef MASTER_LIFE_BUDGET_H
#define MASTER_LIFE_BUDGET_H

#include "master/life/generation.h"

/*
 * The keeper has a new channel to this worker: all that it has now, after the SIGNER.  Returns the
 * result of the sending.
 */
int budget_begin(struct worker *w);

/* Before the HANDOVER of w's batch, and when that is out. */
void budget_before(struct worker *w);
void budget_after(struct worker *w);

/* From time to time: take back what connections that are over have not used. */
void budget_tick(struct generation *g);

#endif
