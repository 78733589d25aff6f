/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* What the master says to a worker. */
#ifndef WORKER_FROM_MASTER_H
#define WORKER_FROM_MASTER_H

struct self;

/* Read all that the master has sent, and obey. */
void from_master(struct self *w);

#endif
