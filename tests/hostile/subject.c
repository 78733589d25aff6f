/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Plays the surroundings of one real child: its master, its clients and its server.  A test's; it
 * believes nothing that the child sends.
 */
#include "tests/hostile/subject.h"

#include "common/board.h"
#include "common/bundle.h"
#include "common/conf.h"
#include "common/log.h"
#include "common/tally.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

const char *
subject_name(const struct subject *s)
{
	return s->role == ROLE_WORKER ? "worker" : s->role == ROLE_CHECKER ? "checker" : "keeper";
}

static int
need(int fd, const char *what)
{
	if (fd == -1)
		fatal("%s: %s", what, strerror(errno));
	return fd;
}

/* ---- What outlives a process ---- */

static uint16_t
port_of(int fd, int peer)
{
	struct sockaddr_in sin = { 0 };
	socklen_t len = sizeof(sin);
	int r = peer ? getpeername(fd, (struct sockaddr *)&sin, &len) :
		       getsockname(fd, (struct sockaddr *)&sin, &len);

	need(r, "the address of a socket");
	return ntohs(sin.sin_port);
}

static int
listening(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = need(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");

	need(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), "bind");
	need(listen(fd, 64), "listen");
	return fd;
}

static void
add(struct bundle_writer *w, enum piece_kind kind, const char *name, const char *data, size_t size)
{
	struct piece p = { .kind = kind, .name = name, .key_name = "", .data = data, .size = size };

	need(bundle_add(w, &p), "bundle");
}

void
subject_make(struct subject *s, enum role role, const char *program)
{
	struct problems problems = { 0 };
	struct bundle_writer *w = bundle_new("hostile");
	struct board_server server = { .health = HEALTH_UP, .weight = 256, .addr_count = 1 };
	struct board *board;
	struct conf *conf;
	char text[1024];

	*s = (struct subject){ .role = role, .program = program };
	s->front = listening();
	s->back = listening();
	snprintf(text, sizeof(text),
	    "frontends = ( { name = \"front\"; bind = \"127.0.0.1:%u\"; backend = \"back\"; } );\n"
	    "backends = ( { name = \"back\"; send_proxy = \"v2\"; servers = \"127.0.0.1:%u\";\n"
	    "  check = { type = \"tcp\"; interval = \"1h\"; }; } );\n",
	    port_of(s->front, 0), port_of(s->back, 0));
	conf = conf_parse(text, "/hostile.conf", NULL, &problems);
	if (!conf || !w)
		fatal("configuration: %s", problems.count ? problems.items[0].text : "none");
	if (role == ROLE_KEEPER)
		add(w, PIECE_SEED, "seed", "0123456789abcdef0123456789abcdef", 32);
	else
		add(w, PIECE_CONF, "/hostile.conf", text, strlen(text));
	s->bundle = need(bundle_seal(w), "bundle");
	bundle_writer_free(&w);
	board = board_new(conf->slot_count, &s->board);
	if (!board || !tally_new(1, conf->slot_count, &s->tally))
		fatal("board and tally: %s", strerror(errno));
	server.addrs[0] = conf->servers[0].addr;
	board_write(board, 0, &server);
	s->board = need(board_reader(s->board), "board");
	problems_clear(&problems);
	conf_free(&conf);
}

/* ---- Life and death ---- */

/* Read its log; 1 when it has closed it, which is when it has ended. */
static int
read_log(struct subject *s)
{
	char waste[4096];
	ssize_t n;

	for (;;) {
		size_t room = sizeof(s->log) - 1 - s->log_len;

		n = room ? read(s->log_pipe, s->log + s->log_len, room) :
			   read(s->log_pipe, waste, sizeof(waste));
		if (n <= 0)
			return n == 0;
		if (room)
			s->log_len += (size_t)n;
		s->log[s->log_len] = '\0';
	}
}

void
subject_forget(struct subject *s)
{
	(void)read_log(s);
	s->log_len = 0;
	s->log[0] = '\0';
}

enum wait { WAIT_READY, WAIT_ENDED, WAIT_OVER };

