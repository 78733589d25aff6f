/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* What DNS makes of a server that is configured by name. */
#ifndef MASTER_SERVERS_RESOLVED_H
#define MASTER_SERVERS_RESOLVED_H

#include "common/msg.h"
#include "master/servers/servers.h"

/* The addresses that a name has now; slot is the first of its places.  The fields are validated. */
void resolved_addresses(struct servers *s, uint32_t slot, const struct report *r);

#endif
