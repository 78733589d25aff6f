/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The servers of one configuration, and the configurations that live.  The state belongs to the
 * master; a server is known by backend, name and address.
 */
#ifndef MASTER_SERVERS_SERVERS_H
#define MASTER_SERVERS_SERVERS_H

#include "common/board.h"
#include "common/conf.h"
#include "common/health.h"
#include "common/mail/reason.h"

#include <stdint.h>
#include <sys/queue.h>

/* A slot of the board: a server, or one address of a server with resolve = "all". */
struct server {
	const struct conf_server *conf;
	char name[CONF_NAME + ADDR_TEXT + 2]; /* the configured one, with -ADDRESS in a family */
	struct health health;
	enum health_state said; /* the last state that the log told: up, down or checking */
	uint32_t admin;
	uint64_t since;           /* of `said`: CLOCK_REALTIME, milliseconds */
	enum check_status status; /* of the last check */
	uint32_t passed;          /* whether it was good */
	uint32_t check_ms;
	int32_t cert_days;    /* INT32_MIN: not known */
	uint64_t cert_warned; /* when the log last said that they are few; 0: never */
	char why[REASON_WORDS];
	struct addr addrs[BOARD_ADDRS];
	uint32_t addr_count;
	int left;    /* resolve = "all": the address is no longer in the answer */
	int crowded; /* of a name's first place: an address waits for one, which the log has said */
	uint32_t close; /* as on the board; so is the next one */
	uint32_t elsewhere;
	uint32_t slowstart;  /* 0 to 256: how much of its weight it has so far */
	uint64_t suspected;  /* the last CHECK_NOW: CLOCK_MONOTONIC, milliseconds */
	struct server *heir; /* in an older configuration: the same server in the current one */
};

struct servers_all;

/* The servers of one configuration. */
struct servers {
	TAILQ_ENTRY(servers) link;
	struct servers_all *all; /* NULL: not one of those that live */
	const void *of;          /* the owner's: whose they are */
	const struct conf *conf;
	struct server *slots; /* conf->slot_count of them */
	int board_fd;         /* -1: there is no board */
	struct board *board;
	int is_past; /* another one has followed it: only its connections go on */
};
TAILQ_HEAD(servers_list, servers);

/* What is asked of whoever has the workers. */
struct servers_owner {
	/* Open connections that the workers of this configuration have in a slot of its board. */
	uint32_t (*active)(const struct servers *s, uint32_t slot);
};

/* All configurations that live, in the order of their making. */
struct servers_all {
	const struct servers_owner *owner;
	struct servers_list list;
	struct servers *current; /* NULL: none serves */
};

void servers_all_init(struct servers_all *all, const struct servers_owner *owner);

/*
 * The slots of this configuration, which stays the caller's, as they start, and an empty board; one
 * of all from now on.  Returns 0, or -1 with errno; servers_free takes what there is in both cases.
 */
int
servers_make(struct servers *s, struct servers_all *all, const void *of, const struct conf *conf);
/*
 * The same with the board that an earlier master has made and that stands in s->board_fd.  Returns
 * 0, or -1 with errno and the descriptor the caller's as before.
 */
int servers_adopt(struct servers *s, struct servers_all *all, const void *of,
    const struct conf *conf, int is_past);
/* Nobody knows them any more; the board is closed. */
void servers_free(struct servers *s);

/* These are the current ones now (NULL: there are none); those before them are past. */
void servers_serve(struct servers_all *all, struct servers *s);
/* Whether the log hears of them: those that are to come tell when they serve what is new. */
int servers_are_heard(const struct servers *s);

/* A slot as it starts. */
void server_init(struct server *server, const struct conf *conf, const struct conf_server *cs);
/* Whether it takes clients: its checks say so and nobody has taken it out. */
int server_serves(const struct server *server);
/* Whether it is a place of a name that no address has. */
int server_is_free(const struct server *server);

const struct conf_backend *servers_backend(const struct servers *s, const struct server *server);

struct server_count {
	uint32_t serving, all;
};
/* Of one backend, or of all with UINT32_MAX. */
struct server_count servers_count(const struct servers *s, uint32_t backend);

/* Whether every server has had its first check. */
int servers_settled(const struct servers *s);

/* Open connections of a slot, by the workers of this configuration. */
uint32_t servers_active(const struct servers *s, uint32_t slot);

#endif
