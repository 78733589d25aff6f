/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * How a child begins: it reads what the master wrote, and it is locked out of the rest, asked from
 * inside.  Each case runs in a process of its own, whose words come back through FD_LOG.
 * What needs root to begin with is left out for everybody else.
 */
#include "common/child.h"
#include "common/privdrop.h"
#include "common/sandbox.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define USER 64999

static char room[] = "/tmp/mailreeve-room-XXXXXX";
static char said[8192];
static struct chan master, child;

static void
setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(room));
	ck_assert_int_eq(chan_pair(ROLE_MASTER, ROLE_WORKER, &master, &child), 0);
}

static void
teardown(void)
{
	char cmd[64];

	snprintf(cmd, sizeof(cmd), "%s/x", room);
	unlink(cmd);
	rmdir(room);
}

/* What a child is started with, and what the case breaks in it. */
struct start {
	struct child c;
	int leave_out; /* a descriptor that is not there; 0: none */
	int no_chan;   /* FD_CHAN is something else */
	int as_user;   /* not started as root */
};

/* In the child: the descriptors as the master gives them, and some more. */
static void
arrange_fds(const struct start *s, int log)
{
	int null = open("/dev/null", O_RDWR);

	/* Away from where they shall be. */
	log = fcntl(log, F_DUPFD, 100);
	null = fcntl(null, F_DUPFD, 100);
	child.fd = fcntl(child.fd, F_DUPFD, 100);
	for (int fd = 0; fd < 60; fd++)
		dup2(fd == FD_LOG ? log : fd == FD_CHAN && !s->no_chan ? child.fd : null, fd);
	dup2(null, 200);
	if (s->leave_out)
		close(s->leave_out);
}

/* Changing the identity does not take these away. */
static void
inherit_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2];

	if (syscall(SYS_capget, &head, sets) == -1)
		_exit(77);
	sets[0].inheritable = sets[0].permitted;
	if (syscall(SYS_capset, &head, sets) == -1)
		_exit(77);
}

/* Start a child so, call probe in it, and return its exit status; its words are in said. */
static int
run(const struct start *s, void (*probe)(const struct child *c))
{
	size_t len = 0;
	int ends[2], status;
	ssize_t n;
	pid_t pid;

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		char buf[CHILD_ARGS_BUF], *argv[CHILD_ARGS + 1];
		struct child c;
		int argc = 0;

		arrange_fds(s, ends[1]);
		child_args(&s->c, "mailreeve-test", buf, argv);
		while (argv[argc])
			argc++;
		setenv("LD_PRELOAD", "x", 1);
		if (geteuid() == 0)
			inherit_capabilities();
		if (s->as_user && geteuid() == 0 &&
		    (setresgid(USER, USER, USER) == -1 || setresuid(USER, USER, USER) == -1))
			_exit(77);
		/* As after execve, and with what systemd may have left us. */
		prctl(PR_SET_DUMPABLE, 1);
		child_start(argc, argv, s->c.role, &c);
		probe(&c);
		_exit(0);
	}
	close(ends[1]);
	while ((n = read(ends[0], said + len, sizeof(said) - 1 - len)) > 0)
		len += (size_t)n;
	said[len] = '\0';
	close(ends[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static struct start
worker(void)
{
	struct start s = { .c = { .role = ROLE_WORKER,
			       .slot = 1,
			       .workers = 3,
			       .uid = USER,
			       .gid = USER,
			       .drop = geteuid() == 0,
			       .journal = 1,
			       .root = room } };

	return s;
}

#define SAY(...) dprintf(FD_LOG, __VA_ARGS__)

static void
probe_args(const struct child *c)
{
	SAY("%d %u/%u %u:%u %d%d%d%d %s %d %d", c->role, c->slot, c->workers, c->uid, c->gid,
	    c->drop, c->journal, c->testing, c->required, c->root, c->chan.fd, c->chan.peer);
}

START_TEST(arguments_arrive)
{
	struct start s = worker();
	char want[256];

	s.c.testing = _i & 1;
	s.c.required = !(_i & 1);
	snprintf(want, sizeof(want), "%d 1/3 %d:%d %d1%d%d %s 3 1", ROLE_WORKER, USER, USER,
	    s.c.drop, s.c.testing, s.c.required, s.c.drop ? room : "");
	ck_assert_int_eq(run(&s, probe_args), 0);
	ck_assert_str_eq(said, want);
}
END_TEST

static void
probe_process(const struct child *c)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2];
	static const int limits[] = { RLIMIT_CORE, RLIMIT_FSIZE, RLIMIT_NPROC };
	static const int ignored[] = { SIGPIPE, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1,
		SIGUSR2 };
	extern char **environ;
	sigset_t mask;
	pid_t pid;

	for (size_t i = 0; i < 3; i++) {
		struct rlimit r;

		getrlimit(limits[i], &r);
		if (r.rlim_cur || r.rlim_max)
			SAY("limit %zu ", i);
	}
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		raise(ignored[i]);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	if (sigismember(&mask, SIGCHLD))
		SAY("signals are blocked ");
	syscall(SYS_capget, &head, sets);
	if (sets[0].effective | sets[0].permitted | sets[0].inheritable)
		SAY("capabilities ");
	if (!privdrop_no_new_privs() || !(c->layers & LAYER_NO_NEW_PRIVS))
		SAY("new privileges ");
	if (prctl(PR_GET_DUMPABLE) != 0)
		SAY("dumpable ");
	if (environ && *environ)
		SAY("environment ");
	if (umask(0) != 077)
		SAY("umask ");
	pid = fork();
	if (pid == 0)
		_exit(0);
	if (pid != -1 || errno != EAGAIN)
		SAY("fork ");
	SAY("end");
}

