/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Listening sockets from the service manager.  Master.  The environment is the manager's; what a
 * socket is, the kernel says.
 */
#include "master/door/inherit.h"

#include "common/log.h"
#include "master/door/accept.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */

/* A variable's number, or -1. */
static long
number(const char *name)
{
	const char *text = getenv(name);
	char *end;
	long n;

	if (!text || *text < '0' || *text > '9')
		return -1;
	errno = 0;
	n = strtol(text, &end, 10);
	return *end == '\0' && errno == 0 ? n : -1;
}

/* The address of a listening TCP socket.  Returns 0, or -1 for anything else. */
static int
address(int fd, struct addr *a_r)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss), one = sizeof(int);
	int accepting = 0, type = 0, v6only = 1;
	static const uint8_t zero[sizeof(a_r->ip)];

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepting, &one) == -1 || !accepting ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &one) == -1 || type != SOCK_STREAM ||
	    getsockname(fd, (struct sockaddr *)&ss, &len) == -1)
		return -1;
	addr_from_sockaddr((struct sockaddr *)&ss, a_r);
	if (a_r->family == ADDR_NONE)
		return -1;
	if (a_r->family == ADDR_V6 && memcmp(a_r->ip, zero, sizeof(zero)) == 0)
		a_r->wildcard =
		    getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, &one) == 0 && !v6only;
	return 0;
}

/* is_ours: an earlier master has put it into the store; else a socket unit listens. */
static void
take(struct door *d, int fd, int is_ours)
{
	struct addr a;
	struct listener *l;
	char text[ADDR_TEXT];
	int flags = fcntl(fd, F_GETFL);

	if (flags == -1 || address(fd, &a) == -1)
		return;
	if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1 || fcntl(fd, F_SETFD, FD_CLOEXEC) == -1)
		return;
	l = calloc(1, sizeof(*l));
	if (!l)
		fatal("out of memory");
	l->door = d;
	l->addr = a;
	l->watch = (struct watch){ .fn = accept_event, .fd = fd };
	l->given = !is_ours;
	l->stored = is_ours;
	TAILQ_INSERT_TAIL(&d->given, l, link);
	log_say(LOG_DEBUG, "%s was passed by the service manager", addr_text(&a, text));
}

void
inherit_listeners(struct door *d)
{
	long count = number("LISTEN_FDS"), pid = number("LISTEN_PID");
	const char *name = getenv("LISTEN_FDNAMES");

	if (pid == (long)getpid() && count > 0 && count < INT_MAX - FIRST_FD)
		for (int fd = FIRST_FD; fd < FIRST_FD + (int)count; fd++) {
			take(d, fd, name && strncmp(name, "l-", 2) == 0);
			name = name ? strchr(name, ':') : NULL;
			name = name ? name + 1 : NULL;
		}
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDNAMES");
}

struct listener *
inherit_find(struct door *d, const struct addr *a)
{
	struct listener *l;

	TAILQ_FOREACH(l, &d->given, link)
	if (addr_equal(&l->addr, a) && l->addr.wildcard == a->wildcard)
		break;
	if (l)
		TAILQ_REMOVE(&d->given, l, link);
	return l;
}

/* Whether another descriptor for this address is the one that we use. */
static int
in_use(struct door *d, const struct addr *a)
{
	const struct listener *l;

	TAILQ_FOREACH(l, &d->listeners, link)
	if (addr_equal(&l->addr, a) && l->addr.wildcard == a->wildcard)
		return 1;
	return 0;
}

void
inherit_drop(struct door *d)
{
	struct listener *l, *next;

	for (l = TAILQ_FIRST(&d->given); l; l = next) {
		next = TAILQ_NEXT(l, link);
		if (l->given)
			continue;
		TAILQ_REMOVE(&d->given, l, link);
		if (!in_use(d, &l->addr)) {
			d->owner->keeps(d, l, 0);
			(void)shutdown(l->watch.fd, SHUT_RD); /* the store's descriptor, too */
		}
		close(l->watch.fd);
		free(l);
	}
}
