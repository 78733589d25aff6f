/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Everything that the keeper may say to the root process: that it serves, why it cannot, and that
 * it lives.
 */
#include "master/life/from_keeper.h"

#include "master/child/from_child.h"

static const struct from_rule table[MSG_COUNT] = {
	[MSG_READY] = { from_ready, PROC_STARTING },
	[MSG_FAILED] = { from_failed, PROC_STARTING },
	[MSG_PONG] = { from_pong, PROC_SERVING | PROC_RETIRING },
};

const char *
from_keeper(struct proc *p, int all, int *gone_r)
{
	return from_child(p, table, all, gone_r);
}
