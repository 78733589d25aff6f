/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The service manager's notification socket (sd_notify(3)), spoken by ourselves: a datagram of
 * lines to the socket that NOTIFY_SOCKET names.
 */
#ifndef MASTER_HOST_NOTIFY_H
#define MASTER_HOST_NOTIFY_H

#include "master/life/master.h"

/* Take NOTIFY_SOCKET and WATCHDOG_USEC out of the environment; without the first all is silent. */
void notify_open(struct master *m);
void notify_ready(struct master *m);
void notify_reloading(struct master *m);
void notify_reloaded(struct master *m);
void notify_stopping(struct master *m);

/* Status text and watchdog; called every tick. */
void notify_tick(struct master *m);

/* Send this text with a descriptor (-1: none): FDSTORE. */
void notify_send(struct master *m, const char *text, int fd);

#endif
