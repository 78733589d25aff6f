/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The boards: what workers and checker read of the servers.  The current generation's state of a
 * server stands on its own board and on those of the older generations that still have the server.
 */
#ifndef MASTER_SERVERS_BOARDS_H
#define MASTER_SERVERS_BOARDS_H

#include "master/life/master.h"

/* Every slot of a generation that has been made. */
void boards_start(struct generation *g);

/* One server of it; of the current generation, on the older boards too. */
void boards_publish(struct generation *g, struct server *s);
/* All servers of the current generation g, on every board. */
void boards_publish_all(struct generation *g);

/*
 * After a crash or a restart: what the master before us has last said of the servers of g, whose
 * board it left.  Nothing of how their checks went is known.
 */
void boards_recall(struct generation *g);

/* Count the open connections that generations before the current one g have on its servers. */
void boards_count(struct generation *g);

#endif
