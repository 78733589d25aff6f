/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Starting an executable as a child: which one, with which descriptors, and nothing else. */
#ifndef MASTER_CHILD_SPAWN_H
#define MASTER_CHILD_SPAWN_H

#include "common/child.h"

/* The most descriptors that a child finds open: one tally for each of so many workers. */
#define SPAWN_WORKERS 256
#define SPAWN_FDS     (FD_TALLY + SPAWN_WORKERS)

/*
 * Open the program `name` of this directory, to be executed through the descriptor: whatever a
 * package upgrade puts in its place later, this one is started.  -1 with errno.
 */
int spawn_open(const char *dir, const char *name);

/*
 * Start exe, an opened program: c becomes its arguments, name its argv[0]; fds[n] becomes its
 * descriptor n (n from 2 on; -1: not open), all of them stay the caller's.
 * Returns 0 with *pid_r and *pidfd_r (the caller's), or -1 with errno.
 */
int spawn_child(int exe, const char *name, const struct child *c, const int *fds, int count,
    pid_t *pid_r, int *pidfd_r);

/*
 * The same for any program and arguments; path is executed, envp given.
 */
int spawn_path(const char *path, char *const argv[], char *const envp[], const int *fds, int count,
    pid_t *pid_r, int *pidfd_r);

/* SIGKILL for a child that may run as uid already.  Returns 0, or -1 with errno. */
int spawn_kill(int pidfd, uid_t uid);

#endif
