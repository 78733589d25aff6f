/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Server states: what the checks say, carried from generation to generation, published on the
 * boards and told in the log.  The state belongs to the master; a server is known by backend,
 * name and address.
 */
#ifndef MASTER_SERVERS_SERVERS_H
#define MASTER_SERVERS_SERVERS_H

#include "master/life/master.h"

/* The slots of a generation's configuration, as they start.  NULL when there is no memory. */
struct server *servers_new(const struct conf *conf);

/* A new generation takes over what the current one knows of the servers that are in both. */
void servers_carry(struct generation *g, const struct generation *current);
/*
 * It is current now: every older generation learns which of its servers are whose, and all boards
 * what the others have open on each.
 */
void servers_inherit(struct generation *g, struct generation_list *all);

/*
 * The result of a check, already validated (from_checker.c), of the current generation.
 */
void servers_checked(struct generation *g, uint32_t slot, const struct report *r);
/* The addresses that a server's name has now. */
void servers_resolved(struct generation *g, uint32_t slot, const struct report *r);
/* Have the checker ask DNS for all names once more. */
void servers_ask(struct generation *g);

/* Slow starts go on, and the sums of older generations are refreshed. */
void servers_tick(struct generation *g, struct generation_list *all);

/* Whether it takes clients: its checks say so and nobody has taken it out. */
int server_serves(const struct server *s);

struct server_count {
	uint32_t serving, all;
};
/* Of one backend, or of all with UINT32_MAX. */
struct server_count servers_count(const struct generation *g, uint32_t backend);

/*
 * The frontends that have clients for whom there is no server: "FRONTEND" where its backend has
 * none that takes clients, "FRONTEND (backend NAME)" where one has none that only its routes lead
 * to; parted by ", ".  malloc'ed (the caller's), NULL if there is none.
 */
char *servers_missing(const struct generation *g);
/* The same of those whose servers are still waiting for their first check, which do not count there. */
char *servers_waiting(const struct generation *g);

/* Whether every server has had its first check. */
int servers_settled(const struct generation *g);

/* Open connections of a slot, by the workers' tallies. */
uint32_t servers_active(const struct generation *g, uint32_t slot);

#endif
