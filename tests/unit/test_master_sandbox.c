/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The master's walls, from inside: what is gone is gone for everything that it starts, and what it
 * works with is still there.  Each case in a process of its own.
 */
#include "master/host/sandbox.h"

#include "common/log.h"
#include "common/sandbox.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char said[16384];

/* Run fn behind the walls; what it and its children write to stdout and stderr is in said. */
static int
behind(int (*fn)(struct walls *m))
{
	size_t len = 0;
	int ends[2], status;
	ssize_t n;
	pid_t pid;

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		static struct walls m;

		dup2(ends[1], 1);
		dup2(ends[1], 2);
		log_open(2, LOG_INFO, 0, 0);
		master_sandbox(&m);
		_exit(fn(&m));
	}
	close(ends[1]);
	while ((n = read(ends[0], said + len, sizeof(said) - 1 - len)) > 0)
		len += (size_t)n;
	said[len] = '\0';
	close(ends[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* What a program that was started from there says of itself. */
static int
run_status(struct walls *m)
{
	char *argv[] = { (char[]){ "cat" }, (char[]){ "/proc/self/status" }, NULL };
	int status;
	pid_t pid;

	(void)m;
	if (posix_spawnp(&pid, "cat", NULL, NULL, argv, NULL) != 0)
		return 1;
	return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 2;
}

START_TEST(what_it_starts_has_no_more)
{
	/* KILL 5, SETGID 6, SETUID 7, NET_BIND_SERVICE 10, SYS_CHROOT 18 */
	const char *five = geteuid() == 0 ? "00000000000404e0" : "0000000000000000";
	char want[64];

	ck_assert_int_eq(behind(run_status), 0);
	ck_assert_ptr_nonnull(strstr(said, "NoNewPrivs:\t1\n"));
	ck_assert_ptr_nonnull(strstr(said, "Seccomp:\t2\n"));
	ck_assert_ptr_nonnull(strstr(said, "CapInh:\t0000000000000000\n"));
	ck_assert_ptr_nonnull(strstr(said, "CapAmb:\t0000000000000000\n"));
	snprintf(want, sizeof(want), "CapEff:\t%s\n", five);
	ck_assert_msg(strstr(said, want), "%s not in %s", want, said);
	snprintf(want, sizeof(want), "CapPrm:\t%s\n", five);
	ck_assert_msg(strstr(said, want), "%s not in %s", want, said);
	if (geteuid() == 0) {
		snprintf(want, sizeof(want), "CapBnd:\t%s\n", five);
		ck_assert_msg(strstr(said, want), "%s not in %s", want, said);
	}
}
END_TEST

static int
is_bare(struct walls *m)
{
	return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 &&
	    m->own == (LAYER_NO_NEW_PRIVS | LAYER_SECCOMP);
}

START_TEST(not_dumpable_and_says_so)
{
	ck_assert_int_eq(behind(is_bare), 1);
}
END_TEST

/* As a child is made: identity, directory, end. */
static int
works(struct walls *m)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(1) };
	int status, ready[2];
	pid_t pid;
	char c;

	(void)m;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&sin, sizeof(sin)) == -1 &&
	    errno != EADDRINUSE)
		return 1;
	if (pipe(ready) == -1)
		return 1;
	pid = fork();
	if (pid == 0) {
		if (chroot("/") == -1 || setgroups(0, NULL) == -1 ||
		    setresgid(64999, 64999, 64999) == -1 || setresuid(64999, 64999, 64999) == -1)
			_exit(9);
		(void)!write(ready[1], "x", 1);
		for (;;)
			pause();
	}
	close(ready[1]);
	(void)!read(ready[0], &c, 1);
	if (kill(pid, SIGTERM) == -1 || waitpid(pid, &status, 0) != pid)
		return 2;
	return WIFSIGNALED(status) ? 0 : 3;
}

START_TEST(the_five_are_there)
{
	ck_assert_int_eq(behind(works), 0);
}
END_TEST

