/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The master's whole state.  Everything that must outlive a re-execution stands in these structs
 * as numbers, texts and descriptors (saved.c writes and reads it); pointers between them are found
 * again from ids.
 *
 * A generation is one configuration with everything made from it: bundles, board, keeper, checker
 * and workers.  One is current, at most one is being built, older ones finish what they have.
 */
#ifndef MASTER_LIFE_MASTER_H
#define MASTER_LIFE_MASTER_H

#include "common/board.h"
#include "common/chan.h"
#include "common/conf.h"
#include "common/loop.h"
#include "common/mail/reason.h"
#include "master/bundle/pairs.h"
#include "master/child/proc.h"
#include "master/command/request.h"
#include "master/door/door.h"
#include "master/host/errors.h"
#include "master/host/helper.h"
#include "master/host/ids.h"
#include "master/host/options.h"
#include "master/host/sandbox.h"
#include "master/servers/servers.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

struct generation;
struct master;

/* How often the keeper may sign for a worker's slot: it goes on over the deaths of its workers. */
struct budget {
	uint64_t conns, tls; /* handed over in all, and those of them that end TLS */
	uint64_t told_conns, told_tls;
	uint32_t open, open_tls; /* as the keeper was told: those that are there */
};

struct worker {
	struct proc p;
	struct taker t;
	struct budget budget; /* what the keeper may sign for it */
	uint64_t finished;    /* connections that ended since its birth */
	int tally_fd;         /* outlives the process: the others have it mapped */
	struct tally *tally;
};

enum gen_state { GEN_BUILDING, GEN_CURRENT, GEN_OLD, GEN_FAILED };

struct generation {
	TAILQ_ENTRY(generation) link;
	struct master *m;
	uint32_t id;
	enum gen_state state;
	struct conf *conf;
	char *text; /* canonical configuration */
	struct identity ids[HELPER_COUNT];
	int helpers[HELPER_COUNT]; /* executables */
	int bundles[HELPER_COUNT]; /* sealed memory, one per kind of child */
	struct servers servers;
	struct worker *workers;
	uint32_t worker_count;
	struct proc keeper, checker;
	struct watch report; /* the checker's pipe */
	/* Of a record on it: the program of a generation from before an upgrade may have another. */
	uint32_t report_size;
	int report_strange;    /* so it is, and the log has said it */
	uint64_t made;         /* CLOCK_REALTIME, milliseconds */
	uint64_t retired;      /* CLOCK_MONOTONIC, milliseconds; 0: not yet */
	struct timer deadline; /* building: give up; old: drain is over; stopping: kill */
	int failed;            /* building: a child could not start */
	int ended;             /* END was sent */
	int stored;            /* made of what the service manager kept: the file was refused */
	int orphaned;          /* of a master that crashed: of its connections nothing is known */
	struct errors complaints; /* why it failed */
	struct pairs pairs;       /* certificates in use */
};
TAILQ_HEAD(generation_list, generation);

/* What is read again: the configuration with all its files, or only the files that it names. */
enum reload_kind { RELOAD_FILE, RELOAD_CERTS, RELOAD_KINDS };

/* How it went with reloads of one kind. */
struct reload {
	struct errors errors; /* of the last one; none if it was good */
	char *taken;          /* the certificates that it took over, in words; or NULL */
	uint64_t refused;     /* when: CLOCK_REALTIME, milliseconds */
	uint64_t begun;       /* how many, good or not */
	int again;            /* asked for while another one was running */
};

/* How it goes with becoming another program. */
#define UPGRADE_VERSION 32
#define UPGRADE_WHY     512
struct upgrading {
	char from[UPGRADE_VERSION]; /* we are the new program, and do not serve yet; else "" */
	char to[UPGRADE_VERSION];   /* what was refused; "" where it did not say */
	char why[UPGRADE_WHY];      /* ... and why; "" if the last one was not refused */
	uint64_t refused;           /* when: CLOCK_REALTIME, milliseconds */
	int is_half;                /* the program is new, the processes are not */
	int again;                  /* asked for while a reload or a trial was running */
};

