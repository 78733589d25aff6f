/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Birth and death of children.  Whatever a child does, it is never waited for: its death comes as
 * an event of its pidfd.
 */
#ifndef MASTER_CHILD_PROC_H
#define MASTER_CHILD_PROC_H

#include "master/life/master.h"

/* A place without a process. */
void proc_init(struct proc *p, struct generation *g, enum role role, uint32_t slot);

/*
 * Start one in it.  Returns 0, or -1 with the reason in the log.  The keeper must be serving when
 * a worker or the checker is started: they get a channel to it.
 */
int proc_start(struct proc *p);

/*
 * Take over one that an earlier master has started: its state, pid and descriptors stand in *p.
 * Returns 0, or -1 with errno.
 */
int proc_adopt(struct proc *p);

/* It must die for what it did: say so, kill it, another will follow. */
void proc_kill(struct proc *p, const char *why);
/* It is not needed any more: no word in the log, and none will follow. */
void proc_end(struct proc *p);

/* Tell it; one that does not read is killed. */
void proc_tell(struct proc *p, enum msg_type type, const void *fixed);

/* A new keeper serves: new channels to all who sign. */
void procs_give_keeper(struct generation *g);

/* Heartbeats and watchdogs of one generation; after_stall: we ourselves were late. */
void procs_tick(struct generation *g, int after_stall);

int proc_alive(const struct proc *p);
const char *role_name(enum role role);

#endif