/* Until there is something to read from (or room to write to) fd, or the child has ended. */
static enum wait
wait_for(struct subject *s, int fd, short events)
{
	for (int i = 0; i < 100; i++) {
		struct pollfd p[2] = { { .fd = fd, .events = events },
			{ .fd = s->log_pipe, .events = POLLIN } };

		if (poll(p, 2, PATIENCE) <= 0)
			break;
		if (p[0].revents)
			return WAIT_READY;
		if (p[1].revents && read_log(s))
			return WAIT_ENDED;
	}
	return WAIT_OVER;
}

/* The next message but those that are of no interest; NULL when the child has ended or is mute. */
static const void *
hear(struct subject *s, const struct chan *ch, enum msg_type type, struct msg *m)
{
	static _Alignas(8) uint8_t buf[CHAN_BUF_KEEPER];

	for (;;)
		switch (chan_recv(ch, buf, sizeof(buf), m)) {
		case CHAN_MSG:
			if (m->type == type)
				return m->fixed;
			break;
		case CHAN_AGAIN:
			if (wait_for(s, ch->fd, POLLIN) != WAIT_READY)
				return NULL;
			break;
		case CHAN_GONE:
		case CHAN_BAD:
			return NULL;
		}
}

static void
spawn(struct subject *s, const char *root, const int *fds, int count)
{
	const int drop = geteuid() == 0;
	struct child c = { .role = s->role,
		.workers = 1,
		.journal = 1,
		.root = drop ? root : "",
		.drop = drop,
		.uid = 65534,
		.gid = 65534 };
	char buf[CHILD_ARGS_BUF], *argv[CHILD_ARGS + 1], *envp[] = { NULL };
	posix_spawn_file_actions_t fa;
	int high[FD_TALLY + 1];

	child_args(&c, "mailreeve-child", buf, argv);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDWR, 0);
	posix_spawn_file_actions_addopen(&fa, 1, "/dev/null", O_RDWR, 0);
	for (int i = FD_LOG; i < count; i++) {
		high[i] = need(fcntl(fds[i], F_DUPFD_CLOEXEC, 64), "a child's descriptor");
		posix_spawn_file_actions_adddup2(&fa, high[i], i);
	}
	if ((errno = posix_spawn(&s->pid, s->program, &fa, NULL, argv, envp)) != 0)
		fatal("%s: %s", s->program, strerror(errno));
	posix_spawn_file_actions_destroy(&fa);
	for (int i = FD_LOG; i < count; i++)
		close(high[i]);
}

void
subject_start(struct subject *s, const char *root)
{
	struct chan chan, keeper;
	struct msg m;
	int report[2], log[2];

	need(chan_pair(ROLE_MASTER, s->role, &s->chan, &chan), "channel");
	need(chan_pair(ROLE_KEEPER, ROLE_WORKER, &s->keeper, &keeper), "channel");
	need(pipe2(report, O_CLOEXEC | O_NONBLOCK), "pipe");
	need(pipe2(log, O_CLOEXEC | O_NONBLOCK), "pipe");
	spawn(s, root,
	    (const int[]){
		-1, -1, log[1], chan.fd, s->bundle, s->board, keeper.fd, report[1], s->tally },
	    FD_TALLY + 1);
	chan_close(&chan);
	chan_close(&keeper);
	close(report[1]);
	close(log[1]);
	s->report_pipe = report[0];
	s->log_pipe = log[0];
	subject_forget(s);
	if (!hear(s, &s->chan, MSG_READY, &m))
		fatal("%s is not ready: %s", subject_name(s), s->log);
}

/* Its status, once it is known that it has ended or was killed. */
static int
reap(struct subject *s)
{
	int status = -1;

	need(waitpid(s->pid, &status, 0), "waitpid");
	s->pid = 0;
	chan_close(&s->chan);
	chan_close(&s->keeper);
	close(s->report_pipe);
	close(s->log_pipe);
	return status;
}

void
subject_kill(struct subject *s)
{
	kill(s->pid, SIGKILL);
	reap(s);
}

