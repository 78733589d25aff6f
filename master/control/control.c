/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Serving the control socket.  Master; the bytes are those of an administrator, or on the monitor
 * socket of a monitoring system.  One line of bounded length, one answer, never a wait.
 */
#include "master/control/control.h"

#include "common/container.h"
#include "common/control.h"
#include "common/log.h"
#include "master/control/show.h"
#include "master/door/accept.h"
#include "master/host/sockpath.h"
#include "master/host/unixsock.h"
#include "master/life/reload.h"
#include "master/life/status.h"
#include "master/upgrade/upgrade.h"

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
	int which;      /* which socket it came over */
	uint64_t waits; /* for the end of this reload; 0: for none */
	enum reload_kind kind;
	int upgrades; /* it waits for the end of an upgrade */
	char line[CONTROL_LINE];
	size_t len;
	char *answer; /* open_memstream's */
	size_t answer_len, sent;
};

struct control {
	struct master *m;
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

	timer_stop(&c->timer);
	watch_set(control->m->loop, &c->watch, 0);
	close(c->watch.fd);
	TAILQ_REMOVE(&control->clients, c, link);
	control->client_count[c->which]--;
	free(c->answer);
	free(c);
}

/* Send what is left of the answer; the client is gone when all is sent. */
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
		if (n <= 0)
			break;
		c->sent += (size_t)n;
	}
	client_free(c);
}

static int
is_waiting(const struct client *c)
{
	return c->waits || c->upgrades;
}

static void
run(struct client *c, FILE *f)
{
	struct master *m = c->control->m;
	const char *rest;
	int command = control_find(c->line, &rest);

	if (command == -1 || *rest) {
		fprintf(f, "%sunknown command; help lists them\n", CONTROL_ERROR);
		return;
	}
	if (c->which == SOCKET_MONITOR && !control_commands[command].reads) {
		fprintf(f, "%sthis socket only shows\n", CONTROL_ERROR);
		return;
	}
	switch ((enum control_name)command) {
	case CONTROL_HELP:
		show_help(f, c->which == SOCKET_MONITOR);
		break;
	case CONTROL_RELOAD:
	case CONTROL_RELOAD_CERTS:
		c->kind = command == CONTROL_RELOAD ? RELOAD_FILE : RELOAD_CERTS;
		c->waits = m->reloads[c->kind].begun + 1;
		break;
	case CONTROL_UPGRADE:
		c->upgrades = 1;
		break;
	case CONTROL_SHOW_INFO:
		show_info(m, f);
		break;
	case CONTROL_SHOW_STATE:
		show_state(m, f);
		break;
	case CONTROL_SHOW_WORKERS:
		show_workers(m, f);
		break;
	case CONTROL_STATUS:
		status_show(m, f);
		break;
	case CONTROL_COUNT:
		break;
	}
}

/* An answer of one line, or of none, is complete. */
static void
answer(struct client *c, void (*fill)(struct client *c, FILE *f))
{
	FILE *f = open_memstream(&c->answer, &c->answer_len);

	if (!f) {
		client_free(c);
		return;
	}
	fill(c, f);
	fputc('\n', f);
	fclose(f);
	if (is_waiting(c)) {
		/* Not yet: the end of what it asks for fills it. */
		free(c->answer);
		c->answer = NULL;
		c->answer_len = 0;
		timer_stop(&c->timer);
		if (c->upgrades)
			upgrade_begin(c->control->m);
		else
			reload_begin(c->control->m, c->kind);
		return;
	}
	send_answer(c);
}

static void
fill_too_long(struct client *c, FILE *f)
{
	(void)c;
	fprintf(f, "%sa command has at most %d bytes\n", CONTROL_ERROR, CONTROL_LINE - 1);
}