static const struct {
	const char *name;
	long nr, a, b, c;
	int error;
} calls[] = {
	{ "ptrace", SYS_ptrace, PTRACE_TRACEME, 0, 0, EPERM },
	{ "process_vm_readv", SYS_process_vm_readv, 0, 0, 0, EPERM },
	{ "pidfd_getfd", SYS_pidfd_getfd, 0, 0, 0, EPERM },
	{ "mount", SYS_mount, 0, 0, 0, EPERM },
	{ "bpf", SYS_bpf, 0, 0, 0, EPERM },
	{ "init_module", SYS_init_module, 0, 0, 0, EPERM },
	{ "kexec_load", SYS_kexec_load, 0, 0, 0, EPERM },
	{ "unshare", SYS_unshare, 0, 0, 0, EPERM },
	{ "setns", SYS_setns, 0, 0, 0, EPERM },
	{ "clone: user namespace", SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, EPERM },
	{ "clone: network", SYS_clone, CLONE_NEWNET | SIGCHLD, 0, 0, EPERM },
	{ "clone3", SYS_clone3, 0, 0, 0, ENOSYS },
	{ "clock_settime", SYS_clock_settime, 0, 0, 0, EPERM },
	{ "keyctl", SYS_keyctl, 0, 0, 0, EPERM },
	{ "io_uring_setup", SYS_io_uring_setup, 0, 0, 0, EPERM },
	{ "userfaultfd", SYS_userfaultfd, 0, 0, 0, EPERM },
	{ "perf_event_open", SYS_perf_event_open, 0, 0, 0, EPERM },
	{ "socket AF_PACKET", SYS_socket, AF_PACKET, SOCK_RAW, 0, EPERM },
	{ "mmap writable code", SYS_mmap, 0, 4096, PROT_WRITE | PROT_EXEC, EPERM },
	/* nobody's list: what is not named goes on */
	{ "getppid", SYS_getppid, 0, 0, 0, 0 },
	{ "no such call", 511, 0, 0, 0, ENOSYS },
	{ "socket AF_UNIX", SYS_socket, AF_UNIX, SOCK_STREAM, 0, 0 },
	{ "unlink", SYS_unlinkat, AT_FDCWD, 0, 0, EFAULT },
};
static int call;

static int
call_it(struct walls *m)
{
	(void)m;
	return syscall(calls[call].nr, calls[call].a, calls[call].b, calls[call].c, 0, 0, 0) == -1 ?
	    errno :
	    0;
}

START_TEST(denied_or_not)
{
	int res;

	call = _i;
	res = behind(call_it);
	ck_assert_msg(res == calls[_i].error, "%s: %d", calls[_i].name, res);
}
END_TEST

/* The next version, and the one after it, put the same walls up again. */
static int
again(struct walls *m)
{
	for (int i = 0; i < 20; i++) {
		m->own = 0;
		master_sandbox(m);
		if (m->own != (LAYER_NO_NEW_PRIVS | LAYER_SECCOMP))
			return 1;
	}
	return 0;
}

START_TEST(once_more_after_an_upgrade)
{
	ck_assert_int_eq(behind(again), 0);
}
END_TEST

static int
tells(struct walls *m)
{
	master_sandbox_child(m, ROLE_WORKER, LAYERS_ALL);
	master_sandbox_child(m, ROLE_WORKER, LAYERS_ALL);
	master_sandbox_child(m, ROLE_KEEPER, LAYERS_ALL & ~(uint32_t)LAYER_LANDLOCK_NET);
	master_sandbox_show(m, stdout);
	fflush(stdout);
	return 0;
}

START_TEST(says_each_thing_once)
{
	const char *all = "chroot uid no_new_privs seccomp landlock-fs landlock-net landlock-scope";
	const char *caps =
	    geteuid() == 0 ? "net_bind_service setuid setgid sys_chroot kill" : "none";
	char want[2048];

	ck_assert_int_eq(behind(tells), 0);
	snprintf(want, sizeof(want),
	    "<6>sandbox: master: no_new_privs seccomp; capabilities: %s\n"
	    "<6>sandbox: worker: %s\n"
	    "<6>sandbox: keeper: chroot uid no_new_privs seccomp landlock-fs landlock-scope\n"
	    "<4>sandbox: around the keeper there is no landlock-net\n"
	    "Sandbox_master: no_new_privs seccomp\nCapabilities_master: %s\nSandbox_worker: %s\n"
	    "Sandbox_checker: none\n"
	    "Sandbox_keeper: chroot uid no_new_privs seccomp landlock-fs landlock-scope\n",
	    caps, all, caps, all);
	ck_assert_str_eq(said, want);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("master_sandbox");
	TCase *t = tcase_create("master_sandbox");
	SRunner *r;
	int failed;

	tcase_add_test(t, what_it_starts_has_no_more);
	tcase_add_test(t, not_dumpable_and_says_so);
	if (geteuid() == 0)
		tcase_add_test(t, the_five_are_there);
	tcase_add_loop_test(t, denied_or_not, 0, sizeof(calls) / sizeof(calls[0]));
	tcase_add_test(t, once_more_after_an_upgrade);
	tcase_add_test(t, says_each_thing_once);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