START_TEST(process_is_bare)
{
	struct start s = worker();
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	s.as_user = _i;
	s.c.drop = geteuid() == 0 && !_i;
	ck_assert_int_eq(run(&s, probe_process), 0);
	ck_assert_str_eq(said, "end");
}
END_TEST

static void
probe_fds(const struct child *c)
{
	(void)c;
	for (int fd = 0; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) != -1)
			SAY("%d ", fd);
}

static const struct {
	enum role role;
	uint32_t workers;
	const char *fds;
} descriptors[] = {
	{ ROLE_WORKER, 3, "0 1 2 3 4 5 6 8 9 10 " },
	{ ROLE_WORKER, 2, "0 1 2 3 4 5 6 8 9 " },
	{ ROLE_CHECKER, 2, "0 1 2 3 4 5 6 7 " },
	{ ROLE_KEEPER, 2, "0 1 2 3 4 " },
};

START_TEST(descriptors_are_closed)
{
	struct start s = worker();

	s.c.role = descriptors[_i].role;
	s.c.workers = descriptors[_i].workers;
	ck_assert_int_eq(run(&s, probe_fds), 0);
	ck_assert_str_eq(said, descriptors[_i].fds);
}
END_TEST

static void
probe_identity(const struct child *c)
{
	uid_t r, e, s;
	struct stat st;
	DIR *d;
	int n = 0;

	getresuid(&r, &e, &s);
	SAY("%u %u %u ", r, e, s);
	getresgid(&r, &e, &s);
	SAY("%u %u %u groups %d ", r, e, s, getgroups(0, NULL));
	SAY("back %d%d%d ", setuid(0), seteuid(0), setgid(0));
	d = opendir("/");
	while (d && readdir(d))
		n++;
	SAY("files %d out %d ", n, stat("/../../../../etc/passwd", &st));
	SAY("make %d ", open("/x", O_CREAT | O_WRONLY, 0600));
	SAY("layers %d", (c->layers & (LAYER_CHROOT | LAYER_UID)) == (LAYER_CHROOT | LAYER_UID));
}

