/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Binding ports and keeping them.  Master. */
#include "master/door/listen.h"

#include "common/keepalive.h"
#include "common/log.h"
#include "master/door/accept.h"
#include "master/door/inherit.h"
#include "master/host/holder.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct listener *
find(struct door *d, const struct addr *a)
{
	struct listener *l;

	TAILQ_FOREACH(l, &d->listeners, link)
	if (addr_equal(&l->addr, a) && l->addr.wildcard == a->wildcard)
		return l;
	return NULL;
}

/* A TCP socket for this address; `*` is IPv6 with IPv4 in it, or IPv4 alone where there is no other. */
static int
open_socket(const struct addr *a, struct sockaddr_storage *ss_r, socklen_t *len_r)
{
	int fd, one = 1, v6only = !a->wildcard;

	*len_r = addr_to_sockaddr(a, ss_r);
	fd = socket(ss_r->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1 && errno == EAFNOSUPPORT && a->wildcard) {
		struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(a->port) };

		memset(ss_r, 0, sizeof(*ss_r));
		memcpy(ss_r, &in, sizeof(in));
		*len_r = sizeof(in);
		fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	}
	if (fd == -1)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == -1 ||
	    (ss_r->ss_family == AF_INET6 &&
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only)) == -1)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Bind, also to an address that is not on this host (yet); *foreign_r says so. */
static int
bind_socket(int fd, const struct sockaddr_storage *ss, socklen_t len, int *foreign_r)
{
	int one = 1;

	*foreign_r = 0;
	if (bind(fd, (const struct sockaddr *)ss, len) == 0)
		return 0;
	if (errno != EADDRNOTAVAIL)
		return -1;
	*foreign_r = 1;
	/* For IPv6 sockets too: IPPROTO_IP's option is the one that both have. */
	if (setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &one, sizeof(one)) == -1)
		return -1;
	return bind(fd, (const struct sockaddr *)ss, len);
}

