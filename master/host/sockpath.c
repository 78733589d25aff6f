/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Telling where the control socket is.  Master; the file is in a directory of its own, so what
 * stands in it is a master's word, perhaps that of another one on this host.
 */
#include "master/host/sockpath.h"

#include "common/control.h"
#include "master/host/unixsock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Write the file beside the place and move it there, so that nobody reads half of it. */
static int
write_file(const char *where, const char *socket)
{
	char beside[PATH_MAX], line[PATH_MAX];
	int fd, n, good;

	if ((size_t)snprintf(beside, sizeof(beside), "%s.new", where) >= sizeof(beside) ||
	    (size_t)(n = snprintf(line, sizeof(line), "%s\n", socket)) >= sizeof(line)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	(void)unlink(beside);
	fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd == -1)
		return -1;
	good = fchmod(fd, 0644) == 0 && write(fd, line, (size_t)n) == n;
	close(fd);
	if (good && rename(beside, where) == 0)
		return 0;
	(void)unlink(beside);
	return -1;
}

int
sockpath_say(const char *where, const char *socket, char *why_r, size_t size)
{
	char named[CONTROL_PATH];

	if (control_where(where, named)) {
		if (strcmp(named, socket) == 0)
			return 0;
		if (unixsock_alive(named)) {
			snprintf(
			    why_r, size, "%s names %s, where another master answers", where, named);
			return -1;
		}
	}
	unixsock_parent(where);
	if (write_file(where, socket) == 0)
		return 0;
	snprintf(why_r, size, "%s: %s", where, strerror(errno));
	return -1;
}

void
sockpath_forget(const char *where, const char *socket)
{
	char named[CONTROL_PATH];

	if (control_where(where, named) && strcmp(named, socket) == 0)
		(void)unlink(where);
}
