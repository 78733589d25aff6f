/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* How many descriptors there may be, and what follows for connections; how large files may be. */
#ifndef MASTER_HOST_RLIMIT_H
#define MASTER_HOST_RLIMIT_H

#include "master/life/master.h"

/*
 * Raise the limit as far as we may, children inherit it; say so if it is low; and set how many
 * connections a worker is given and how many descriptors we hold for them.
 */
void rlimit_raise(struct master *m);

/* What can be done about an error that a limit is the usual reason for; "" for others. */
const char *rlimit_hint(int error);

#endif
