/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * A lying master towards the real worker, checker and keeper, each in its sandbox.  After each lie
 * the child either serves as before, or it has ended by itself, with a line in its log: it never
 * waits, spins, dies of a signal or serves what nobody asked for.  The lies about the form are made
 * from MESSAGES, so a new message is told without anybody remembering.
 *
 * master WORKER CHECKER KEEPER
 */
#include "tests/hostile/subject.h"

#include "common/log.h"
#include "tests/hostile/lies.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct subject s;
static char empty[] = "/tmp/hostile-master-XXXXXX"; /* the children's root */
static unsigned passed, failed;
static int held[2 * HANDOVER_MAX]; /* what a deed keeps open until its end */
static int held_count;

static int
hold(int fd)
{
	if (fd == -1 || held_count == 2 * HANDOVER_MAX)
		fatal("a descriptor for a lie: %s", strerror(errno));
	return held[held_count++] = fd;
}

/* ---- Lies about the form that lies.c does not have ---- */

static unsigned char out[sizeof(struct msg_head) + CHAN_BUF_KEEPER + 4096];

/* One packet with so many times the same descriptor; what the kernel does not take is no lie. */
static void
send_raw(size_t len, int fd, size_t nfds)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE((HANDOVER_MAX + 1) * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { out, len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (nfds > 0) {
		mh.msg_control = control.space;
		mh.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		control.align.cmsg_len = CMSG_LEN(nfds * sizeof(int));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		for (size_t i = 0; i < nfds; i++)
			memcpy(CMSG_DATA(&control.align) + i * sizeof(int), &fd, sizeof(int));
	}
	(void)!sendmsg(s.chan.fd, &mh, MSG_NOSIGNAL);
}

static const struct rule {
	const char *name;
	uint32_t type;
	unsigned to;
	size_t fixed, item;
	uint32_t most;
	enum msg_fds fds;
} list[] = {
#define X(no, name, from, to, fixed, items, most, fds) \
	{ #name, no, to, sizeof(fixed), sizeof(items), most, fds },
	MESSAGES(X)
#undef X
};
#define RULES (sizeof(list) / sizeof(list[0]))

/* So many items, all zero, with the descriptors that belong to them. */
static void
tell_zeros(const struct rule *r, uint32_t count)
{
	struct msg_head head = { .type = r->type, .count = count };

	memset(out, 0, sizeof(out));
	memcpy(out, &head, sizeof(head));
	send_raw(sizeof(head) + r->fixed + count * r->item, STDIN_FILENO,
	    r->fds == FDS_EACH    ? count :
		r->fds == FDS_ONE ? 1 :
				    0);
}

static void
empty_packet(void)
{
	send_raw(0, 0, 0);
}

static void
empty_packet_with_fd(void)
{
	send_raw(0, STDIN_FILENO, 1);
}

/* ---- Lies about the contents ---- */

/* Hand over this descriptor as if it were a connection. */
static void
hand(int fd, uint32_t listener, int junk)
{
	struct msg_handover h = { .id = 77, .listener = listener };

	if (junk)
		memset(&h, 0xff, sizeof(h));
	h.listener = listener;
	(void)chan_send(&s.chan, MSG_HANDOVER, &(struct msg_empty){ 0 }, &h, 1, &fd, 1);
}

static int
pipe_end(int n)
{
	int fds[2] = { -1, -1 };

	if (pipe2(fds, O_CLOEXEC) == -1)
		return -1;
	hold(fds[!n]);
	return hold(fds[n]);
}

/* A channel of the right kind whose other end says nothing. */
static int
stranger(void)
{
	struct chan a = { .fd = -1 }, b = { .fd = -1 };

	(void)chan_pair(ROLE_KEEPER, ROLE_WORKER, &a, &b);
	hold(a.fd);
	return hold(b.fd);
}

/* A connection whose client says nothing; its accepted end. */
static int
mute_client(void)
{
	int client;
	int fd = subject_connect(&s, &client);

	hold(client);
	return hold(fd);
}

static void
listener_out_of_range(void)
{
	hand(mute_client(), 1, 0);
}

static void
last_listener_out_of_range(void)
{
	struct msg_handover h[HANDOVER_MAX] = { 0 };
	int fds[HANDOVER_MAX];

	for (int i = 0; i < HANDOVER_MAX; i++)
		fds[i] = STDIN_FILENO;
	h[HANDOVER_MAX - 1].listener = UINT32_MAX;
	(void)chan_send(
	    &s.chan, MSG_HANDOVER, &(struct msg_empty){ 0 }, h, HANDOVER_MAX, fds, HANDOVER_MAX);
}

static void
no_sockets(void)
{
	hand(STDIN_FILENO, 0, 0);
	hand(hold(open("/dev/zero", O_RDWR | O_CLOEXEC)), 0, 0);
	hand(hold(open("/", O_RDONLY | O_CLOEXEC)), 0, 0);
	hand(hold(open("/", O_PATH | O_CLOEXEC)), 0, 0);
	hand(hold(epoll_create1(EPOLL_CLOEXEC)), 0, 0);
	hand(pipe_end(0), 0, 0);
	hand(pipe_end(1), 0, 0);
}

static void
no_connections(void)
{
	hand(s.front, 0, 0); /* it listens */
	hand(hold(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)), 0, 0);
	hand(hold(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)), 0, 0);
	hand(stranger(), 0, 0);
}

