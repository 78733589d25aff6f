/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* What a checker is asked to do at once. */
#ifndef MASTER_LIFE_TO_CHECKER_H
#define MASTER_LIFE_TO_CHECKER_H

#include "master/life/master.h"

/* Have it ask DNS for all names once more. */
void to_checker_resolve(struct generation *g);

#endif
