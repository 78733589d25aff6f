/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* What the keeper says. */
#ifndef MASTER_LIFE_FROM_KEEPER_H
#define MASTER_LIFE_FROM_KEEPER_H

#include "master/child/proc.h"

/* proc_owner's receive. */
const char *from_keeper(struct proc *p, int all, int *gone_r);

#endif