static void
addresses_of_no_family(void)
{
	hand(mute_client(), 0, 1);
	hand(mute_client(), 0, 0);
}

static void
the_same_one_twice(void)
{
	int fd = mute_client();

	hand(fd, 0, 0);
	hand(fd, 0, 0);
}

static void
sockets_that_block(void)
{
	int fd = mute_client();

	if (fcntl(fd, F_SETFL, 0) == -1)
		fatal("fcntl: %s", strerror(errno));
	hand(fd, 0, 0);
}

static void
end_twice(void)
{
	struct msg_end end = { .spread_ms = 300 };

	hand(mute_client(), 0, 0);
	sockets_that_block();
	(void)chan_tell(&s.chan, MSG_END, &end);
	end.stopping = UINT32_MAX;
	(void)chan_tell(&s.chan, MSG_END, &end);
}

static void
retire_twice(void)
{
	(void)chan_tell(&s.chan, MSG_RETIRE, &(struct msg_empty){ 0 });
	(void)chan_tell(&s.chan, MSG_RETIRE, &(struct msg_empty){ 0 });
	(void)chan_tell(&s.chan, MSG_END, &(struct msg_end){ 0 });
}

#define ODD 3
static const int *
odd_descriptors(void)
{
	static int fds[ODD];

	fds[0] = STDIN_FILENO;
	fds[1] = pipe_end(0);
	fds[2] = stranger();
	return fds;
}

static void
keepers_that_are_none(void)
{
	const int *fds = odd_descriptors();

	for (int i = 0; i < ODD; i++)
		(void)chan_send(&s.chan, MSG_KEEPER, &(struct msg_empty){ 0 }, NULL, 0, &fds[i], 1);
}

static void
signers_that_are_none(void)
{
	const int *fds = odd_descriptors();

	for (int i = 0; i < ODD; i++) {
		struct msg_signer q = { .role = i & 1 ? ROLE_WORKER : ROLE_CHECKER,
			.slot = UINT32_MAX,
			.connections = UINT32_MAX };

		(void)chan_send(&s.chan, MSG_SIGNER, &q, NULL, 0, &fds[i], 1);
	}
}

static void
flood_of_pings(void)
{
	struct pollfd p = { .fd = s.chan.fd, .events = POLLOUT };

	for (uint64_t i = 0; i < 20000; i++)
		while (chan_tell(&s.chan, MSG_PING, &(struct msg_ping){ i }) == -1)
			if (errno != EAGAIN || poll(&p, 1, PATIENCE) != 1)
				return;
}

/* How a lie may end beside "it serves" and "it has ended with a line and status 1". */
enum may { MAY_NOT, MAY_GO /* status 0, no line */ };

static const struct deed {
	const char *name;
	void (*fn)(void);
	unsigned roles;
	enum may may;
} deeds[] = {
	{ "empty packet", empty_packet, ROLE_CHILD, MAY_GO }, /* as if the master had died */
	{ "empty packet with a descriptor", empty_packet_with_fd, ROLE_CHILD, MAY_NOT },
	{ "flood of pings", flood_of_pings, ROLE_CHILD, MAY_NOT },
	{ "END twice", end_twice, ROLE_WORKER, MAY_GO },
	{ "RETIRE twice", retire_twice, ROLE_WORKER, MAY_GO },
	{ "listener out of range", listener_out_of_range, ROLE_WORKER, MAY_NOT },
	{ "last listener out of range", last_listener_out_of_range, ROLE_WORKER, MAY_NOT },
	{ "no sockets", no_sockets, ROLE_WORKER, MAY_NOT },
	{ "no connections", no_connections, ROLE_WORKER, MAY_NOT },
	{ "addresses of no family", addresses_of_no_family, ROLE_WORKER, MAY_NOT },
	{ "the same one twice", the_same_one_twice, ROLE_WORKER, MAY_NOT },
	{ "sockets that block", sockets_that_block, ROLE_WORKER, MAY_NOT },
	{ "keepers that are none", keepers_that_are_none, ROLE_SIGNER, MAY_NOT },
	{ "signers that are none", signers_that_are_none, ROLE_KEEPER, MAY_NOT },
};
#define DEEDS (sizeof(deeds) / sizeof(deeds[0]))

