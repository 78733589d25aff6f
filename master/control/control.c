/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Serving the control socket.  Master; the bytes are those of an administrator, or on the monitor
 * socket of a monitoring system.  One line of bounded length, an answer for each command in it, one
 * after the other; a client is never waited for.
 */
#include "master/control/control.h"

#include "common/container.h"
#include "common/control.h"
#include "common/log.h"
#include "master/control/commands.h"
#include "master/door/accept.h"
#include "master/host/sockpath.h"
#include "master/host/unixsock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS_MOST 32    /* of each socket: who may only look does not shut out the other */
#define CLIENT_TIME  10000 /* milliseconds for a command to come and its answer to be read */
#define ACCEPT_AGAIN 100   /* milliseconds until accepting is tried again without descriptors */

enum { SOCKET_CONTROL, SOCKET_MONITOR, SOCKET_COUNT };

struct client {
	TAILQ_ENTRY(client) link;
	struct control *control;
	struct watch watch;
	struct timer timer;
	int which; /* which socket it came over */
	char line[CONTROL_LINE];
	size_t len;
	char *rest;             /* of the line, once it is whole: commands that follow */
	int is_whole;           /* so it is */
	struct request request; /* the command that is running or waits */
	char *answer;           /* ... and its answer on the way; NULL: there is none yet */
	size_t answer_len, sent;
};

struct control {
	struct master *m;
	struct command_set sets[COMMANDS_SETS];
	struct watch sockets[SOCKET_COUNT];
	char *paths[SOCKET_COUNT], *groups[SOCKET_COUNT];
	gid_t gids[SOCKET_COUNT]; /* the groups' numbers */
	TAILQ_HEAD(, client) clients;
	int client_count[SOCKET_COUNT];
	int where_said;     /* that mailreevectl does not find it by itself: once is enough */
	struct timer again; /* runs while the sockets are not polled for want of descriptors */
};

static void
client_free(struct client *c)
{
	struct control *control = c->control;

	request_cancel(&c->request);
	timer_stop(&c->timer);
	watch_set(control->m->loop, &c->watch, 0);
	close(c->watch.fd);
	TAILQ_REMOVE(&control->clients, c, link);
	control->client_count[c->which]--;
	free(c->answer);
	free(c);
}

/* One answer is sent.  The next command begins from the loop: others have their turn between. */
static void
answer_sent(struct client *c)
{
	free(c->answer);
	c->answer = NULL;
	if (!c->rest || watch_set(c->control->m->loop, &c->watch, EPOLLOUT) == -1)
		client_free(c);
}

/* Send what is left of the answer; the client is gone when all are sent. */
static void
send_answer(struct client *c)
{
	while (c->sent < c->answer_len) {
		ssize_t n = send(c->watch.fd, c->answer + c->sent, c->answer_len - c->sent,
		    MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n == -1 && errno == EAGAIN) {
			(void)watch_set(c->control->m->loop, &c->watch, EPOLLOUT);
			return;
		}
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			client_free(c);
			return;
		}
		c->sent += (size_t)n;
	}
	answer_sent(c);
}

static void
on_answered(struct request *r, char *text, size_t size)
{
	struct client *c = CONTAINER(r, struct client, request);

	if (!text) {
		client_free(c);
		return;
	}
	c->answer = text;
	c->answer_len = size;
	c->sent = 0;
	timer_set(c->control->m->loop, &c->timer, CLIENT_TIME);
	send_answer(c);
}

/* No answer yet: who goes away meanwhile is not waited for, and nothing else wakes us. */
static void
hold(struct client *c)
{
	timer_stop(&c->timer);
	(void)watch_set(c->control->m->loop, &c->watch, EPOLLHUP);
}

static void
run(struct client *c, const char *command)
{
	const struct command_sets all = { c->control->sets, COMMANDS_SETS };

	c->request.is_last = !c->rest || c->rest[strspn(c->rest, "; \t\r")] == '\0';
	if (command_run(&all, &c->request, command))
		hold(c);
}

static void
run_next(struct client *c)
{
	const char *command = control_next(&c->rest);

	if (command)
		run(c, command);
	else
		client_free(c);
}

static void
run_first(struct client *c)
{
	const char *command;

	c->line[strcspn(c->line, "\n")] = '\0';
	c->is_whole = 1;
	c->rest = c->line;
	command = control_next(&c->rest);
	run(c, command ? command : "");
}

static void
fill_too_long(struct request *r)
{
	fprintf(r->out, "%sa command has at most %d bytes\n", CONTROL_ERROR, CONTROL_LINE - 1);
}

static void
read_line(struct client *c)
{
	ssize_t n = recv(c->watch.fd, c->line + c->len, sizeof(c->line) - 1 - c->len, MSG_DONTWAIT);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == -1) {
		client_free(c);
		return;
	}
	c->len += (size_t)n;
	c->line[c->len] = '\0';
	if (memchr(c->line, '\n', c->len) || n == 0) {
		run_first(c);
	} else if (c->len == sizeof(c->line) - 1) {
		c->is_whole = 1;
		(void)request_run(&c->request, fill_too_long);
	}
}

static void
on_client(struct watch *w, uint32_t events)
{
	struct client *c = CONTAINER(w, struct client, watch);

	if (c->answer)
		send_answer(c);
	else if (!c->is_whole)
		read_line(c);
	else if (!request_is_waiting(&c->request))
		run_next(c);
	else if (events & (EPOLLHUP | EPOLLERR))
		client_free(c);
}

static void
on_timeout(struct timer *t)
{
	client_free(CONTAINER(t, struct client, timer));
}

static void
poll_sockets(struct control *c, uint32_t events)
{
	for (int i = 0; i < SOCKET_COUNT; i++)
		if (c->sockets[i].fd != -1)
			(void)watch_set(c->m->loop, &c->sockets[i], events);
}

