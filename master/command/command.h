/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The commands of the control socket as the master has them.  Their words, help and who may use
 * them stand in common/control.h, which mailreevectl shares; here is what they do.  Each folder
 * brings its own in a const array; master/control/commands.c lists the arrays.
 */
#ifndef MASTER_COMMAND_COMMAND_H
#define MASTER_COMMAND_COMMAND_H

#include "common/control.h"
#include "master/command/request.h"

struct command {
	enum control_name name;
	void (*run)(struct request *r);
	/* Where it outlives a re-execution: the same request in the new program. */
	void (*resume)(struct request *r);
	unsigned least, most; /* how many words may follow its own */
};

/* A folder's commands, and what they work on: struct request's `of`. */
struct command_set {
	const struct command *commands;
	size_t count;
	void *of;
};
#define COMMAND_SET(commands, of) \
	{ \
		commands, sizeof(commands) / sizeof((commands)[0]), of \
	}

struct command_sets {
	const struct command_set *sets;
	size_t count;
};

/* Run the command that this line is.  Returns 1 if it waits now, 0 if `answered` was called. */
int command_run(const struct command_sets *all, struct request *r, const char *line);

/* Go on waiting for a command that was asked of the program before this one; the same. */
int command_resume(const struct command_sets *all, struct request *r, enum control_name name);

#endif
