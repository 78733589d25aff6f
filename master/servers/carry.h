/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* What outlives a reload: the state of the servers that are in both configurations. */
#ifndef MASTER_SERVERS_CARRY_H
#define MASTER_SERVERS_CARRY_H

#include "master/servers/servers.h"

/* New ones take over what is known of the servers that are in both. */
void carry_states(struct servers *s, const struct servers *from);
/*
 * They have become the current ones (servers_serve): past ones learn which of their servers are
 * whose, the log what it has not heard, and all boards what the others have open on each server.
 */
void carry_heirs(struct servers *s);

#endif
