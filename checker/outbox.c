/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The checker's end of the pipe to the master: one write is one whole record, or nothing.
 */
#include "checker/outbox.h"

#include "common/container.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Write what the pipe takes; a pipe takes a record of this size whole (pipe(7), PIPE_BUF). */
static void
flush(struct outbox *o)
{
	struct report r;
	struct note *n;

	while ((n = o->head) != NULL) {
		memset(&r, 0, sizeof(r));
		n->fill(n, &r);
		if (write(o->watch.fd, &r, sizeof(r)) == -1) {
			if (errno == EINTR)
				continue;
			if (errno == EPIPE)
				_exit(0); /* the master is gone */
			if (errno != EAGAIN || watch_set(o->loop, &o->watch, EPOLLOUT) == -1)
				fatal("checker: the master does not read: %s", strerror(errno));
			return;
		}
		o->head = n->next;
		if (!o->head)
			o->tail = &o->head;
		n->queued = 0;
	}
	(void)watch_set(o->loop, &o->watch, 0);
}

static void
on_room(struct watch *w, uint32_t events)
{
	(void)events;
	flush(CONTAINER(w, struct outbox, watch));
}

int
outbox_init(struct outbox *o, struct loop *loop, int fd)
{
	int flags = fcntl(fd, F_GETFL);

	*o = (struct outbox){ .loop = loop, .watch = { .fn = on_room, .fd = fd } };
	o->tail = &o->head;
	if (flags == -1)
		return -1;
	return fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

void
outbox_put(struct outbox *o, struct note *n)
{
	if (n->queued)
		return;
	n->queued = 1;
	n->next = NULL;
	*o->tail = n;
	o->tail = &n->next;
	if (o->watch.events == 0)
		flush(o);
}
