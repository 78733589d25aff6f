/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The keeper's channels: one to the master, one to every process that may ask for signatures.
 */
#ifndef KEEPER_SERVE_H
#define KEEPER_SERVE_H

#include "common/chan.h"
#include "common/loop.h"
#include "keeper/keys.h"
#include "keeper/tickets.h"

/* How many more signatures of one use a worker may have: msg.h, BUDGET. */
struct purse {
	uint64_t ever, left;
};

/* One process that asks for signatures. */
struct signer {
	struct watch watch;
	struct chan chan; /* chan.peer is its role */
	uint32_t slot;
	int warned;                        /* a refusal was logged already */
	struct purse as_server, as_client; /* the checker's signatures are not counted */
	struct serve *serve;
	struct signer *next;
	struct signer *next_asking; /* in the order in which their questions came */
	int asking;                 /* in that list */
};

struct serve {
	struct loop *loop;
	const struct keys *keys;
	const struct tickets *tickets;
	struct watch watch;
	struct chan master;
	struct signer *signers;
	struct signer *asking; /* signers with a question for this pass */
};

/*
 * Begin with the master's channel; those of the signers come by it.  The caller runs serve_once.
 * 0, or -1 with errno.
 */
int serve_start(struct serve *s, struct loop *loop, const struct chan *master,
    const struct keys *keys, const struct tickets *tickets);

/*
 * Wait until a channel has something, at most timeout_ms (-1: for ever), then answer one question of
 * each signer that asks.  0, or -1 with errno.
 */
int serve_once(struct serve *s, int timeout_ms);

/* Whether anyone is left to serve: the master, or after its death a signer. */
int serve_wanted(const struct serve *s);

/*
 * Take over the keeper's end of a channel to a signer, in place of its earlier one; a worker gets
 * no signature until its BUDGET comes.  0 or -1.
 */
int serve_add(struct serve *s, const struct msg_signer *q, int fd);

void serve_stop(struct serve *s);

#endif
