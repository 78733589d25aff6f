/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Log lines of the children: each child writes into a pipe of its own, the master passes whole
 * lines on to stderr.  A shared stderr that one process makes non-blocking or fills would be
 * everybody's trouble.
 */
#ifndef MASTER_CHILD_LOGS_H
#define MASTER_CHILD_LOGS_H

#include "common/log.h"
#include "common/loop.h"

#include <stddef.h>

/* The reading end of one child's pipe and the line that is not complete yet. */
struct log_pipe {
	struct watch watch;
	struct loop *loop;
	size_t len;
	int skipping; /* inside a line that was too long */
	void (*tap)(struct log_pipe *p, const char *line, size_t len); /* hears them too; or NULL */
	char name[LOG_PROC_MAX];
	char buf[LOG_LINE_MAX];
};

/*
 * Find out what stderr is and get a descriptor that can be written to without ever waiting and
 * without changing the one that others share.  *journal_r: whether it is the journal.
 * Returns the descriptor for log_open.
 */
int logs_stderr(int *journal_r);

/*
 * Whether a configuration asks for JSON, as far as a glance at the file tells: what is said before
 * it has been read, or because it cannot be, is JSON as well then.
 */
int logs_wants_json(const char *conf_path);

/*
 * Make a pipe for the process of this name: its writing end (the caller's, for the child) is
 * returned, the other is watched.
 */
int log_pipe_open(struct log_pipe *p, struct loop *l, const char *name);
/* The same for the reading end that stands in p->watch.fd, of a child that is there already. */
int log_pipe_adopt(struct log_pipe *p, struct loop *l, const char *name);
/* Pass on the lines that are in it now. */
void log_pipe_flush(struct log_pipe *p);
/* Pass on what is still in it, then close it. */
void log_pipe_close(struct log_pipe *p);

#endif
