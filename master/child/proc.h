/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * One child process: its birth, what it says, its death.  Whatever a child does, it is never waited
 * for: its death comes as an event of its pidfd.  Whose child it is acts on it through proc_owner.
 */
#ifndef MASTER_CHILD_PROC_H
#define MASTER_CHILD_PROC_H

#include "common/chan.h"
#include "common/child.h"
#include "common/loop.h"
#include "master/child/backoff.h"
#include "master/child/logs.h"
#include "master/child/spawn.h"

#include <stdint.h>
#include <sys/types.h>

/* A child's life as the master sees it; one bit each, for the permit masks of from_*.c. */
enum proc_state {
	PROC_NONE = 1 << 0,     /* there is no process */
	PROC_STARTING = 1 << 1, /* has not said READY */
	PROC_SERVING = 1 << 2,
	PROC_RETIRING = 1 << 3, /* finishes what it has */
	PROC_ENDING = 1 << 4,   /* killed, or has closed its channel: we wait for its death */
};

struct proc;

/* Descriptors for a child by their number there; those opened for it alone are closed afterwards. */
struct outfit {
	int fds[SPAWN_FDS];
	int own[SPAWN_FDS];
	int count, owned;
};

/* fd becomes number n.  Returns 0, or -1 when fd is -1, with the errno of its opening. */
int outfit_add(struct outfit *o, int n, int fd, int is_own);

/* What becomes of a child is its owner's business.  None of these frees the place. */
struct proc_owner {
	/* At its birth: what else it is given.  Returns 0, or -1 with errno. */
	int (*outfit)(struct proc *p, struct outfit *o);
	/*
	 * Read its messages, with all set until there are none.  Returns NULL, or why it must die;
	 * *gone_r becomes 1 when it has closed its end.
	 */
	const char *(*receive)(struct proc *p, int all, int *gone_r);
	void (*serves)(struct proc *p); /* it has said READY */
	void (*heard)(struct proc *p);  /* it has said something else */
	/* Why it cannot start, in lines; contents: of configuration or files, so a new start is no use. */
	void (*complains)(struct proc *p, const char *text, int contents);
	void (*ending)(struct proc *p);  /* it is killed: nothing more is to be given to it */
	void (*died)(struct proc *p);    /* its place is empty */
	void (*rebirth)(struct proc *p); /* the time until the next one is over */
};

/* One place for a process; a dead one is followed by another in the same place. */
struct proc {
	struct loop *loop;
	const struct proc_owner *owner;
	void *of; /* the owner's: whose child it is */
	enum role role;
	uint32_t slot; /* which worker; 0 for the others */
	int trial;     /* mailreeve -t: it may end when it likes */
	enum proc_state state;
	pid_t pid;
	int pidfd;
	uid_t uid; /* which it takes, or has taken */
	struct chan chan;
	struct watch on_chan, on_death;
	struct log_pipe log;
	uint64_t born;   /* CLOCK_MONOTONIC, milliseconds */
	int was_ready;   /* it has said READY */
	int complained;  /* it has said why it cannot */
	uint32_t layers; /* enum sandbox_layer: those that stand around it, as it says */
	int wanted;      /* its death is not our will: say so, and let another follow */
	uint64_t pinged; /* when; 0: no answer is owed */
	uint64_t cookie; /* of the last PING */
	/* MSG_VERSION of its program, by its READY: before an upgrade is complete perhaps an older one */
	uint32_t version;
	struct backoff backoff;
	struct timer rebirth;
};

/* A place without a process. */
void proc_init(struct proc *p, struct loop *loop, const struct proc_owner *owner, void *of,
    enum role role, uint32_t slot);

/*
 * Start the program exe (spawn_open) in it with these arguments, and a channel and a log pipe of its
 * own.  bundle is its sealed memory, the caller's.  Returns 0, or -1 with the reason in the log.
 */
int proc_start(struct proc *p, int exe, int bundle, const struct child *c);

/*
 * Take over one that an earlier master has started: its state, pid, uid and descriptors stand in
 * *p.  Returns 0, or -1 with errno.
 */
int proc_adopt(struct proc *p);

/* It must die for what it did: say so, kill it, another will follow. */
void proc_kill(struct proc *p, const char *why);
/* It is not needed any more: no word in the log, and none will follow. */
void proc_end(struct proc *p);

/* Tell it; one that does not read is killed. */
void proc_tell(struct proc *p, enum msg_type type, const void *fixed);

int proc_alive(const struct proc *p);
const char *role_name(enum role role);

#endif