START_TEST(identity)
{
	struct start s = worker();
	const gid_t groups[] = { 4, 5 };

	ck_assert_int_eq(setgroups(2, groups), 0);
	s.c.gid = USER + 1;
	ck_assert_int_eq(run(&s, probe_identity), 0);
	/* Unprivileged, the directory is mode 0700 and cannot even be listed: 0 files. */
	ck_assert_str_eq(said,
	    "64999 64999 64999 65000 65000 65000 groups 0 back -1-1-1 "
	    "files 0 out -1 make -1 layers 1");
}
END_TEST

static void
nothing(const struct child *c)
{
	(void)c;
}

enum { FULL, OPEN, ROOT_UID, ROOT_GID, NO_DROP, GONE, NO_FD, NO_CHAN };
static const struct {
	const char *name;
	int what, root;
	const char *says;
} refusals[] = {
	{ "a descriptor is missing", NO_FD, 0, "descriptor 9 is not open" },
	{ "no channel", NO_CHAN, 0, "descriptor 3 is no channel" },
	{ "directory with a file", FULL, 1, "root's, and empty: Directory not empty" },
	{ "directory that others write to", OPEN, 1, "root's, and empty: Operation not permitted" },
	{ "no directory", GONE, 1, "open the empty directory: No such file" },
	{ "uid 0", ROOT_UID, 1, "not root's" },
	{ "gid 0", ROOT_GID, 1, "not root's" },
	{ "stays root", NO_DROP, 1, "must not stay root" },
};

START_TEST(refusal)
{
	struct start s = worker();
	char path[64];

	if (refusals[_i].root && geteuid() != 0)
		return;
	snprintf(path, sizeof(path), "%s/x", room);
	switch (refusals[_i].what) {
	case FULL:
		close(open(path, O_CREAT | O_WRONLY, 0600));
		break;
	case OPEN:
		chmod(room, 0777);
		break;
	case GONE:
		rmdir(room);
		break;
	case ROOT_UID:
		s.c.uid = 0;
		break;
	case ROOT_GID:
		s.c.gid = 0;
		break;
	case NO_DROP:
		s.c.drop = 0;
		break;
	case NO_FD:
		s.leave_out = 9;
		break;
	case NO_CHAN:
		s.no_chan = 1;
		break;
	}
	ck_assert_msg(run(&s, nothing) == 1, "%s: started", refusals[_i].name);
	ck_assert_msg(strstr(said, refusals[_i].says), "%s: %s", refusals[_i].name, said);
}
END_TEST

/* Arguments as somebody else might write them. */
static const char *const wrong[][11] = {
	{ "slot=0" },
	{ "slot=0", "workers=1", "uid=9", "gid=9", "drop=0", "journal=0", "testing=0",
	    "required=0" },
	{ "slot=1", "workers=1", "uid=9", "gid=9", "drop=0", "journal=0", "testing=0", "required=0",
	    "root=" },
	{ "slot=0", "workers=1025", "uid=9", "gid=9", "drop=0", "journal=0", "testing=0",
	    "required=0", "root=" },
	{ "slot=0", "workers=1", "uid=4294967296", "gid=9", "drop=0", "journal=0", "testing=0",
	    "required=0", "root=" },
	{ "slot=0", "workers=1", "uid=99999999999999999999999", "gid=9", "drop=0", "journal=0",
	    "testing=0", "required=0", "root=" },
	{ "slot=0", "workers=1", "uid=-1", "gid=9", "drop=0", "journal=0", "testing=0",
	    "required=0", "root=" },
	{ "slot=0", "workers=1", "uid=", "gid=9", "drop=0", "journal=0", "testing=0", "required=0",
	    "root=" },
	{ "slot=0", "workers=1", "uid=9", "gid=9", "drop=2", "journal=0", "testing=0", "required=0",
	    "root=" },
	{ "workers=1", "slot=0", "uid=9", "gid=9", "drop=0", "journal=0", "testing=0", "required=0",
	    "root=" },
	{ "slot=0", "workers=1", "uid=9", "gid=9", "drop=0", "journal=0", "testing=0", "required=0",
	    "boot=" },
	{ "slot=0", "workers=1", "uid=9", "gid=9", "drop=0", "journal=0", "testing=0", "required=0",
	    "root=", "more" },
};

