/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What a locked process needs, tried inside the walls, so that none dies of its own filter, be it
 * at once or after an hour.  Each returns 0 when it works.
 */
#ifndef NEEDS_H
#define NEEDS_H

/* Outside, once: what the programs set up before they are locked in. */
void needs_prepare(void);
/* Inside, before the last door shuts. */
void needs_between(void);

int need_memory(const void *arg);
int need_reseed(const void *arg);
int need_sign(const void *arg);
int need_tls(const void *arg);
int need_log(const void *arg);
int need_channel(const void *arg);
int need_events(const void *arg);
int need_bulk(const void *arg);
int need_abort(const void *arg);

#endif
