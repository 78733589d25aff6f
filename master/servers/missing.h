/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Which frontends have clients for whom there is no server. */
#ifndef MASTER_SERVERS_MISSING_H
#define MASTER_SERVERS_MISSING_H

#include "master/servers/servers.h"

/*
 * The frontends that have clients for whom there is no server: "FRONTEND" where its backend has
 * none that takes clients, "FRONTEND (backend NAME)" where one has none that only its routes lead
 * to; parted by ", ".  malloc'ed (the caller's), NULL if all frontends have one.
 */
char *missing_servers(const struct servers *s);
/* The same of those whose servers are still waiting for their first check, which do not count there. */
char *missing_checks(const struct servers *s);

#endif
