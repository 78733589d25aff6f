/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Making the control sockets.  Master.  The socket is made with the effective group and the mask
 * that it shall have, so there is no moment at which others could open it, and no need for the
 * right to change owners.
 */
#include "master/host/unixsock.h"

#include "common/control.h"

#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define GROUPS_MOST 1024
#define NO_GROUP    ((gid_t)-1)

int
unixsock_group(const char *name, gid_t *gid_r)
{
	const struct group *gr = getgrnam(name);
	unsigned long n;
	char *end;

	if (gr) {
		*gid_r = gr->gr_gid;
		return 0;
	}
	if (!isdigit((unsigned char)*name))
		return -1;
	errno = 0;
	n = strtoul(name, &end, 10);
	/* (gid_t)-1 means "leave it" to setegid. */
	if (*end || errno || n >= UINT32_MAX)
		return -1;
	*gid_r = (gid_t)n;
	return 0;
}

/* What is in the way and no socket is not ours to remove. */
static int
is_something_else(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode);
}

int
unixsock_alive(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd, alive;

	if (strlen(path) >= sizeof(sun.sun_path))
		return 0;
	memcpy(sun.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return 0;
	alive = connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) == 0 || errno == EAGAIN;
	close(fd);
	return alive;
}

void
unixsock_parent(const char *path)
{
	char dir[PATH_MAX];
	char *slash;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (!slash || slash == dir)
		return;
	*slash = '\0';
	(void)mkdir(dir, 0755); /* what is wrong with it shows in bind */
}

/* Bind with the group and mode that the file shall have. */
static int
bind_as(int fd, const struct sockaddr_un *sun, const char *group, gid_t gid)
{
	mode_t mask = umask(group ? 0117 : 0177);
	gid_t own = getegid();
	int result, error;

	if (group && setegid(gid) == -1) {
		error = errno;
		umask(mask);
		errno = error;
		return -1;
	}
	result = bind(fd, (const struct sockaddr *)sun, sizeof(*sun));
	error = errno;
	if (group && setegid(own) == -1)
		result = -1;
	umask(mask);
	errno = error;
	return result;
}

int
unixsock_open(const char *path, const char *group, gid_t *gid_r, char *why_r, size_t size)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	gid_t gid = NO_GROUP;
	int fd;

	if (strlen(path) >= sizeof(sun.sun_path)) {
		snprintf(why_r, size, "%s: the path of a socket has at most %zu bytes", path,
		    sizeof(sun.sun_path) - 1);
		return -1;
	}
	memcpy(sun.sun_path, path, strlen(path) + 1);
	if (group && unixsock_group(group, &gid) == -1) {
		snprintf(why_r, size, "%s: there is no group \"%s\"", path, group);
		return -1;
	}
	if (unixsock_alive(path)) {
		snprintf(why_r, size, "%s is in use by another process", path);
		return -1;
	}
	if (is_something_else(path)) {
		snprintf(why_r, size, "%s is there already, and is no socket", path);
		return -1;
	}
	if (strcmp(path, CONTROL_SOCKET) == 0)
		unixsock_parent(path);
	(void)unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1 || bind_as(fd, &sun, group, gid) == -1 || listen(fd, 16) == -1) {
		snprintf(why_r, size, "%s: %s", path, strerror(errno));
		if (fd != -1)
			close(fd);
		return -1;
	}
	*gid_r = gid;
	return fd;
}

int
unixsock_peer_ok(int fd, gid_t gid)
{
	gid_t groups[GROUPS_MOST];
	socklen_t len = sizeof(struct ucred), groups_len = sizeof(groups);
	struct ucred peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == -1)
		return 0;
	if (peer.uid == 0 || peer.uid == geteuid())
		return 1;
	if (gid == NO_GROUP)
		return 0;
	if (peer.gid == gid)
		return 1;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &groups_len) == -1)
		return 0;
	for (size_t i = 0; i < groups_len / sizeof(groups[0]); i++)
		if (groups[i] == gid)
			return 1;
	return 0;
}
