/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What the service manager is told while we run: the STATUS line of `systemctl status`, and the
 * watchdog's sign of life, which is withheld when clients are no longer served.
 */
#ifndef MASTER_LIFE_MANAGER_H
#define MASTER_LIFE_MANAGER_H

struct master;

/* Called every tick. */
void manager_tick(struct master *m);

#endif