/* Why the loop ends. */
enum stopping { STOP_NO, STOP_DRAIN /* TERM, USR1 */, STOP_NOW /* INT */, STOP_LEAVE /* URG */ };

struct control;

/* What life says to those above it; main.c knows who wants to hear what. */
struct life_events {
	void (*reloading)(struct master *m); /* the file is being read */
	void (*reloaded)(
	    struct master *m, enum reload_kind kind, const char *why); /* NULL: it serves */
	void (*applied)(struct master *m); /* another configuration is the current one */
	void (*stopping)(struct master *m);
};

/* What the service manager was told last: manager.c. */
struct manager {
	char status[256]; /* the last STATUS */
	uint64_t looked;  /* when STATUS was last worked out: loop_now */
	uint64_t alive;   /* when the last sign of life was given: loop_now */
};

struct master {
	struct loop *loop;
	struct options opt;
	const struct life_events *events;
	const struct proc_owner *owners[HELPER_COUNT]; /* of the children, by enum helper */
	/* reload.c: g is about to take the place of old; a building one serves (why NULL) or cannot be. */
	void (*replaces)(
	    struct master *m, const struct generation *old, const struct generation *g);
	void (*settled)(struct master *m, const char *why);
	int plain; /* the first: a person or an editor reads us */
	struct walls walls;
	int drop;                  /* we are root: children change their identity */
	int journal;               /* stderr is the journal */
	int log_fd;                /* stderr, as logs_stderr gives it */
	int helpers[HELPER_COUNT]; /* executables, opened once */
	char rootdir[256];         /* empty, children are locked into it; "" if we are not root */
	struct upgrade *upgrade;   /* one that is being tried */
	struct upgrading up;
	struct timer upgrade_later; /* set: one that was asked for meanwhile begins from the loop */
	int force_new; /* the next reload makes a new generation, whatever is the same */
	struct generation_list generations;
	struct generation *current, *building;
	struct servers_all servers; /* ... as they know each other */
	uint32_t next_generation;
	struct door door;
	uint8_t ticket_seed[32]; /* where no file has one: sessions outlive a reload */
	struct watch signals;
	struct timer tick;
	struct requests requests; /* of the control socket: those that wait */
	struct control *control;
	struct notify *notify; /* the service manager; NULL: there is none */
	struct manager manager;
	enum stopping stopping;
	struct timer stop_deadline;
	uint32_t stop_time;    /* timeouts.stop of the generation that was current at the stop */
	uint32_t stop_spread;  /* milliseconds over which connections end at its end */
	uint64_t leave_by;     /* STOP_LEAVE: loop_now when we go in any case */
	int reloading;         /* a configuration is being read or a generation built */
	struct timer again;    /* set: what was asked for meanwhile begins from the loop */
	enum reload_kind kind; /* ... of which kind; the last one's, if none is running */
	struct reload reloads[RELOAD_KINDS];
	struct timer watch;       /* the next look at the files that the configuration names */
	int tried[HELPER_COUNT];  /* bundles of changed files that were tried and refused; or -1 */
	int watched;              /* that is being tried now */
	int stored[HELPER_COUNT]; /* bundles of what ran before a crash or restart of ours; or -1 */
	int wrong;                /* texts or contents are, so that a new start is of no use */
	char watch_error[512];    /* what was wrong with them at the last look */
	char conf_error[512];     /* ... and with the configuration, where it is watched */
	int said_ready;
	uint64_t serves_since; /* the first generation became current: CLOCK_MONOTONIC, ms */
	uint64_t started_mono, started_real; /* milliseconds */
	uint64_t lost_told;                  /* log lines lost that were reported */
	uint64_t ticked;                     /* CLOCK_MONOTONIC, milliseconds */
	int done;
	int status; /* exit status */
};

#endif
