/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* What checks make of a server: up and down, the slow start after it, and who is told. */
#ifndef MASTER_SERVERS_CHECKED_H
#define MASTER_SERVERS_CHECKED_H

#include "common/msg.h"
#include "master/servers/servers.h"

/* The result of a check of a slot; its fields have been validated. */
void checked_result(struct servers *s, uint32_t slot, const struct report *r);
/* The days that its certificate has left, which the log says once a day when they are few. */
void checked_days(struct servers *s, uint32_t slot, int32_t days);

/*
 * Its health may be final now, up or down: if the log has not said so yet, it does, and connections
 * are closed as the backend wants it.  The slot itself is the caller's to publish.
 */
void checked_settle(struct servers *s, struct server *server);

/* Every second, of the current ones: slow starts go on, and sums of past ones are refreshed. */
void checked_tick(struct servers *s);

#endif
