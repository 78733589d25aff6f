/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Looks through /proc for the process that listens on a port.  Master, only when a bind failed.
 * Reads what the kernel writes, and the names of other processes, which are escaped.
 */
#include "master/host/holder.h"

#include "common/log.h"
#include "common/log_escape.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATE_LISTEN 0x0A /* include/net/tcp_states.h */

/* The inode of a listening socket on this port in /proc/net/tcp or tcp6; 0 if there is none. */
static unsigned long
listening_inode(const char *path, uint16_t port)
{
	FILE *f = fopen(path, "re");
	unsigned long inode = 0;
	char line[512];

	while (f && inode == 0 && fgets(line, sizeof(line), f)) {
		unsigned local, state;
		unsigned long found;

		/* sl local_address:port remote:port st tx:rx tr:tm retrnsmt uid timeout inode */
		if (sscanf(line,
			" %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*s %*s %lu",
			&local, &state, &found) == 3 &&
		    local == port && state == STATE_LISTEN)
			inode = found;
	}
	if (f)
		fclose(f);
	return inode;
}

/* Whether a descriptor of this process is that socket. */
static int
has_socket(const char *pid, unsigned long inode)
{
	char path[64], want[64], link[64];
	struct dirent *e;
	int found = 0, fd;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%.16s/fd", pid);
	snprintf(want, sizeof(want), "socket:[%lu]", inode);
	d = opendir(path);
	fd = d ? dirfd(d) : -1;
	while (fd != -1 && !found && (e = readdir(d)) != NULL) {
		ssize_t n = readlinkat(fd, e->d_name, link, sizeof(link) - 1);

		link[n > 0 ? n : 0] = '\0';
		found = strcmp(link, want) == 0;
	}
	if (d)
		closedir(d);
	return found;
}

static void
name_of(const char *pid, char *buf_r, size_t size)
{
	char path[64], name[32] = "?", clean[128];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%.16s/comm", pid);
	f = fopen(path, "re");
	if (f) {
		if (fgets(name, sizeof(name), f))
			name[strcspn(name, "\n")] = '\0';
		fclose(f);
	}
	snprintf(
	    buf_r, size, "%s (pid %s)", log_escape(name, strlen(name), clean, sizeof(clean)), pid);
}

int
port_holder(uint16_t port, char *buf_r, size_t size)
{
	unsigned long inode = listening_inode("/proc/net/tcp", port);
	struct dirent *e;
	int found = 0;
	DIR *d;

	if (inode == 0)
		inode = listening_inode("/proc/net/tcp6", port);
	if (inode == 0)
		return -1;
	d = opendir("/proc");
	while (d && !found && (e = readdir(d)) != NULL) {
		if (!isdigit((unsigned char)e->d_name[0]) || !has_socket(e->d_name, inode))
			continue;
		name_of(e->d_name, buf_r, size);
		found = 1;
	}
	if (d)
		closedir(d);
	return found ? 0 : -1;
}