static void
on_again(struct timer *t)
{
	poll_sockets(CONTAINER(t, struct control, again), EPOLLIN);
}

/* Takes fd over. */
static struct client *
client_new(struct control *control, int which, int fd)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c) {
		close(fd);
		return NULL;
	}
	c->control = control;
	c->which = which;
	c->watch = (struct watch){ .fn = on_client, .fd = fd };
	c->timer.fn = on_timeout;
	c->request = (struct request){ .all = &control->m->requests,
		.fd = fd,
		.reads_only = which == SOCKET_MONITOR,
		.answered = on_answered };
	TAILQ_INSERT_TAIL(&control->clients, c, link);
	control->client_count[which]++;
	if (watch_set(control->m->loop, &c->watch, EPOLLIN) == -1) {
		client_free(c);
		return NULL;
	}
	return c;
}

static void
on_connect(struct control *control, int which)
{
	int fd = accept4(control->sockets[which].fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct client *c;

	if (fd == -1) {
		/* Whoever waits is told again and again: look away for a moment. */
		if (accept_no_room(errno)) {
			poll_sockets(control, 0);
			timer_set(control->m->loop, &control->again, ACCEPT_AGAIN);
		}
		return;
	}
	if (control->client_count[which] >= CLIENTS_MOST ||
	    !unixsock_peer_ok(fd, control->gids[which]))
		close(fd);
	else if ((c = client_new(control, which, fd)) != NULL)
		timer_set(control->m->loop, &c->timer, CLIENT_TIME);
}

static void
on_control(struct watch *w, uint32_t events)
{
	(void)events;
	on_connect(CONTAINER(w, struct control, sockets[SOCKET_CONTROL]), SOCKET_CONTROL);
}

static void
on_monitor(struct watch *w, uint32_t events)
{
	(void)events;
	on_connect(CONTAINER(w, struct control, sockets[SOCKET_MONITOR]), SOCKET_MONITOR);
}

/* ---- The sockets ---- */

static int
same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void
close_socket(struct control *c, int which)
{
	if (c->sockets[which].fd == -1)
		return;
	watch_set(c->m->loop, &c->sockets[which], 0);
	close(c->sockets[which].fd);
	c->sockets[which].fd = -1;
	if (which == SOCKET_CONTROL)
		sockpath_forget(CONTROL_WHERE, c->paths[which]);
	unlink(c->paths[which]);
	free(c->paths[which]);
	free(c->groups[which]);
	c->paths[which] = c->groups[which] = NULL;
}

static void
open_one(struct control *c, int which, const char *path, const char *group)
{
	char why[256];
	int fd;

	if (c->sockets[which].fd != -1 && same(c->paths[which], path) &&
	    same(c->groups[which], group))
		return;
	close_socket(c, which);
	if (!path)
		return;
	fd = unixsock_open(path, group, &c->gids[which], why, sizeof(why));
	if (fd == -1) {
		log_say(LOG_WARNING, "no control socket: %s", why);
		return;
	}
	c->sockets[which].fd = fd;
	c->paths[which] = strdup(path);
	c->groups[which] = group ? strdup(group) : NULL;
	if (!c->paths[which] || (group && !c->groups[which]) ||
	    watch_set(c->m->loop, &c->sockets[which], EPOLLIN) == -1)
		fatal("no memory for the control socket");
}

/* So that mailreevectl finds the socket wherever it is. */
static void
say_where(struct control *c)
{
	const char *path = c->paths[SOCKET_CONTROL];
	char why[256];

	if (path && sockpath_say(CONTROL_WHERE, path, why, sizeof(why)) == -1 &&
	    strcmp(path, CONTROL_SOCKET) != 0 && !c->where_said++)
		log_say(LOG_NOTICE, "mailreevectl needs -s %s: %s", path, why);
}

/* The master's, made when it is first asked for. */
static struct control *
control_of(struct master *m)
{
	struct control *c = m->control;

	if (c)
		return c;
	c = calloc(1, sizeof(*c));
	if (!c)
		fatal("no memory for the control socket");
	c->m = m;
	commands_list(m, c->sets);
	TAILQ_INIT(&c->clients);
	c->again.fn = on_again;
	c->sockets[SOCKET_CONTROL] = (struct watch){ .fn = on_control, .fd = -1 };
	c->sockets[SOCKET_MONITOR] = (struct watch){ .fn = on_monitor, .fd = -1 };
	m->control = c;
	return c;
}

void
control_resume(struct master *m)
{
	int fd;

	while ((fd = requests_take(&m->requests)) != -1) {
		struct control *control = control_of(m);
		const struct command_sets all = { control->sets, COMMANDS_SETS };
		struct client *c = client_new(control, SOCKET_CONTROL, fd);

		if (!c)
			continue;
		c->is_whole = 1;
		if (command_resume(&all, &c->request, CONTROL_UPGRADE))
			hold(c);
	}
}

void
control_open(struct master *m, const struct conf *conf)
{
	struct control *c = control_of(m);

	open_one(c, SOCKET_CONTROL, conf->control.socket, conf->control.group);
	say_where(c);
	open_one(c, SOCKET_MONITOR, conf->control.monitor_socket, conf->control.monitor_group);
}

void
control_close(struct master *m)
{
	struct control *c = m->control;

	if (!c)
		return;
	while (!TAILQ_EMPTY(&c->clients)) /* clang's analyzer does not see that each one leaves */
		client_free(TAILQ_FIRST(&c->clients)); /* NOLINT(clang-analyzer-unix.Malloc) */
	for (int i = 0; i < SOCKET_COUNT; i++)
		close_socket(c, i);
	timer_stop(&c->again);
	free(c);
	m->control = NULL;
}
