/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The service manager's notification socket (sd_notify(3)), without its library: a datagram of
 * lines to the socket that NOTIFY_SOCKET names.  Every function takes NULL, which means that there
 * is no service manager, and does nothing then.
 */
#ifndef MASTER_HOST_NOTIFY_H
#define MASTER_HOST_NOTIFY_H

#include <stdint.h>

struct notify;

/* What NOTIFY_SOCKET and WATCHDOG_USEC ask for; NULL without a usable NOTIFY_SOCKET. */
struct notify *notify_open(void);
/* Closes the socket and clears the caller's pointer. */
void notify_close(struct notify **n);

/*
 * Send this text, with a descriptor where fd is not -1.  Only a text that begins with FDSTORE waits
 * for a busy manager, a moment; any other is dropped then.
 */
void notify_send(struct notify *n, const char *text, int fd);

/* How often to send WATCHDOG=1, in milliseconds; 0: the manager does not ask for it. */
uint64_t notify_watchdog(const struct notify *n);

/* The service is up: said once. */
void notify_ready(struct notify *n);
/* A reload begins, and has ended; nothing is said before notify_ready. */
void notify_reloading(struct notify *n);
void notify_reloaded(struct notify *n);
void notify_stopping(struct notify *n);

#endif
