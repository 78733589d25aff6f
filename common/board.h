/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Two kinds of shared memory that make picking a server cost no message.
 *
 * The board: one per generation, written by the master, read by workers and checker: which server
 * takes clients, with what weight, under which addresses.
 * A tally: one per worker, written by that worker, read by the master and the other workers:
 * counters and open connections per server.  Its numbers are believed, its layout never is: sizes
 * and indexes come from the reader's own configuration.
 */
#ifndef COMMON_BOARD_H
#define COMMON_BOARD_H

#include "common/addr.h"

#include <stdatomic.h>
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

/* The reader's side: map FD_BOARD, which must be at least so large.  NULL with errno. */
struct board *board_map(int fd, uint32_t slots);
/* A consistent copy of one slot; never waits.  addr_count is at most BOARD_ADDRS. */
void board_read(const struct board *b, uint32_t slot, struct board_server *s_r);
/* The same without the addresses: for those who look at a thousand servers. */
void board_read_state(const struct board *b, uint32_t slot, struct board_server *s_r);
void board_unmap(struct board **b);

/* Per server and per frontend, monotonic but for active. */
struct tally_server {
	_Atomic uint32_t active; /* connections that have picked this server and not ended */
	_Atomic uint32_t zero;
	_Atomic uint64_t total;    /* connections that reached it */
	_Atomic uint64_t failed;   /* attempts that did not */
	_Atomic uint64_t bytes_in; /* client to server */
	_Atomic uint64_t bytes_out;
};
struct tally_frontend {
	_Atomic uint32_t active;
	_Atomic uint32_t zero;
	_Atomic uint64_t total;
	_Atomic uint64_t bytes_in, bytes_out;
	_Atomic uint64_t handshakes, resumed, tls_errors;
	_Atomic uint64_t refused; /* no server, or none with room */
};
struct tally_worker {
	_Atomic uint64_t total;    /* connections taken */
	_Atomic uint64_t log_lost; /* lines that the log pipe did not take */
};

/* A process's own view of a mapped tally. */
struct tally {
	struct tally_worker *worker;
	struct tally_frontend *frontends; /* as many as the configuration has */
	struct tally_server *servers;     /* by slot on the board */
	void *map;
	size_t size;
};

/*
 * The master makes one per worker, all zero, and maps it read-only; *fd_r is writable (for its
 * worker), tally_reader opens it read-only for the others.  NULL, or -1, with errno.
 */
struct tally *tally_new(uint32_t frontends, uint32_t slots, int *fd_r);
int tally_reader(int fd);
/* Map one, which must be at least so large: writable for its own worker.  NULL with errno. */
struct tally *tally_map(int fd, uint32_t frontends, uint32_t slots, int writable);
void tally_unmap(struct tally **t);

#endif