/* ---- One lie after another ---- */

static void
count(const char *name, const char *wrong)
{
	if (!wrong) {
		passed++;
		return;
	}
	failed++;
	fprintf(stderr, "hostile/master: %s: %s: %s\n%s", subject_name(&s), name, wrong, s.log);
}

/* The lie was told: what has become of the child? */
static void
judge(const char *name, enum may may)
{
	const char *wrong = NULL;

	if (may == MAY_NOT && subject_serves(&s, &wrong)) {
		if (subject_spins(&s))
			wrong = "it spins";
	} else if (!wrong) {
		wrong = subject_end(&s, may == MAY_GO);
	}
	count(name, wrong);
	while (held_count > 0)
		close(held[--held_count]);
	if (wrong && s.pid > 0)
		subject_kill(&s);
	if (s.pid == 0)
		subject_start(&s, empty);
	subject_forget(&s);
}

static int
is_for(uint32_t type, enum role role)
{
	for (size_t i = 0; i < RULES; i++)
		if (list[i].type == type)
			return (list[i].to & role) != 0;
	return 0;
}

static void
tell_all(enum role role, const char *program)
{
	static struct lie lies[LIES_MOST];
	size_t n = lies_make(ROLE_MASTER, role, lies);

	subject_make(&s, role, program);
	subject_start(&s, empty);
	chan_close(&s.chan); /* the master dies */
	judge("nothing more", MAY_GO);
	for (size_t i = 0; i < n; i++) {
		int leaves = lies[i].kind == LIE_ONES &&
		    (lies[i].type == MSG_RETIRE || lies[i].type == MSG_END);

		/* Of a message that it gets from nobody, the form is never looked at. */
		if (!is_for(lies[i].type, role) && lies[i].kind != LIE_DIRECTION &&
		    lies[i].kind != LIE_HALF_HEAD && lies[i].kind != LIE_MANY_FDS)
			continue;
		(void)lie_tell(s.chan.fd, &lies[i]);
		judge(lies[i].name, leaves ? MAY_GO : MAY_NOT);
	}
	for (const struct rule *r = list; r < list + RULES; r++) {
		int leaves = r->type == MSG_RETIRE || r->type == MSG_END;

		tell_zeros(r, r->most + 1);
		judge(r->name, MAY_NOT);
		if (!(r->to & role))
			continue;
		tell_zeros(r, 0);
		judge(r->name, leaves ? MAY_GO : MAY_NOT);
	}
	for (size_t i = 0; i < DEEDS; i++) {
		if (!(deeds[i].roles & role))
			continue;
		deeds[i].fn();
		judge(deeds[i].name, deeds[i].may);
	}
	subject_kill(&s);
	printf("hostile/master: %s: %u passed, %u failed\n", subject_name(&s), passed, failed);
	exit(failed != 0);
}

/* Whatever happens, nobody is left behind. */
static void
on_alarm(int sig)
{
	static const char text[] = "hostile/master: too late\n";

	(void)sig;
	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	if (s.pid > 0)
		kill(s.pid, SIGKILL);
	_exit(1);
}

int
main(int argc, char **argv)
{
	static const enum role roles[] = { ROLE_WORKER, ROLE_CHECKER, ROLE_KEEPER };
	int null = open("/dev/null", O_RDWR), bad = 0, status;

	if (argc != 4 || null == -1 || dup2(null, STDIN_FILENO) == -1 || !mkdtemp(empty))
		return 2;
	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < 3; i++)
		switch (fork()) {
		case -1:
			bad = 1;
			break;
		case 0:
			signal(SIGALRM, on_alarm);
			alarm(300);
			tell_all(roles[i], argv[i + 1]);
		}
	while (wait(&status) > 0)
		bad |= status != 0;
	rmdir(empty);
	return bad;
}
