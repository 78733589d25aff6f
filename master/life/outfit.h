/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* What each kind of child is given at its birth, and its channel to the keeper. */
#ifndef MASTER_LIFE_OUTFIT_H
#define MASTER_LIFE_OUTFIT_H

#include "master/life/generation.h"

/*
 * Start the child of this place.  The keeper must be serving when a worker or the checker is
 * started: they get a channel to it.  Returns 0, or -1 with the reason in the log.
 */
int outfit_start(struct proc *p);

/* For their proc_owner: what they are given beside what every child has.  0, or -1 with errno. */
int outfit_worker(struct proc *p, struct outfit *o);
int outfit_checker(struct proc *p, struct outfit *o);
int outfit_keeper(struct proc *p, struct outfit *o);

/* A new keeper serves: new channels to all who sign. */
void outfit_give_keeper(struct generation *g);

#endif
