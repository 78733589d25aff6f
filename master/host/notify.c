/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Telling the service manager how we are.  Master.  Never waits for it longer than a moment. */
#include "master/host/notify.h"

#include "common/clock.h"
#include "master/servers/counts.h"
#include "master/servers/servers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/*
 * A datagram socket's queue holds as few as ten messages.  The descriptors of a new generation are
 * more; for them we wait so long at most, and then not again for a while.
 */
#define PATIENCE_MS 100
#define DEAF_MS     10000
#define STATUS_MS   1000

struct notify {
	int fd;
	struct sockaddr_un to;
	socklen_t to_len;
	uint64_t watchdog; /* milliseconds between two signs of life; 0: none wanted */
	uint64_t alive;    /* when the last one was given */
	char status[256];
	int is_ready;
	uint64_t told; /* when STATUS was last looked at */
	uint64_t deaf; /* when it last took nothing: CLOCK_MONOTONIC, milliseconds; 0: never */
};

void
notify_open(struct master *m)
{
	const char *path = getenv("NOTIFY_SOCKET"), *usec = getenv("WATCHDOG_USEC");
	const struct timeval patience = { .tv_usec = PATIENCE_MS * 1000 };
	struct notify *n;
	size_t len = path ? strlen(path) : 0;

	if (len < 2 || len >= sizeof(n->to.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	n = calloc(1, sizeof(*n));
	if (!n)
		return;
	n->to.sun_family = AF_UNIX;
	memcpy(n->to.sun_path, path, len);
	n->to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	if (path[0] == '@')
		n->to.sun_path[0] = '\0'; /* an abstract name */
	else
		n->to_len++;
	/* Half the limit, as sd_watchdog_enabled(3) advises. */
	n->watchdog = usec ? strtoull(usec, NULL, 10) / 1000 / 2 : 0;
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	setsockopt(n->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (n->fd == -1) {
		free(n);
		return;
	}
	m->notify = n;
}

/* Whether to wait a moment for the manager: it reads, as far as we know. */
static int
is_patient(const struct notify *n, const char *text)
{
	return strncmp(text, "FDSTORE", 7) == 0 && (n->deaf == 0 || mono_ms() - n->deaf > DEAF_MS);
}

void
notify_send(struct master *m, const char *text, int fd)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	char copy[512];
	struct iovec iov = { copy, 0 };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (!m->notify)
		return;
	snprintf(copy, sizeof(copy), "%s", text);
	iov.iov_len = strlen(copy);
	mh.msg_name = &m->notify->to;
	mh.msg_namelen = m->notify->to_len;
	if (fd != -1) {
		mh.msg_control = control.space;
		mh.msg_controllen = sizeof(control.space);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(int));
	}
	/* What is stored must not be lost when many are stored at once: see PATIENCE. */
	if (sendmsg(m->notify->fd, &mh,
		MSG_NOSIGNAL | (is_patient(m->notify, text) ? 0 : MSG_DONTWAIT)) == -1 &&
	    errno == EAGAIN)
		m->notify->deaf = mono_ms();
}

void
notify_ready(struct master *m)
{
	if (!m->notify || m->notify->is_ready)
		return;
	m->notify->is_ready = 1;
	notify_send(m, "READY=1", -1);
}

void
notify_reloading(struct master *m)
{
	struct timespec ts;
	char text[96];

	if (!m->notify || !m->notify->is_ready)
		return;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%llu",
	    (unsigned long long)ts.tv_sec * 1000000 + (unsigned long long)ts.tv_nsec / 1000);
	notify_send(m, text, -1);
}

void
notify_reloaded(struct master *m)
{
	if (m->notify && m->notify->is_ready)
		notify_send(m, "READY=1", -1);
}

void
notify_stopping(struct master *m)
{
	notify_send(m, "STOPPING=1", -1);
}

/* "3 of 4 servers up, 120 connections", and the last reload's error. */
static void
say_status(struct master *m)
{
	struct notify *n = m->notify;
	struct server_count c = { 0 };
	char text[sizeof(n->status)], brief[160];
	char *missing = NULL, up[64], lack[64] = "";

	if (m->current) {
		c = servers_count(m->current, UINT32_MAX);
		missing = servers_missing(m->current);
	}
	snprintf(up, sizeof(up), "STATUS=%u of %u servers up", c.serving, c.all);
	if (missing)
		snprintf(lack, sizeof(lack), "; no server for %.40s%s", missing,
		    strlen(missing) > 40 ? "..." : "");
	free(missing);
	if (m->reloads[RELOAD_FILE].errors.count && !m->stopping)
		snprintf(text, sizeof(text), "%s%s; not reloaded: %s", up, lack,
		    errors_brief(&m->reloads[RELOAD_FILE].errors, brief, sizeof(brief)));
	else
		snprintf(text, sizeof(text), "%s, %zu connections%s%s", up, counts_all(m),
		    m->stopping ? ", stopping" : "", lack);
	if (strcmp(text, n->status) == 0)
		return;
	memcpy(n->status, text, sizeof(text));
	notify_send(m, text, -1);
}

/*
 * The loop turns, or we would not be here; and of each kind there is a child that serves.  One that
 * does not answer is ended by procs_tick, and serves no more.
 */
static int
is_alive(const struct master *m)
{
	const struct generation *g = m->current;

	if (m->stopping)
		return 1;
	if (!g || g->keeper.state != PROC_SERVING || g->checker.state != PROC_SERVING)
		return 0;
	for (uint32_t i = 0; i < g->worker_count; i++)
		if (g->workers[i].p.state == PROC_SERVING)
			return 1;
	return 0;
}

void
notify_tick(struct master *m)
{
	uint64_t now = loop_now(m->loop);
	struct notify *n = m->notify;

	if (!n)
		return;
	if (n->watchdog && now - n->alive >= n->watchdog && is_alive(m)) {
		n->alive = now;
		notify_send(m, "WATCHDOG=1", -1);
	}
	if (now - n->told >= STATUS_MS) {
		n->told = now;
		say_status(m);
	}
}
