/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * A new configuration, at start and later: all of it is taken, or nothing is and the old one goes
 * on.
 */
#ifndef MASTER_LIFE_RELOAD_H
#define MASTER_LIFE_RELOAD_H

#include "master/life/master.h"

/* Before anything else here. */
void reload_init(struct master *m);

/*
 * Read configuration and files (RELOAD_CERTS: the files alone, for the configuration that runs)
 * and begin to build a generation of them; m->events->reloaded says how it went, perhaps before
 * this returns.  One that is asked for while another is being built follows it from the loop, once for all who ask
 * meanwhile: the files are read again then.  In both cases it becomes number begun + 1 of its kind.
 */
void reload_begin(struct master *m, enum reload_kind kind);

/*
 * At the first start, before we have given up the right to look into other processes: open the
 * ports, or end and say which process has one of them.
 */
void reload_open_ports(struct master *m);

/* What the master itself takes from the current configuration: log and control sockets. */
void reload_apply(struct master *m);

#endif
