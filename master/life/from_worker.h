/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* What a worker says. */
#ifndef MASTER_LIFE_FROM_WORKER_H
#define MASTER_LIFE_FROM_WORKER_H

#include "master/child/proc.h"

/* proc_owner's receive. */
const char *from_worker(struct proc *p, int all, int *gone_r);

#endif
