/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * How a child begins: the master writes its arguments (child_args), the child reads them and locks
 * itself out of everything that it does not need (child_start) before it looks at anything else.
 *
 * A child that cannot do one of these steps ends; it never goes on half dropped.
 */
#include "common/child.h"
#include "common/log.h"
#include "common/privdrop.h"
#include "common/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define TELL_WAIT 10000 /* milliseconds for a master that is slow to read why we cannot start */

#ifdef __SANITIZE_ADDRESS__
/* The environment is empty, and the leak checker cannot work behind a filter. */
const char *__asan_default_options(void);
const char *
__asan_default_options(void)
{
	return "detect_leaks=0:symbolize=0";
}
#endif

/* The arguments, in this order; the directory comes last. */
enum {
	ARG_SLOT,
	ARG_WORKERS,
	ARG_UID,
	ARG_GID,
	ARG_DROP,
	ARG_JOURNAL,
	ARG_TESTING,
	ARG_REQUIRED,
	ARGS
};

static const struct {
	const char *name;
	uint32_t most;
} args[ARGS] = {
	[ARG_SLOT] = { "slot", CHILD_WORKERS - 1 },
	[ARG_WORKERS] = { "workers", CHILD_WORKERS },
	[ARG_UID] = { "uid", UINT32_MAX },
	[ARG_GID] = { "gid", UINT32_MAX },
	[ARG_DROP] = { "drop", 1 },
	[ARG_JOURNAL] = { "journal", 1 },
	[ARG_TESTING] = { "testing", 1 },
	[ARG_REQUIRED] = { "required", 1 },
};
static_assert(ARGS + 2 <= CHILD_ARGS, "the name, and the directory");

void
child_args(
    const struct child *c, const char *name, char buf[CHILD_ARGS_BUF], char *argv_r[CHILD_ARGS + 1])
{
	const uint32_t values[ARGS] = {
		[ARG_SLOT] = c->slot,
		[ARG_WORKERS] = c->workers,
		[ARG_UID] = c->uid,
		[ARG_GID] = c->gid,
		[ARG_DROP] = c->drop != 0,
		[ARG_JOURNAL] = c->journal != 0,
		[ARG_TESTING] = c->testing != 0,
		[ARG_REQUIRED] = c->required != 0,
	};
	size_t len = 0;
	int n = snprintf(buf, CHILD_ARGS_BUF, "%s", name);

	argv_r[0] = buf;
	for (int i = 0; i <= ARGS; i++) {
		assert(n >= 0 && (size_t)n < CHILD_ARGS_BUF - len);
		len += (size_t)n + 1;
		argv_r[i + 1] = buf + len;
		if (i < ARGS)
			n = snprintf(buf + len, CHILD_ARGS_BUF - len, "%s=%" PRIu32, args[i].name,
			    values[i]);
		else
			n = snprintf(
			    buf + len, CHILD_ARGS_BUF - len, "root=%s", c->drop ? c->root : "");
	}
	assert(n >= 0 && (size_t)n < CHILD_ARGS_BUF - len);
	argv_r[ARGS + 2] = NULL;
}

/* "name=12" and nothing else.  Returns 0 or -1. */
static int
read_number(const char *arg, const char *name, uint32_t most, uint32_t *value_r)
{
	size_t n = strlen(name);
	uint64_t value = 0;

	if (strncmp(arg, name, n) != 0 || arg[n] != '=' || arg[n + 1] == '\0')
		return -1;
	for (const char *p = arg + n + 1; *p; p++) {
		if (*p < '0' || *p > '9' || value > UINT32_MAX)
			return -1;
		value = value * 10 + (uint64_t)(*p - '0');
	}
	if (value > most)
		return -1;
	*value_r = (uint32_t)value;
	return 0;
}

static int
read_args(int argc, char **argv, enum role role, struct child *c_r)
{
	uint32_t v[ARGS];

	if (argc != ARGS + 2)
		return -1;
	for (int i = 0; i < ARGS; i++)
		if (read_number(argv[i + 1], args[i].name, args[i].most, &v[i]) == -1)
			return -1;
	if (strncmp(argv[ARGS + 1], "root=", 5) != 0)
		return -1;
	if (role == ROLE_WORKER && v[ARG_SLOT] >= v[ARG_WORKERS])
		return -1;
	*c_r = (struct child){
		.role = role,
		.slot = v[ARG_SLOT],
		.workers = v[ARG_WORKERS],
		.uid = v[ARG_UID],
		.gid = v[ARG_GID],
		.drop = v[ARG_DROP] != 0,
		.journal = v[ARG_JOURNAL] != 0,
		.testing = v[ARG_TESTING] != 0,
		.required = v[ARG_REQUIRED] != 0,
		.root = argv[ARGS + 1] + 5,
		.chan = { .fd = FD_CHAN, .self = role, .peer = ROLE_MASTER },
	};
	return 0;
}

static int
is_own_fd(const struct child *c, unsigned fd)
{
	if (fd <= FD_BUNDLE)
		return 1;
	if (c->role == ROLE_WORKER)
		return fd == FD_BOARD || fd == FD_KEEPER ||
		    (fd >= FD_TALLY && fd < FD_TALLY + c->workers);
	return c->role == ROLE_CHECKER && (fd == FD_BOARD || fd == FD_KEEPER || fd == FD_REPORT);
}

