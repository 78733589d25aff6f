/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The boards: what workers and checker read of the servers.  The current configuration's state of a
 * server stands on its own board and on those of the past ones that still have the server.
 */
#ifndef MASTER_SERVERS_BOARDS_H
#define MASTER_SERVERS_BOARDS_H

#include "master/servers/servers.h"

/* Every slot of a configuration that is to come. */
void boards_start(struct servers *s);

/* One server of it; of the current configuration, on the past ones' boards too. */
void boards_publish(struct servers *s, struct server *server);
/* All servers of the current configuration, on every board. */
void boards_publish_all(struct servers *s);

/*
 * After a crash or a restart: what the master before us has last said of these servers, whose
 * board it left.  Nothing of how their checks went is known.
 */
void boards_recall(struct servers *s);

/* Count the open connections that past configurations have on the current one's servers. */
void boards_count(struct servers *s);

#endif
