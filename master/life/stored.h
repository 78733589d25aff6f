/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * A start whose file is refused, after a crash or a restart: what ran before goes on.
 */
#ifndef MASTER_LIFE_STORED_H
#define MASTER_LIFE_STORED_H

#include "master/life/master.h"

/*
 * Build a generation of what the service manager kept (m->stored), and warn: why is what is wrong
 * with the file.  Returns 0, or -1: there is nothing, or it cannot be used, either.
 */
int stored_run(struct master *m, const char *why);

/* What ran before is not needed any more. */
void stored_drop(struct master *m);

#endif