/* What is ours must be there, and nothing else may be. */
static void
close_others(const struct child *c)
{
	const unsigned end = FD_TALLY + c->workers;
	socklen_t size = sizeof(int);
	int type = 0;

	for (unsigned fd = 0; fd < end; fd++) {
		if (!is_own_fd(c, fd))
			close((int)fd);
		else if (fcntl((int)fd, F_GETFD) == -1)
			fatal("start: descriptor %u is not open", fd);
	}
	if (close_range(end, UINT_MAX, 0) == -1)
		fatal("start: close_range: %s", strerror(errno));
	if (getsockopt(FD_CHAN, SOL_SOCKET, SO_TYPE, &type, &size) == -1 || type != SOCK_SEQPACKET)
		fatal("start: descriptor %d is no channel to the master", FD_CHAN);
}

/*
 * A child ends when its channel says so, or by SIGKILL.  What a terminal or an administrator sends
 * to all processes of the service is the master's to answer: it ends its children politely.
 */
static void
ignore_signals(void)
{
	static const int ignored[] = { SIGPIPE, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1,
		SIGUSR2 };
	sigset_t none;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		if (signal(ignored[i], SIG_IGN) == SIG_ERR)
			fatal("start: signal: %s", strerror(errno));
	sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) == -1)
		fatal("start: sigprocmask: %s", strerror(errno));
}

void
child_name(enum role role, uint32_t slot, char name_r[LOG_PROC_MAX])
{
	if (role == ROLE_WORKER)
		(void)snprintf(name_r, LOG_PROC_MAX, "worker%" PRIu32, slot);
	else
		(void)snprintf(
		    name_r, LOG_PROC_MAX, "%s", role == ROLE_KEEPER ? "keeper" : "checker");
}

void
child_start(int argc, char **argv, enum role role, struct child *c_r)
{
	char name[LOG_PROC_MAX];
	const char *failed;

	if (read_args(argc, argv, role, c_r) == -1)
		fatal(
		    "%s is started by mailreeve, not by hand", argc > 0 ? argv[0] : "this program");
	child_name(role, c_r->slot, name);
	log_process(name);
	log_open(FD_LOG, LOG_INFO, 0, !c_r->journal);
	/* We were executed through a descriptor, whose number would be our name in ps. */
	(void)prctl(PR_SET_NAME, argv[0]);
	ignore_signals();
	close_others(c_r);
	if (clearenv() != 0)
		fatal("start: clearenv");
	umask(077);

	if (c_r->drop) {
		failed = privdrop_identity(c_r->root, c_r->uid, c_r->gid);
		if (failed)
			fatal("start: %s: %s", failed, strerror(errno));
		c_r->layers |= LAYER_CHROOT | LAYER_UID;
	} else if (geteuid() == 0 || getuid() == 0) {
		fatal("start: a child must not stay root");
	}
	failed = privdrop_process();
	if (failed)
		fatal("start: %s: %s", failed, strerror(errno));
	c_r->layers |= LAYER_NO_NEW_PRIVS;
	c_r->layers |= sandbox_no_files();
}

/* With sandbox = "required", what there must be: everything, as far as the kernel goes. */
static void
require(const struct child *c, uint32_t offered)
{
	const uint32_t always =
	    LAYER_CHROOT | LAYER_UID | LAYER_NO_NEW_PRIVS | LAYER_SECCOMP | LAYER_LANDLOCK_FS;
	uint32_t missing = (always | offered) & ~c->layers;
	char text[SANDBOX_TEXT];

	if (missing)
		child_failed(c, "sandbox = \"required\", but here is no %s%s",
		    sandbox_text(missing, text),
		    missing & (LAYER_CHROOT | LAYER_UID) ? ": not started as root" : "");
}

void
child_lock(struct child *c, const struct child_doors *doors)
{
	uint32_t offered = sandbox_offered();

	c->layers |= sandbox_ports(doors->ports, doors->port_count, doors->bind_any);
	if (sandbox_permit(doors->calls, doors->call_count) == 0)
		c->layers |= LAYER_SECCOMP;
	else if (errno != ENOSYS)
		child_failed(c, "cannot set up the filter of system calls: %s", strerror(errno));
	if (c->required)
		require(c, offered);
}

void
child_log(const struct child *c, int level, int json)
{
	if (c->testing)
		log_open(FD_LOG, LOG_WARNING, 0, 0);
	else
		log_open(FD_LOG, level, json, !c->journal);
}

void
child_ready(const struct child *c)
{
	const struct msg_ready ready = { .version = MSG_VERSION, .layers = c->layers };

	if (chan_tell(&c->chan, MSG_READY, &ready) == -1)
		fatal("cannot tell the master that we serve: %s", strerror(errno));
}

/* One line for the master, who reads; what does not fit a message is cut, visibly. */
static void
tell_failed(const struct child *c, int contents, const char *line)
{
	struct msg_failed failed = { .contents = (uint32_t)contents };
	size_t room = sizeof(failed.text) - 1;

	if (strlen(line) > room)
		snprintf(failed.text, sizeof(failed.text), "%.*s...", (int)room - 3, line);
	else
		memcpy(failed.text, line, strlen(line));
	while (chan_tell(&c->chan, MSG_FAILED, &failed) == -1) {
		struct pollfd p = { .fd = c->chan.fd, .events = POLLOUT };

		if (errno == EAGAIN && poll(&p, 1, TELL_WAIT) == 1)
			continue;
		log_say(LOG_ERR, "%s", line);
		return;
	}
}

void
child_failed(const struct child *c, const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) == -1)
		fatal("out of memory");
	va_end(ap);
	tell_failed(c, 0, text);
	_exit(1);
}

void
child_refused(const struct child *c, char *text)
{
	char *line;

	while ((line = strsep(&text, "\n")))
		if (*line)
			tell_failed(c, 1, line);
	_exit(1);
}
