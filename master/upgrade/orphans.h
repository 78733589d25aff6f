/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Workers that an earlier master has left behind when it crashed, as the service manager kept them. */
#ifndef MASTER_UPGRADE_ORPHANS_H
#define MASTER_UPGRADE_ORPHANS_H

#include "master/life/master.h"

/*
 * Take the descriptors of LISTEN_FDS that have names of generations and workers, and make old
 * generations of them: their workers are told to finish.  The bundles of the latest are in
 * m->stored then.  Comes before inherit_listeners, which takes the rest.
 */
void orphans_take(struct master *m);

#endif
