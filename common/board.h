/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Shared memory that makes picking a server cost no message, with the tallies (tally.h).
 *
 * The board: one per generation, written by the master, read by workers and checker: which server
 * takes clients, with what weight, under which addresses.
 */
#ifndef COMMON_BOARD_H
#define COMMON_BOARD_H

#include "common/addr.h"

#include <stddef.h>
#include <stdint.h>

#define BOARD_ADDRS  8
#define BOARD_WEIGHT 256

/* What the checks say; admin state is a mask beside it (board_server.admin). */
enum health_state { HEALTH_CHECKING, HEALTH_UP, HEALTH_GOING_DOWN, HEALTH_DOWN, HEALTH_GOING_UP };

enum admin_state { ADMIN_DRAIN = 1 << 0, ADMIN_MAINT = 1 << 1 };

/* A server as the master publishes it. */
struct board_server {
	uint32_t health;     /* enum health_state */
	uint32_t admin;      /* enum admin_state, or-ed */
	uint32_t weight;     /* effective, in BOARD_WEIGHTths of the unit; 0: no new clients */
	uint32_t elsewhere;  /* open connections of older generations on this server */
	uint32_t addr_count; /* 0: the name has not been resolved */
	uint32_t close;      /* grows by one: end the connections of this server */
	struct addr addrs[BOARD_ADDRS];
};

struct board; /* the mapping */

/*
 * The master's side: a board for so many slots, all zero.  *fd_r is the descriptor to keep, with
 * which a re-executed master adopts the board; board_reader opens it again read-only for a child
 * (the caller's).  Returns NULL, or -1, with errno.
 */
struct board *board_new(uint32_t slots, int *fd_r);
struct board *board_adopt(int fd, uint32_t slots);
int board_reader(int fd);
/* How many slots the board behind this descriptor has; 0 where it is none. */
size_t board_slots(int fd);
/* One writer: the master. */
void board_write(struct board *b, uint32_t slot, const struct board_server *s);

/* The reader's side: map FD_BOARD, which must be at least that large.  NULL with errno. */
struct board *board_map(int fd, uint32_t slots);
/* A consistent copy of one slot; never waits.  addr_count is at most BOARD_ADDRS. */
void board_read(const struct board *b, uint32_t slot, struct board_server *s_r);
/* The same without the addresses: for those who look at a thousand servers. */
void board_read_state(const struct board *b, uint32_t slot, struct board_server *s_r);
void board_unmap(struct board **b);

#endif