START_TEST(wrong_arguments)
{
	int ends[2], status;
	ssize_t n;
	pid_t pid;

	ck_assert_int_eq(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		char *argv[16] = { (char[]){ "mailreeve-worker" } };
		struct child c;
		int argc = 1;

		for (; wrong[_i][argc - 1]; argc++)
			argv[argc] = strdup(wrong[_i][argc - 1]);
		dup2(ends[1], FD_LOG);
		child_start(argc, argv, ROLE_WORKER, &c);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(WEXITSTATUS(status), 1);
	n = read(ends[0], said, sizeof(said) - 1);
	said[n > 0 ? n : 0] = '\0';
	ck_assert_str_eq(said, "<3>mailreeve-worker is started by mailreeve, not by hand\n");
}
END_TEST

static void
probe_ready(const struct child *c)
{
	child_ready(c);
}

static void
probe_failed(const struct child *c)
{
	child_failed(c, "no memory for %0600d", 7);
}

static void
probe_refused(const struct child *c)
{
	char text[1024];

	snprintf(text, sizeof(text), "%s: first\n\nsecond %0600d\n", "f:5", 7);
	child_refused(c, text);
}

START_TEST(ready_or_why_not)
{
	const struct msg_ready *ready;
	const struct msg_failed *failed;
	struct start s = worker();
	_Alignas(8) char buf[CHAN_BUF];
	struct msg m;

	ck_assert_int_eq(run(&s, probe_ready), 0);
	ck_assert_int_eq(chan_recv(&master, buf, sizeof(buf), &m), CHAN_MSG);
	ready = m.fixed;
	ck_assert_uint_eq(m.type, MSG_READY);
	ck_assert_uint_eq(ready->version, MSG_VERSION);
	ck_assert_uint_eq(ready->layers & LAYER_NO_NEW_PRIVS, LAYER_NO_NEW_PRIVS);
	ck_assert_uint_eq((ready->layers & LAYER_UID) != 0, s.c.drop);

	ck_assert_int_eq(run(&s, probe_failed), 1);
	ck_assert_int_eq(chan_recv(&master, buf, sizeof(buf), &m), CHAN_MSG);
	failed = m.fixed;
	ck_assert_uint_eq(m.type, MSG_FAILED);
	ck_assert_uint_eq(failed->contents, 0);
	ck_assert_uint_eq(strlen(failed->text), sizeof(failed->text) - 1);
	ck_assert_int_eq(strncmp(failed->text, "no memory for 000", 17), 0);
	ck_assert_int_eq(chan_recv(&master, buf, sizeof(buf), &m), CHAN_AGAIN);

	ck_assert_int_eq(run(&s, probe_refused), 1);
	ck_assert_int_eq(chan_recv(&master, buf, sizeof(buf), &m), CHAN_MSG);
	failed = m.fixed;
	ck_assert_uint_eq(m.type, MSG_FAILED);
	ck_assert_uint_eq(failed->contents, 1);
	ck_assert_str_eq(failed->text, "f:5: first");
	ck_assert_int_eq(chan_recv(&master, buf, sizeof(buf), &m), CHAN_MSG);
	failed = m.fixed;
	ck_assert_uint_eq(strlen(failed->text), sizeof(failed->text) - 1);
	ck_assert_int_eq(strncmp(failed->text, "second 000", 10), 0);
	ck_assert_int_eq(chan_recv(&master, buf, sizeof(buf), &m), CHAN_AGAIN);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("child");
	TCase *t = tcase_create("child");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, arguments_arrive, 0, 2);
	tcase_add_loop_test(t, process_is_bare, 0, 2);
	tcase_add_loop_test(t, descriptors_are_closed, 0, 4);
	if (geteuid() == 0)
		tcase_add_test(t, identity);
	tcase_add_loop_test(t, refusal, 0, sizeof(refusals) / sizeof(refusals[0]));
	tcase_add_loop_test(t, wrong_arguments, 0, sizeof(wrong) / sizeof(wrong[0]));
	tcase_add_test(t, ready_or_why_not);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