static void
fill_reload(struct client *c, FILE *f)
{
	const struct master *m = c->control->m;
	const struct errors *e = &m->reloads[c->kind].errors;
	const char *taken = m->reloads[c->kind].taken;

	for (size_t i = 0; i < e->count; i++)
		fprintf(f, "%s%s\n", i == 0 ? CONTROL_ERROR : "", e->lines[i]);
	if (e->more > 0)
		fprintf(f, "and %zu more; mailreeve -t prints all\n", e->more);
	if (e->count == 0)
		fprintf(f, "%s: generation %u%s%s\n",
		    c->kind == RELOAD_FILE ? "reloaded" : "certificates",
		    m->current ? m->current->id : 0, taken ? ", taken over: " : "",
		    taken ? taken : "");
}

void
control_reload_done(struct master *m, enum reload_kind kind)
{
	struct client *c, *next;

	if (!m->control)
		return;
	for (c = TAILQ_FIRST(&m->control->clients); c; c = next) {
		next = TAILQ_NEXT(c, link);
		if (c->waits == 0 || c->kind != kind || c->waits > m->reloads[kind].begun)
			continue;
		c->waits = 0;
		timer_set(m->loop, &c->timer, CLIENT_TIME);
		answer(c, fill_reload);
	}
}

static void
fill_upgrade(struct client *c, FILE *f)
{
	const struct master *m = c->control->m;
	char words[UPGRADE_WORDS];

	if (*upgrade_words(m, words))
		fprintf(f, "%s%s\n", CONTROL_ERROR, words);
	else
		fprintf(f, "upgraded: version %s, generation %u\n", MAILREEVE_VERSION,
		    m->current ? m->current->id : 0);
}

void
control_upgrade_done(struct master *m)
{
	struct client *c, *next;

	if (!m->control)
		return;
	for (c = TAILQ_FIRST(&m->control->clients); c; c = next) {
		next = TAILQ_NEXT(c, link);
		if (!c->upgrades)
			continue;
		c->upgrades = 0;
		timer_set(m->loop, &c->timer, CLIENT_TIME);
		answer(c, fill_upgrade);
	}
}

size_t
control_waiting(const struct master *m, int fds_r[CONTROL_ASKED])
{
	const struct client *c;
	size_t count = 0;

	if (m->control)
		TAILQ_FOREACH(c, &m->control->clients, link)
	if (c->upgrades && count < CONTROL_ASKED)
		fds_r[count++] = c->watch.fd;
	return count;
}

static void
on_client(struct watch *w, uint32_t events)
{
	struct client *c = CONTAINER(w, struct client, watch);
	ssize_t n;

	if (c->answer) {
		send_answer(c);
		return;
	}
	if (is_waiting(c)) {
		/* Whoever goes away meanwhile is not waited for. */
		if (events & (EPOLLHUP | EPOLLERR))
			client_free(c);
		else
			(void)watch_set(c->control->m->loop, w, EPOLLHUP);
		return;
	}
	n = recv(w->fd, c->line + c->len, sizeof(c->line) - 1 - c->len, MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == -1) {
		client_free(c);
		return;
	}
	c->len += (size_t)n;
	c->line[c->len] = '\0';
	if (memchr(c->line, '\n', c->len) || n == 0) {
		c->line[strcspn(c->line, "\n")] = '\0';
		answer(c, run);
	} else if (c->len == sizeof(c->line) - 1) {
		answer(c, fill_too_long);
	}
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
	TAILQ_INIT(&c->clients);
	c->again.fn = on_again;
	c->sockets[SOCKET_CONTROL] = (struct watch){ .fn = on_control, .fd = -1 };
	c->sockets[SOCKET_MONITOR] = (struct watch){ .fn = on_monitor, .fd = -1 };
	m->control = c;
	return c;
}

void
control_adopt(struct master *m, int fd)
{
	struct client *c = fd == -1 ? NULL : client_new(control_of(m), SOCKET_CONTROL, fd);

	if (c)
		c->upgrades = 1;
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
