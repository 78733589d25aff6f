/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * posix_spawn of the children.  Master.  About a millisecond whatever the master's size, and
 * nothing of its memory is ever in a child.
 */
#include "master/child/spawn.h"

#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int
spawn_open(const char *dir, const char *name)
{
	char path[4096];
	struct stat st;
	int fd;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) || (st.st_mode & 0111) == 0) {
		close(fd);
		errno = EACCES;
		return -1;
	}
	return fd;
}

/* The child's descriptors and signals as it should find them. */
static int
prepare(posix_spawn_file_actions_t *fa, posix_spawnattr_t *attr, const int *fds, int count)
{
	sigset_t none, all;
	int error = 0;

	sigemptyset(&none);
	sigfillset(&all);
	for (int fd = 0; fd < 2 && !error; fd++)
		error = posix_spawn_file_actions_addopen(fa, fd, "/dev/null", O_RDWR, 0);
	for (int fd = 2; fd < count && !error; fd++)
		if (fds[fd] != -1)
			error = posix_spawn_file_actions_adddup2(fa, fds[fd], fd);
	if (!error)
		error = posix_spawnattr_setsigmask(attr, &none);
	if (!error)
		error = posix_spawnattr_setsigdefault(attr, &all);
	/* A group of its own: a terminal's ^C is for the master, who ends them politely. */
	if (!error)
		error = posix_spawnattr_setpgroup(attr, 0);
	if (!error)
		error = posix_spawnattr_setflags(
		    attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	return error;
}

/* fds are all above count, so that no dup2 runs over the source of a later one. */
static int
spawn_prepared(const char *path, char *const argv[], char *const envp[], const int *fds, int count,
    pid_t *pid_r)
{
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attr;
	int error;

	error = posix_spawn_file_actions_init(&fa);
	if (error)
		return error;
	error = posix_spawnattr_init(&attr);
	if (!error) {
		error = prepare(&fa, &attr, fds, count);
		if (!error)
			error = posix_spawn(pid_r, path, &fa, &attr, argv, envp);
		posix_spawnattr_destroy(&attr);
	}
	posix_spawn_file_actions_destroy(&fa);
	return error;
}

int
spawn_path(const char *path, char *const argv[], char *const envp[], const int *fds, int count,
    pid_t *pid_r, int *pidfd_r)
{
	int high[SPAWN_FDS], error = 0;

	for (int i = 2; i < count; i++) {
		high[i] = fds[i] == -1 ? -1 : fcntl(fds[i], F_DUPFD_CLOEXEC, count);
		if (fds[i] != -1 && high[i] == -1)
			error = errno;
	}
	if (!error)
		error = spawn_prepared(path, argv, envp, high, count, pid_r);
	for (int i = 2; i < count; i++)
		if (high[i] != -1)
			close(high[i]);
	if (error) {
		errno = error;
		return -1;
	}
	/* Not reaped yet, whatever has become of it: the number is still this child's. */
	*pidfd_r = (int)syscall(SYS_pidfd_open, *pid_r, 0);
	if (*pidfd_r == -1) {
		error = errno;
		kill(*pid_r, SIGKILL);
		errno = error;
		return -1;
	}
	return 0;
}

int
spawn_child(int exe, const char *name, const struct child *c, const int *fds, int count,
    pid_t *pid_r, int *pidfd_r)
{
	char buf[CHILD_ARGS_BUF], *argv[CHILD_ARGS + 1], path[64];
	char *const envp[] = { NULL };
	int high, result;

	child_args(c, name, buf, argv);
	high = fcntl(exe, F_DUPFD_CLOEXEC, count);
	if (high == -1)
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", high);
	result = spawn_path(path, argv, envp, fds, count, pid_r, pidfd_r);
	close(high);
	return result;
}

int
spawn_kill(int pidfd, uid_t uid)
{
	int result, error;

	if (syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) == 0)
		return 0;
	/*
	 * systemd's unit gives no CAP_KILL.  Who has a process's identity may signal it: we take
	 * it for that moment.  Nobody can do the same to us meanwhile, because our real and saved
	 * identities stay root's (kill(2)).
	 */
	error = errno;
	if (error != EPERM || geteuid() != 0 || seteuid(uid) == -1) {
		errno = error;
		return -1;
	}
	result = (int)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	error = errno;
	if (seteuid(0) == -1)
		fatal("cannot be root again: %s", strerror(errno));
	errno = error;
	return result;
}
