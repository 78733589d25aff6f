/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* A process gives up what it was started with, for good, and makes sure that it is gone. */
#ifndef COMMON_PRIVDROP_H
#define COMMON_PRIVDROP_H

#include <sys/types.h>

/*
 * All of these return NULL, or the name of the step that failed, with errno.  A process whose drop
 * failed must end: it may be anything between what it was and what it should be.
 */

/*
 * Root only: make root, a directory that nobody but root can write to and that is empty, the
 * whole file system, and become uid and gid with no other group.  Neither may be 0.
 */
const char *privdrop_identity(const char *root, uid_t uid, gid_t gid);

/*
 * For everybody: no capabilities, no new privileges by execve, not dumpable (no core, no ptrace,
 * no /proc/PID/mem for others of the same identity), and limits of 0 for cores, files and new
 * processes.
 */
const char *privdrop_process(void);

/* Whether execve can give no privileges any more, asked from the kernel. */
int privdrop_no_new_privs(void);

#endif
