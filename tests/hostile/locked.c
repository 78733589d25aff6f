/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * A locked process: the descriptors and arguments that the master gives, then child_start, then
 * the process's own sandbox.c, and only then what the test wants to try.
 */
#include "tests/hostile/locked.h"

#include "checker/sandbox.h"
#include "common/board.h"
#include "common/bundle.h"
#include "common/child.h"
#include "common/conf.h"
#include "common/sandbox.h"
#include "common/tally.h"
#include "keeper/sandbox.h"
#include "worker/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define USER    64999
#define FD_AWAY 100 /* where descriptors wait that belong somewhere else */

const char *const kind_names[KINDS] = { "worker", "worker+bind", "checker", "keeper" };
static const enum role roles[KINDS] = { ROLE_WORKER, ROLE_WORKER, ROLE_CHECKER, ROLE_KEEPER };
struct outside outside;
char locked_said[16384];
void (*locked_between)(void);

static char room[] = "/tmp/mailreeve-room-XXXXXX";
static int drop; /* as root: children change their identity */

static void
die(const char *what)
{
	perror(what);
	exit(2);
}

/* A listening port of 127.0.0.1 that the kernel picks. */
static int
listen_on(uint16_t *port_r)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(sin);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd == -1 || bind(fd, (struct sockaddr *)&sin, len) == -1 || listen(fd, 100) == -1 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) == -1)
		die("listen");
	*port_r = ntohs(sin.sin_port);
	return fd;
}

void
outside_begin(void)
{
	drop = geteuid() == 0;
	if (!mkdtemp(room))
		die("mkdtemp");
	outside.server_fd = listen_on(&outside.server);
	listen_on(&outside.other);
	outside.master = getpid();
	outside.abi = sandbox_landlock_abi();
	outside.sibling = fork();
	if (outside.sibling == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (drop &&
		    (setresgid(USER, USER, USER) == -1 || setresuid(USER, USER, USER) == -1))
			_exit(1);
		prctl(PR_SET_DUMPABLE, 1); /* as open to its own kind as can be */
		for (;;)
			pause();
	}
}

void
outside_end(void)
{
	kill(outside.sibling, SIGKILL);
	waitpid(outside.sibling, NULL, 0);
	rmdir(room);
}

/* What the master gives: log, channels, sealed memory, board, report pipe and tallies. */
static void
arrange_fds(int log)
{
	struct chan master, child, keeper, signer;
	int bundle = -1, board = -1, tally = -1, report[2], null = open("/dev/null", O_RDWR);
	struct bundle_writer *w = bundle_new("bundle");

	if (!w || (bundle = bundle_seal(w)) == -1 || !board_new(1, &board) ||
	    !tally_new(1, 1, &tally) || pipe(report) == -1 ||
	    chan_pair(ROLE_MASTER, ROLE_WORKER, &master, &child) == -1 ||
	    chan_pair(ROLE_WORKER, ROLE_KEEPER, &signer, &keeper) == -1)
		die("descriptors");
	const int want[] = { null, null, log, child.fd, bundle, board_reader(board), signer.fd,
		report[1], tally };
	const int count = (int)(sizeof(want) / sizeof(want[0]));

	for (int i = 0; i < count; i++)
		dup2(want[i], FD_AWAY + i);
	for (int i = 0; i < count; i++)
		dup2(FD_AWAY + i, i);
}

static struct conf *
configuration(enum kind kind)
{
	struct problems problems = { 0 };
	char text[512];

	snprintf(text, sizeof(text),
	    "frontends = ( { name = \"f\"; bind = \"127.0.0.1:1143\"; backend = \"b\"; } );\n"
	    "backends = ( { name = \"b\"; protocol = \"imap\"; servers = \"127.0.0.1:%u\"; %s } "
	    ");\n",
	    outside.server, kind == BINDER ? "bind_address = \"127.0.0.1\";" : "");
	return conf_parse(text, "test", "/", &problems);
}

static void
lock(enum kind kind, struct child *c)
{
	struct conf *conf;

	if (kind == KEEPER) {
		keeper_sandbox(c);
		return;
	}
	conf = configuration(kind);
	if (!conf)
		_exit(99);
	if (kind == CHECKER)
		checker_sandbox(c, conf);
	else
		worker_sandbox(c, conf);
}

/* In the child: lock in, tell which layers stand, do it. */
static void
inside(enum kind kind, int log, int (*fn)(const void *), const void *arg)
{
	char buf[CHILD_ARGS_BUF], *argv[CHILD_ARGS + 1];
	const struct rlimit no_core = { 0, 0 };
	const struct child start = {
		.role = roles[kind],
		.workers = 1,
		.uid = USER,
		.gid = USER,
		.drop = drop,
		.root = room,
	};
	struct child c;
	int argc = 0, n;

	setrlimit(RLIMIT_CORE, &no_core);
	arrange_fds(log);
	child_args(&start, "locked", buf, argv);
	while (argv[argc])
		argc++;
	child_start(argc, argv, start.role, &c);
	if (locked_between)
		locked_between();
	lock(kind, &c);
	if (fn)
		_exit(fn(arg));
	n = snprintf(buf, sizeof(buf), "%u", c.layers);
	_exit(write(FD_LOG, buf, (size_t)n) == n ? 0 : 1);
}

int
locked_run(enum kind kind, int (*fn)(const void *arg), const void *arg)
{
	size_t len = 0;
	int ends[2], status;
	ssize_t n;
	pid_t pid;

	fflush(stdout);
	if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) == -1)
		die("pipe");
	pid = fork();
	if (pid == 0)
		inside(kind, ends[1], fn, arg);
	close(ends[1]);
	/* One that hangs is ended, and counts as killed. */
	while (poll(&(struct pollfd){ ends[0], POLLIN, 0 }, 1, 20000) == 1 &&
	    len < sizeof(locked_said) - 1) {
		n = read(ends[0], locked_said + len, sizeof(locked_said) - 1 - len);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	locked_said[len] = '\0';
	close(ends[0]);
	kill(pid, SIGKILL);
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}
