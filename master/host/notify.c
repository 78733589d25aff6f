/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Datagrams to the service manager.  Master.  Never waits longer than a moment for it. */
#include "master/host/notify.h"

#include "common/clock.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/*
 * A datagram socket's queue holds as few as ten messages, and the descriptors of a new generation
 * are more: each of them waits this long for room.  A manager that took nothing in that time is not
 * waited for again for a while.
 */
#define PATIENCE_MS 100
#define DEAF_MS     10000

struct notify {
	int fd;
	struct sockaddr_un to;
	socklen_t to_len;
	uint64_t watchdog; /* milliseconds between two signs of life; 0: none wanted */
	uint64_t deaf;     /* when it last took nothing: CLOCK_MONOTONIC, milliseconds; 0: never */
	int is_ready;      /* it knows that we are */
};

/* The address of NOTIFY_SOCKET: a path, or an abstract name after '@'.  Returns 0 or -1. */
static int
address(struct notify *n, const char *path)
{
	size_t len = path ? strlen(path) : 0;

	if (len < 2 || len >= sizeof(n->to.sun_path) || (path[0] != '/' && path[0] != '@'))
		return -1;
	n->to.sun_family = AF_UNIX;
	memcpy(n->to.sun_path, path, len);
	n->to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	if (path[0] == '@')
		n->to.sun_path[0] = '\0';
	else
		n->to_len++;
	return 0;
}

struct notify *
notify_open(void)
{
	const char *usec = getenv("WATCHDOG_USEC");
	const struct timeval patience = { .tv_usec = PATIENCE_MS * 1000 };
	struct notify *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->fd = -1;
	if (address(n, getenv("NOTIFY_SOCKET")) == 0)
		n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (n->fd == -1) {
		free(n);
		return NULL;
	}
	(void)setsockopt(n->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	/* Half the limit, as sd_watchdog_enabled(3) advises. */
	n->watchdog = usec ? strtoull(usec, NULL, 10) / 1000 / 2 : 0;
	return n;
}

void
notify_close(struct notify **n)
{
	if (!*n)
		return;
	close((*n)->fd);
	free(*n);
	*n = NULL;
}

uint64_t
notify_watchdog(const struct notify *n)
{
	return n ? n->watchdog : 0;
}

/* Whether to wait a moment for the manager: it reads, as far as we know. */
static int
is_patient(const struct notify *n, const char *text)
{
	return strncmp(text, "FDSTORE", 7) == 0 && (n->deaf == 0 || mono_ms() - n->deaf > DEAF_MS);
}

void
notify_send(struct notify *n, const char *text, int fd)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	char copy[512];
	struct iovec iov = { copy, 0 };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (!n)
		return;
	snprintf(copy, sizeof(copy), "%s", text);
	iov.iov_len = strlen(copy);
	mh.msg_name = &n->to;
	mh.msg_namelen = n->to_len;
	if (fd != -1) {
		mh.msg_control = control.space;
		mh.msg_controllen = sizeof(control.space);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(int));
	}
	/* What is stored must not be lost when many are stored at once: see PATIENCE_MS. */
	if (sendmsg(n->fd, &mh, MSG_NOSIGNAL | (is_patient(n, text) ? 0 : MSG_DONTWAIT)) == -1 &&
	    errno == EAGAIN)
		n->deaf = mono_ms();
}

void
notify_ready(struct notify *n)
{
	if (!n || n->is_ready)
		return;
	n->is_ready = 1;
	notify_send(n, "READY=1", -1);
}

void
notify_reloading(struct notify *n)
{
	struct timespec ts;
	char text[96];

	if (!n || !n->is_ready)
		return;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%llu",
	    (unsigned long long)ts.tv_sec * 1000000 + (unsigned long long)ts.tv_nsec / 1000);
	notify_send(n, text, -1);
}

void
notify_reloaded(struct notify *n)
{
	if (n && n->is_ready)
		notify_send(n, "READY=1", -1);
}

void
notify_stopping(struct notify *n)
{
	notify_send(n, "STOPPING=1", -1);
}