const char *
subject_end(struct subject *s, int may_go)
{
	static char text[64];
	int status;

	if (wait_for(s, -1, 0) != WAIT_ENDED)
		return "it neither serves nor ends";
	status = reap(s);
	if (!WIFEXITED(status)) {
		snprintf(text, sizeof(text), "it died of signal %d", WTERMSIG(status));
		return text;
	}
	if (WEXITSTATUS(status) == 0)
		return may_go ? NULL : "it ended as if all was well";
	return strstr(s->log, "<3>") ? NULL : "it ended without a word";
}

int
subject_spins(const struct subject *s)
{
	const struct timespec nap = { 0, 20000000 };
	struct timespec before, after;
	clockid_t clock;

	if (clock_getcpuclockid(s->pid, &clock) != 0)
		return 0;
	/* It may have something left to finish, but not for ever. */
	for (int i = 0; i < 10; i++) {
		if (clock_gettime(clock, &before) == -1)
			return 0;
		nanosleep(&nap, NULL);
		if (clock_gettime(clock, &after) == -1)
			return 0;
		if ((after.tv_sec - before.tv_sec) * 1000000000L + after.tv_nsec - before.tv_nsec <
		    5000000)
			return 0;
	}
	return 1;
}

/* ---- Work ---- */

int
subject_connect(const struct subject *s, int *client_r)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_port = htons(port_of(s->front, 0)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	*client_r = need(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
	need(connect(*client_r, (struct sockaddr *)&sin, sizeof(sin)), "connect");
	return need(accept4(s->front, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), "accept");
}

/* Exactly so many bytes: 1; 0 when there are not. */
static int
get(struct subject *s, int fd, void *buf, size_t size)
{
	for (size_t n = 0; n < size;) {
		ssize_t r;

		if (wait_for(s, fd, POLLIN) != WAIT_READY)
			return 0;
		r = recv(fd, (char *)buf + n, size - n, MSG_DONTWAIT);
		if (r == 0 || (r == -1 && errno != EAGAIN))
			return 0;
		n += r > 0 ? (size_t)r : 0;
	}
	return 1;
}

/*
 * A connection to the server: its header must be whole, and its client the one with this port.
 * Where it is of somebody who was none, nothing may follow: *wrong_r.
 */
static int
is_ours(struct subject *s, int fd, uint16_t port, const char **wrong_r)
{
	uint8_t head[16], rest[256];
	uint16_t size;

	if (!get(s, fd, head, sizeof(head)))
		return 0;
	size = (uint16_t)(head[14] << 8 | head[15]);
	if (memcmp(head, "\r\n\r\n\0\r\nQUIT\n", 12) != 0 || size > sizeof(rest)) {
		*wrong_r = "the server got no PROXY header";
		return 0;
	}
	if (!get(s, fd, rest, size))
		return 0;
	if (head[13] == 0x11 && size >= 12 && (rest[8] << 8 | rest[9]) == port)
		return 1;
	if (recv(fd, rest, 1, MSG_DONTWAIT) == 1)
		*wrong_r = "the server got bytes that no client has sent";
	return 0;
}

/* Give it this connection as an honest master would: 0, or -1 when it is gone or does not read. */
static int
give(struct subject *s, int fd)
{
	static uint64_t id = 1000;
	const struct msg_empty zero = { 0 };
	struct msg_handover h = { .id = id++ };

	h.peer = h.local = (struct addr){ .ip = { 127, 0, 0, 1 }, .family = ADDR_V4 };
	h.peer.port = port_of(fd, 1);
	h.local.port = port_of(fd, 0);
	while (chan_send(&s->chan, MSG_HANDOVER, &zero, &h, 1, &fd, 1) == -1)
		if (errno != EAGAIN || wait_for(s, s->chan.fd, POLLOUT) != WAIT_READY)
			return -1;
	return 0;
}

/* A client says something, the server answers. */
static int
relays(struct subject *s, int client, const char **wrong_r)
{
	const uint16_t port = port_of(client, 0);
	char buf[5];
	int server, ours = 0;

	if (send(client, "hello", 5, MSG_NOSIGNAL) != 5)
		return 0;
	while (!ours && !*wrong_r && wait_for(s, s->back, POLLIN) == WAIT_READY) {
		server = accept4(s->back, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		ours = server != -1 && is_ours(s, server, port, wrong_r) &&
		    get(s, server, buf, 5) && memcmp(buf, "hello", 5) == 0 &&
		    send(server, "world", 5, MSG_NOSIGNAL) == 5 && get(s, client, buf, 5) &&
		    memcmp(buf, "world", 5) == 0;
		if (server != -1)
			close(server);
	}
	return ours;
}

static int
worker_serves(struct subject *s, const char **wrong_r)
{
	int client, fd = subject_connect(s, &client), ok = give(s, fd) == 0;

	close(fd);
	ok = ok && relays(s, client, wrong_r);
	close(client);
	return ok;
}

/* Asked to look at once, it finds that the server is there. */
static int
checker_serves(struct subject *s, const char **wrong_r)
{
	struct report r;
	int fd;

	while (read(s->report_pipe, &r, sizeof(r)) > 0)
		;
	if (chan_tell(&s->chan, MSG_CHECK_NOW, &(struct msg_server){ 0 }) == -1 ||
	    wait_for(s, s->report_pipe, POLLIN) != WAIT_READY ||
	    read(s->report_pipe, &r, sizeof(r)) <= 0)
		return 0;
	if (r.type != REPORT_RESULT || r.server != 0 || r.ok != 1 || r.status != CHECK_L4OK)
		*wrong_r = "a report is wrong";
	while ((fd = accept4(s->back, NULL, NULL, SOCK_CLOEXEC)) != -1)
		close(fd);
	return !*wrong_r;
}

/* A new worker gets the same ticket keys as all others. */
static int
keeper_serves(struct subject *s, const char **wrong_r)
{
	const struct msg_signer q = { .role = ROLE_WORKER };
	const struct msg_ask_tickets ask = { .serial = 5 };
	const struct msg_tickets *answer = NULL;
	struct chan ours, theirs;
	struct msg m;

	need(chan_pair(ROLE_WORKER, ROLE_KEEPER, &ours, &theirs), "channel");
	if (chan_send(&s->chan, MSG_SIGNER, &q, NULL, 0, &theirs.fd, 1) == 0) {
		chan_close(&theirs);
		(void)chan_tell(&ours, MSG_ASK_TICKETS, &ask);
		answer = hear(s, &ours, MSG_TICKETS, &m);
	}
	chan_close(&theirs);
	chan_close(&ours);
	if (!answer)
		return 0;
	if (s->tickets[0].name[0] == 0)
		memcpy(s->tickets, m.items, m.count * sizeof(s->tickets[0]));
	if (m.count != TICKET_KEYS || answer->serial != 5 ||
	    memcmp(s->tickets, m.items, sizeof(s->tickets)) != 0)
		*wrong_r = "ticket keys are wrong";
	return !*wrong_r;
}

/* An answer to the question asked now, whatever was asked before. */
static int
pongs(struct subject *s)
{
	static uint64_t cookie = UINT32_MAX;
	const struct msg_ping ping = { ++cookie }, *pong;
	_Alignas(8) uint8_t buf[CHAN_BUF];
	struct msg m;

	/* Where there is no room for it, the answer is lost. */
	while (chan_recv(&s->chan, buf, sizeof(buf), &m) == CHAN_MSG)
		;
	while (chan_tell(&s->chan, MSG_PING, &ping) == -1)
		if (errno != EAGAIN || wait_for(s, s->chan.fd, POLLOUT) != WAIT_READY)
			return 0;
	do
		pong = hear(s, &s->chan, MSG_PONG, &m);
	while (pong && pong->cookie != cookie);
	return pong != NULL;
}

int
subject_serves(struct subject *s, const char **wrong_r)
{
	int ok = s->role == ROLE_WORKER ? worker_serves(s, wrong_r) :
	    s->role == ROLE_CHECKER     ? checker_serves(s, wrong_r) :
					  keeper_serves(s, wrong_r);

	return ok && !*wrong_r && pongs(s);
}
