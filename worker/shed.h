/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Letting connections of a server go when the board says so: its server went down with
 * on_down = "close", a backup is no longer needed, an administrator wants it empty.
 */
#ifndef WORKER_SHED_H
#define WORKER_SHED_H

#include "common/board.h"
#include "common/loop.h"

struct service;

struct shed {
	struct service *service;
	struct timer timer;
	uint32_t *seen; /* by slot: board_server.close when we last looked */
};

/* Look at the board about once a second from now on.  Returns -1 when there is no memory. */
int shed_begin(struct shed *shed, struct service *s);

#endif
