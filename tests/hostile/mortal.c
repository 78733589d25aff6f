/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * A worker that keeps a diary, to be started instead of mailreeve-worker and killed at any moment:
 * before it touches a connection it writes the client's address into the log, and only goes on
 * when the pipe has taken that.  A client that was lost without its address in the log was lost
 * untouched.
 *
 * It answers each connection with what the client has sent, and closes.
 */
#include "common/child.h"
#include "common/loop.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BURN_US 300 /* work on each connection, so that kills find some of them in the middle */

struct client {
	struct watch watch;
	uint64_t id;
	struct addr peer;
};

static struct child self;
static struct loop *loop;
static uint64_t taken;
static size_t open_clients;
static int retired;

static void
diary(const struct addr *peer)
{
	char line[128], text[ADDR_TEXT];
	int n = snprintf(line, sizeof(line), "<6>touching %s\n", addr_text(peer, text));

	while (write(FD_LOG, line, (size_t)n) == -1) {
		struct pollfd p = { .fd = FD_LOG, .events = POLLOUT };

		if (errno != EAGAIN || poll(&p, 1, 10000) != 1)
			_exit(3);
	}
}

static void
tell_id(enum msg_type type, uint64_t id)
{
	static const struct msg_empty empty;
	struct msg_id item = { id };

	while (chan_send(&self.chan, type, &empty, &item, 1, NULL, 0) == -1) {
		struct pollfd p = { .fd = FD_CHAN, .events = POLLOUT };

		if (errno != EAGAIN || poll(&p, 1, 10000) != 1)
			_exit(4);
	}
}

static void
burn(void)
{
	struct timespec start, now;

	clock_gettime(CLOCK_MONOTONIC, &start);
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while (
	    (now.tv_sec - start.tv_sec) * 1000000 + (now.tv_nsec - start.tv_nsec) / 1000 < BURN_US);
}

static void
on_client(struct watch *w, uint32_t events)
{
	struct client *c = (struct client *)(void *)w;
	char buf[64];
	int one = 1;
	ssize_t n;

	(void)events;
	diary(&c->peer);
	setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	n = recv(w->fd, buf, sizeof(buf), MSG_DONTWAIT);
	burn();
	if (n > 0)
		send(w->fd, buf, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
	tell_id(MSG_TOUCHED, c->id);
	watch_set(loop, w, 0);
	shutdown(w->fd, SHUT_WR);
	close(w->fd);
	tell_id(MSG_CLOSED, c->id);
	free(c);
	open_clients--;
}

static void
take(const struct msg *m)
{
	const struct msg_handover *items = m->items;

	for (uint32_t i = 0; i < m->count; i++) {
		struct client *c = calloc(1, sizeof(*c));

		if (!c)
			_exit(5);
		c->watch = (struct watch){ .fn = on_client, .fd = m->fds[i] };
		c->id = items[i].id;
		c->peer = items[i].peer;
		open_clients++;
		taken++;
		watch_set(loop, &c->watch, EPOLLIN);
	}
	chan_tell(&self.chan, MSG_TAKEN, &(struct msg_taken){ taken });
}

static void
on_master(struct watch *w, uint32_t events)
{
	_Alignas(8) unsigned char buf[CHAN_BUF];
	struct msg m;

	(void)events;
	switch (chan_recv(&self.chan, buf, sizeof(buf), &m)) {
	case CHAN_AGAIN:
		return;
	case CHAN_GONE:
	case CHAN_BAD:
		watch_set(loop, w, 0);
		retired = 1;
		return;
	case CHAN_MSG:
		break;
	}
	if (m.type == MSG_HANDOVER)
		take(&m);
	else if (m.type == MSG_RETIRE || m.type == MSG_END)
		retired = 1;
	else
		msg_drop_fds(&m);
}

int
main(int argc, char **argv)
{
	struct watch master;

	child_start(argc, argv, ROLE_WORKER, &self);
	loop = loop_new();
	if (!loop)
		return 6;
	master = (struct watch){ .fn = on_master, .fd = FD_CHAN };
	watch_set(loop, &master, EPOLLIN);
	child_ready(&self);
	while (!retired || open_clients > 0)
		loop_once(loop, -1);
	return 0;
}
