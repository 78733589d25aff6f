/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The worker process's own root: what main.c builds and everything else is handed.
 */
#ifndef WORKER_CONN_BASE_H
#define WORKER_CONN_BASE_H

#include "common/board.h"
#include "common/bundle.h"
#include "common/child.h"
#include "common/conf.h"
#include "common/loop.h"
#include "worker/conn/balance.h"
#include "worker/conn/conn.h"
#include "worker/conn/to_master.h"
#include "worker/conn/words.h"
#include "worker/shed.h"
#include "worker/side/relay.h"
#include "worker/tls/ctx.h"

struct worker {
	struct child child;
	struct chan keeper;
	struct watch from_master;
	struct bundle *bundle;
	struct conf *conf;
	struct loop *loop;
	struct tls_ctx *tls;
	struct timer look; /* at the certificates, every day */
	struct balancer balancer;
	struct tally *tally; /* our own */
	struct to_master report;
	struct timer reporting; /* when what has gathered for the master goes at the latest */
	struct conn *conns;     /* all of them */
	struct conn *again;     /* those that have more to do than a pass allows */
	uint64_t conn_count;
	struct shed shed;
	struct timer ending; /* END: the next ones to close */
	uint64_t end_at;     /* loop_now when the last one is to be closed */
	uint64_t staying;    /* connections that have not been told yet */
	enum conn_end end_reason;
	int retired; /* ends with its last connection */
	int hurried; /* and waits for nobody */
	int resting; /* ends sessions at rest; the others have their time */
	struct words words;
	struct relay relay;
};

/* A connection joins the worker's list, and leaves it when it is freed. */
void worker_adopt(struct worker *w, struct conn *c);
void worker_forget(struct worker *w, struct conn *c);

/* Run it again in the next pass of the loop: it has more to do than one pass allows. */
void worker_again(struct worker *w, struct conn *c);
/* Those that asked for it, each once. */
void worker_run_again(struct worker *w);

/* from_master.c: read and obey what the master says. */
void from_master(struct worker *w);

#endif
