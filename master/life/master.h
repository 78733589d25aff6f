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
#include "common/container.h"
#include "common/health.h"
#include "common/loop.h"
#include "common/reason.h"
#include "master/child/backoff.h"
#include "master/child/logs.h"
#include "master/door/conns.h"
#include "master/life/budget.h"
#include "master/life/errors.h"
#include "master/life/pairs.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

/* A child's life as the master sees it; one bit each, for the permit masks of from_*.c. */
enum proc_state {
	PROC_NONE = 1 << 0,     /* there is no process */
	PROC_STARTING = 1 << 1, /* has not said READY */
	PROC_SERVING = 1 << 2,
	PROC_RETIRING = 1 << 3, /* finishes what it has */
	PROC_ENDING = 1 << 4,   /* killed, or has closed its channel: we wait for its death */
};

struct generation;
struct master;

/* One place for a process; a dead one is followed by another in the same place. */
struct proc {
	struct master *m;
	struct generation *gen;
	enum role role;
	uint32_t slot; /* which worker; 0 for the others */
	enum proc_state state;
	pid_t pid;
	int pidfd;
	struct chan chan;
	struct watch on_chan, on_death;
	struct log_pipe log;
	uint64_t born;   /* CLOCK_MONOTONIC, milliseconds */
	int was_ready;   /* it has said READY */
	int complained;  /* it has said why it cannot */
	uint32_t layers; /* enum sandbox_layer: those that stand around it, as it says */
	int restless;    /* its death is not our will: say so, and let another follow */
	uint64_t pinged; /* when; 0: no answer is owed */
	uint64_t cookie; /* of the last PING */
	/* MSG_VERSION of its program, by its READY: before an upgrade is complete perhaps an older one */
	uint32_t version;
	struct backoff backoff;
	struct timer rebirth;
};

struct worker {
	struct proc p;
	struct conn_list conns; /* its records */
	uint32_t conn_count;
	uint64_t handed, taken; /* connections, in this process's life */
	struct budget budget;   /* what the keeper may sign for it */
	uint64_t waiting;       /* since when it owes us a TAKEN; 0: it owes none */
	uint64_t finished;      /* connections that ended since its birth */
	int stuck;              /* its channel took no more: no credit until it has read */
	struct conn *batch[HANDOVER_MAX]; /* given to it in this burst, not yet sent */
	uint32_t batched;
	int tally_fd; /* outlives the process: the others have it mapped */
	struct tally *tally;
};

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
	struct server *heir; /* in an older generation: the same server in the current one */
};

struct identity {
	uid_t uid;
	gid_t gid;
};

enum gen_state { GEN_BUILDING, GEN_CURRENT, GEN_OLD, GEN_FAILED };

/* The programs that children are made of, opened when the generation was made. */
enum helper { HELPER_WORKER, HELPER_CHECKER, HELPER_KEEPER, HELPER_COUNT };

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
	int board_fd;
	struct board *board;
	struct server *servers; /* conf->slot_count of them */
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

/* An open port.  It outlives generations. */
struct listener {
	TAILQ_ENTRY(listener) link;
	struct master *m;
	struct addr addr;
	struct watch watch; /* its socket */
	uint32_t index;     /* in the current generation's conf->listeners */
	int is_new;         /* bound for the generation that is being built */
	int wanted;         /* ... and that one keeps it */
	int is_kept;        /* polled: belongs to the current generation */
	int any;            /* bound to no one address: the local one must be asked for */
	int given;          /* by the service manager, who keeps it open: never closed for good */
	int stored;         /* by the master before us, and no generation of ours has it yet */
	int waits;          /* for the end of one that it overlaps: bound, but it does not listen */
};
TAILQ_HEAD(listener_list, listener);

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

struct master {
	struct loop *loop;
	const char *program;   /* path of this executable, as it was at start */
	const char *conf_path; /* absolute */
	const char *libexec;
	const char *conf_dir; /* where its relative paths start; NULL: where it lies */
	const char *names;    /* mailreeve -t --names: "a,b"; or NULL */
	int testing;          /* mailreeve -t, or the trial of an upgrade */
	int plain;            /* the first: a person or an editor reads us */
	uint32_t layers;      /* enum sandbox_layer: the walls around ourselves */
	uint32_t child_layers[ROLE_KEEPER + 1]; /* by enum role: of the last that said READY */
	int drop;                               /* we are root: children change their identity */
	int journal;                            /* stderr is the journal */
	int log_fd;                             /* stderr, as logs_stderr gives it */
	int helpers[HELPER_COUNT];              /* executables, opened once */
	char rootdir[256];       /* empty, children are locked into it; "" if we are not root */
	int libexec_given;       /* ... by -L */
	struct upgrade *upgrade; /* one that is being tried */
	struct upgrading up;
	int force_new; /* the next reload makes a new generation, whatever is the same */
	struct generation_list generations;
	struct generation *current, *building;
	uint32_t next_generation;
	struct listener_list listeners;
	struct listener_list given; /* sockets of the service manager that nobody wants yet */
	int accept_paused;          /* no descriptors: until the timer */
	struct timer accept_again;
	uint64_t pause_told;     /* when the log last said so */
	uint64_t keeper_missed;  /* since when none serves (loop_now); 0: one does */
	uint64_t keeper_refused; /* connections, for want of it */
	struct conns conns;
	uint64_t next_id;
	uint32_t worker_most;    /* connections that one worker has descriptors for */
	uint8_t ticket_seed[32]; /* where no file has one: sessions outlive a reload */
	struct watch signals;
	struct timer tick;
	struct control *control;
	struct notify *notify;
	enum stopping stopping;
	struct timer stop_deadline;
	uint32_t stop_time;    /* timeouts.stop of the generation that was current at the stop */
	uint32_t stop_spread;  /* milliseconds over which connections end at its end */
	uint64_t leave_by;     /* STOP_LEAVE: loop_now when we go in any case */
	int reloading;         /* a configuration is being read or a generation built */
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
	uint64_t accepted;                   /* connections, ever */
	uint64_t lost_told;                  /* log lines lost that were reported */
	uint64_t ticked;                     /* CLOCK_MONOTONIC, milliseconds */
	int done;
	int status; /* exit status */
};

#endif
