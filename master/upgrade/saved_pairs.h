/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The certificates in use, in the state of a re-executed master: a "pair" line for each, and
 * "covers" lines with its names behind it, so that an upgrade is compared with what is shown.
 */
#ifndef MASTER_UPGRADE_SAVED_PAIRS_H
#define MASTER_UPGRADE_SAVED_PAIRS_H

#include "master/bundle/pairs.h"

#include <stdio.h>

void saved_pairs_write(FILE *f, const struct pairs *all);

/*
 * A line of either kind, of a configuration with this many frontends.  Returns 0, or -1: it is not
 * what saved_pairs_write makes.
 */
int saved_pair_read(const char *line, size_t frontends, struct pairs *all);
int saved_covers_read(const char *line, struct pairs *all);

#endif
