/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * A tally: one per worker, written by that worker, read by the master and the other workers:
 * counters and open connections per server.  Its numbers are believed, its layout never is: sizes
 * and indexes come from the reader's own configuration.
 */
#ifndef COMMON_TALLY_H
#define COMMON_TALLY_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

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
/* Map one, which must be at least that large: writable for its own worker.  NULL with errno. */
struct tally *tally_map(int fd, uint32_t frontends, uint32_t slots, int writable);
void tally_unmap(struct tally **t);

#endif
