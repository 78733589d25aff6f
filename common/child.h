/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * How the master starts a child: its arguments and the descriptors that it finds open.  Nothing
 * else is open in it, its environment is empty, and it takes its first steps (child_start) before
 * it reads a byte of anything.
 */
#ifndef COMMON_CHILD_H
#define COMMON_CHILD_H

#include "common/chan.h"
#include "common/log.h"

#include <stdint.h>
#include <sys/types.h>

struct sandbox_call; /* sandbox.h */

/* The same numbers in every child; 0 and 1 are /dev/null. */
enum child_fd {
	FD_LOG = 2,    /* pipe to the master: log lines; stderr, so that a dying word is not lost */
	FD_CHAN = 3,   /* channel to the master */
	FD_BUNDLE = 4, /* sealed memory, bundle.h */
	FD_BOARD = 5,  /* board.h, read-only; worker and checker */
	FD_KEEPER = 6, /* channel to the keeper; worker and checker */
	FD_REPORT = 7, /* pipe of struct report; checker */
	FD_TALLY = 8,  /* workers: FD_TALLY + slot, each worker's tally, only its own writable */
};

/* What the command line says; child_start reads it. */
struct child {
	enum role role;
	uint32_t slot;    /* which worker; 0 for keeper and checker */
	uint32_t workers; /* how many there are in this generation */
	uid_t uid;        /* identity to take; ignored when drop is 0 */
	gid_t gid;
	int drop;         /* started by root: chroot and change identity */
	int journal;      /* the master's stderr is the journal: lines carry no time= */
	int testing;      /* `mailreeve -t`: say READY or FAILED, then end */
	int required;     /* sandbox = "required" */
	const char *root; /* empty directory for chroot; "" when drop is 0 */
	/* What follows is no argument: child_start and the program's own sandbox fill it. */
	struct chan chan; /* to the master */
	uint32_t layers;  /* enum sandbox_layer, or-ed: those that stand */
};

#define CHILD_WORKERS 1024 /* the most that there may be */

/*
 * Arguments for a child, as execve wants them: child_args writes into buf and argv_r (at least
 * CHILD_ARGS + 1 pointers); name is argv[0].  name and root together have at most 300 bytes.
 */
#define CHILD_ARGS     12
#define CHILD_ARGS_BUF 512
void child_args(const struct child *c, const char *name, char buf[CHILD_ARGS_BUF],
    char *argv_r[CHILD_ARGS + 1]);

/*
 * A child's first act: read the arguments, close every descriptor but the ones above, chroot,
 * groups, gid, uid, no_new_privs, not dumpable, limits, and Landlock's walls around files, signals
 * and sockets where the kernel has them; each step checked.  Ends the process with a line on
 * FD_LOG when a step fails: a child is never half dropped.
 *
 * From then on it ignores SIGPIPE and the signals that are meant for the master (HUP, INT, QUIT,
 * TERM, USR1, USR2): it ends as its channel says, or by SIGKILL.
 */
void child_start(int argc, char **argv, enum role role, struct child *c_r);

/* Which doors stay open in a child: its program's own sandbox.c says it. */
struct child_doors {
	const struct sandbox_call *calls;
	size_t call_count;
	const uint16_t *ports; /* TCP ports that it may connect to */
	size_t port_count;
	int bind_any; /* it may bind a socket to an address, never to a port */
};

/*
 * The last act before child_ready: shut all doors but these, for good.  Sets c->layers.  Ends the
 * process, as child_failed does, when sandbox = "required" and a layer is missing, or when a
 * filter that the kernel should take is refused.
 */
void child_lock(struct child *c, const struct child_doors *doors);

/* What log lines call a child: "keeper", "checker", "worker0". */
void child_name(enum role role, uint32_t slot, char name_r[LOG_PROC_MAX]);

/*
 * Open the log as the configuration has it.  For `mailreeve -t` it is warnings and errors in text
 * whatever the configuration says: the master prints them among its own.
 */
void child_log(const struct child *c, int level, int json);

/*
 * Tell the master that we serve, and which layers stand; or why we cannot, and end the process with
 * status 1: child_failed where the system lacks something, which may pass; child_refused where the
 * contents of files are wrong, one message for each line of the text, which is taken apart.
 */
void child_ready(const struct child *c);
void child_failed(const struct child *c, const char *fmt, ...)
    __attribute__((noreturn, format(printf, 2, 3)));
void child_refused(const struct child *c, char *text) __attribute__((noreturn));

#endif