/* A socket of ours is at an address that overlaps a: both must ask for it. */
static int
share(const struct listener *l, const struct addr *a)
{
	int one = 1;

	if (!addr_covers(&l->addr, a))
		return 0;
	(void)setsockopt(l->watch.fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	return 1;
}

/*
 * Where a port goes from one address to all of them or back, both are bound for the time of a
 * reload or a restart, which the kernel permits to sockets of one user that both ask for it.  The new one does
 * not listen until the old one goes, so that no connection waits at a port that may never be served.
 */
static int
share_port(struct door *d, const struct addr *a, int fd)
{
	struct listener *l;
	int one = 1, shared = 0;

	TAILQ_FOREACH(l, &d->listeners, link)
	if (!l->is_new)
		shared |= share(l, a);
	TAILQ_FOREACH(l, &d->given, link)
	if (l->stored)
		shared |= share(l, a);
	if (shared)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	return shared;
}

static void
begin_to_listen(struct door *d, const struct conf *conf)
{
	struct listener *l;
	char text[ADDR_TEXT];

	TAILQ_FOREACH(l, &d->listeners, link)
	{
		if (!l->waits)
			continue;
		l->waits = 0;
		if (listen(l->watch.fd, BACKLOG) == -1)
			log_say(LOG_ERR, "%s: cannot listen on %s: %s", conf->name,
			    addr_text(&l->addr, text), strerror(errno));
	}
}

static void
complain(const struct conf *conf, struct problems *p, const struct conf_listener *cl, int error)
{
	char text[ADDR_TEXT], holder[128];

	p->outside++;
	addr_text(&cl->addr, text);
	if (error == EADDRINUSE && port_holder(cl->addr.port, holder, sizeof(holder)) == 0)
		conf_problem(conf, p, PROBLEM_ERROR, cl->line, "cannot listen on %s: in use by %s",
		    text, holder);
	else if (error == EADDRINUSE)
		conf_problem(conf, p, PROBLEM_ERROR, cl->line, "cannot listen on %s: in use", text);
	else if (error == EACCES)
		conf_problem(conf, p, PROBLEM_ERROR, cl->line,
		    "cannot listen on %s: ports below 1024 need root (or CAP_NET_BIND_SERVICE)",
		    text);
	else
		conf_problem(conf, p, PROBLEM_ERROR, cl->line, "cannot listen on %s: %s", text,
		    strerror(error));
}

static void
warn_foreign(const struct conf *conf, struct problems *p, const struct conf_listener *cl)
{
	char text[ADDR_TEXT];

	conf_problem(conf, p, PROBLEM_WARNING, cl->line, "%s is not an address of this host (yet)",
	    addr_text(&cl->addr, text));
}

void
listeners_look(const struct conf *conf, struct problems *p)
{
	for (size_t i = 0; i < conf->listener_count; i++) {
		struct addr any_port = conf->listeners[i].addr;
		struct sockaddr_storage ss;
		socklen_t len;
		int fd;

		any_port.port = 0;
		fd = open_socket(&any_port, &ss, &len);
		if (fd == -1)
			continue;
		if (bind(fd, (const struct sockaddr *)&ss, len) == -1 && errno == EADDRNOTAVAIL)
			warn_foreign(conf, p, &conf->listeners[i]);
		close(fd);
	}
}

/* What its connections inherit.  Those that wait in its backlog already have what was before. */
static void
set_keepalive(int fd, const struct conf *conf, const struct conf_listener *cl)
{
	keepalive_set(fd, conf->frontends[cl->frontend].timeouts.keepalive);
}

static void
open_listener(
    struct door *d, const struct conf *conf, const struct conf_listener *cl, struct problems *p)
{
	struct sockaddr_storage ss;
	socklen_t len;
	int foreign = 0, shared, fd;
	struct listener *l = inherit_find(d, &cl->addr);

	if (l) {
		l->is_new = 1;
		l->any = addr_is_any(&cl->addr);
		TAILQ_INSERT_TAIL(&d->listeners, l, link);
		return;
	}
	fd = open_socket(&cl->addr, &ss, &len);
	if (fd != -1)
		set_keepalive(fd, conf, cl);
	shared = fd != -1 && share_port(d, &cl->addr, fd);
	if (fd == -1 || bind_socket(fd, &ss, len, &foreign) == -1 ||
	    (!shared && listen(fd, BACKLOG) == -1)) {
		complain(conf, p, cl, errno);
		if (fd != -1)
			close(fd);
		return;
	}
	if (foreign)
		warn_foreign(conf, p, cl);
	l = calloc(1, sizeof(*l));
	if (!l)
		fatal("out of memory");
	l->door = d;
	l->addr = cl->addr;
	l->watch = (struct watch){ .fn = accept_event, .fd = fd };
	l->is_new = 1;
	l->waits = shared;
	l->any = addr_is_any(&cl->addr);
	TAILQ_INSERT_TAIL(&d->listeners, l, link);
}

void
listeners_prepare(struct door *d, const struct conf *conf, struct problems *p)
{
	for (size_t i = 0; i < conf->listener_count; i++)
		if (!find(d, &conf->listeners[i].addr))
			open_listener(d, conf, &conf->listeners[i], p);
}

/* Connections that are with a worker outlive the listener that they came from. */
static void
forget(struct door *d, struct listener *l)
{
	struct held *h;

	TAILQ_FOREACH(h, &d->conns.held, link)
	if (h->listener == l)
		h->listener = NULL;
}

static void
close_listener(struct door *d, struct listener *l)
{
	struct conn *c, *next;

	for (c = TAILQ_FIRST(&d->conns.parked); c; c = next) {
		next = TAILQ_NEXT(c, link);
		if (c->held->listener == l) {
			conns_reset(&d->conns, c);
			conns_free(&d->conns, c);
		}
	}
	forget(d, l);
	watch_set(d->loop, &l->watch, 0);
	TAILQ_REMOVE(&d->listeners, l, link);
	if (l->given || l->stored) {
		l->is_new = l->is_kept = 0;
		TAILQ_INSERT_TAIL(&d->given, l, link);
		return;
	}
	if (l->is_kept)
		d->owner->keeps(d, l, 0);
	/* The service manager's descriptor listens no more, either, before it gets to closing it. */
	(void)shutdown(l->watch.fd, SHUT_RD);
	close(l->watch.fd);
	free(l);
}

void
listeners_rollback(struct door *d)
{
	struct listener *l, *next;

	for (l = TAILQ_FIRST(&d->listeners); l; l = next) {
		next = TAILQ_NEXT(l, link);
		if (l->is_new)
			close_listener(d, l);
	}
}

/*
 * After a restart that has moved a port: who waits at the address where the master before us had
 * it is served as if he had come to the new one.
 */
static void
take_rest(struct door *d)
{
	struct listener *old, *l;
	struct conn *c;

	TAILQ_FOREACH(old, &d->given, link)
	TAILQ_FOREACH(l, &d->listeners, link)
	if (old->stored && addr_covers(&old->addr, &l->addr)) {
		/* An index of the new configuration: nobody is current who could take it for his own. */
		assert(!d->conf);
		old->any = addr_is_any(&old->addr);
		old->index = l->index;
		accept_rest(old);
		TAILQ_FOREACH(c, &d->conns.parked, link)
		if (c->held->listener == old)
			c->held->listener = l;
		forget(d, old);
		break;
	}
}

/* Called while the old generation is still current: what waits at a port that goes is its. */
void
listeners_commit(struct door *d, const struct conf *conf)
{
	struct listener *l, *next;

	begin_to_listen(d, conf);
	TAILQ_FOREACH(l, &d->listeners, link)
	l->wanted = 0;
	for (size_t i = 0; i < conf->listener_count; i++) {
		l = find(d, &conf->listeners[i].addr);
		if (!l)
			continue;
		l->wanted = 1;
	}
	for (l = TAILQ_FIRST(&d->listeners); l; l = next) {
		next = TAILQ_NEXT(l, link);
		if (l->wanted)
			continue;
		accept_rest(l);
		close_listener(d, l);
	}
	for (size_t i = 0; i < conf->listener_count; i++) {
		l = find(d, &conf->listeners[i].addr);
		if (!l)
			continue;
		l->index = (uint32_t)i;
		set_keepalive(l->watch.fd, conf, &conf->listeners[i]);
		if (l->is_new && !l->given)
			d->owner->keeps(d, l, 1);
		l->is_new = l->stored = 0;
		l->is_kept = 1;
	}
	take_rest(d);
	inherit_drop(d);
}

void
listeners_close(struct door *d)
{
	struct listener *l, *next;

	for (l = TAILQ_FIRST(&d->listeners); l; l = next) {
		next = TAILQ_NEXT(l, link);
		close_listener(d, l);
	}
}
