/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What a server's checks make of it: rise and fall.  A pure function: no I/O, no clock, and no
 * knowledge of admin states, which are a mask beside it.
 */
#ifndef COMMON_HEALTH_H
#define COMMON_HEALTH_H

#include "common/board.h"

struct health {
	enum health_state state;
	uint32_t streak; /* results in a row that speak against the present state */
};

struct health_rules {
	uint32_t rise, fall; /* at least 1 */
};

/* Where a server starts: checking, or up where the configuration says so. */
struct health health_start(int initial_up);

/*
 * The state after one more result.
 *   checking: one good result is enough for up, `fall` bad ones for down
 *   up, going down: `fall` bad results in a row for down; a good one restores up
 *   down, going up: `rise` good results in a row for up; a bad one restores down
 */
struct health health_next(struct health h, struct health_rules r, int ok);

/* Whether a server in this state gets clients (up, and going down until it is down). */
int health_usable(enum health_state state);

const char *health_name(enum health_state state);

#endif
