/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * System calls without which children can be neither started nor ended.  Master, at start: tried
 * once, so that a kernel or a container's filter that lacks one is found before anything runs.
 */
#include "master/host/needs.h"

#include "common/log.h"
#include "common/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Limits and the like have words of their own where they matter. */
static void
judge(const char *call, int result)
{
	if (result == -1 &&
	    (errno == ENOSYS || errno == EPERM || errno == EACCES || errno == EINVAL))
		fatal(
		    "%s is refused here: %s; mailreeve needs Linux 5.9, and every filter around it "
		    "(SystemCallFilter=, a container's seccomp profile) must permit this call",
		    call, strerror(errno));
}

static void
processes(void)
{
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	siginfo_t si;

	judge("pidfd_open", fd);
	if (fd == -1)
		return;
	judge("pidfd_send_signal", (int)syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
	/* Nobody is a child of itself: ECHILD is the good answer. */
	judge("waitid with P_PIDFD", waitid(P_PIDFD, (id_t)fd, &si, WEXITED | WNOHANG));
	close(fd);
	judge("close_range", close_range(INT_MAX, UINT_MAX, 0));
}

static void
memory(void)
{
	int fd = memfd_new("mailreeve-probe", 1), reader;

	judge("memfd_create", fd);
	if (fd == -1)
		return;
	judge("fcntl with F_ADD_SEALS", fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
	reader = memfd_reader(fd);
	if (reader == -1 && errno == ENOENT)
		fatal("/proc/self/fd cannot be used: %s; mount /proc", strerror(errno));
	close(reader);
	close(fd);
}

void
needs_check(void)
{
	processes();
	memory();
}
