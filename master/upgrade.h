/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Becoming the program that is on the disk now: first it is tried as a child, with this
 * configuration and this state; only if it finds nothing wrong do we execute it in our place, with
 * our ports, our children and our connections.
 */
#ifndef UPGRADE_H
#define UPGRADE_H

#include "state.h"

/* Begin; does not return if it succeeds, some time later.  Otherwise the log says why. */
void upgrade_begin(struct master *m);

#endif
