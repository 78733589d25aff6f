/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * That a list is what a process may do and that everything else ends it; that what is denied is
 * denied and everything else goes on; that Landlock shuts what it should.  Each case in a process
 * of its own.  The lists of the real processes are tried out in tests/hostile/attacks.c.
 */
#include "common/sandbox.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

START_TEST(text)
{
	char buf[SANDBOX_TEXT];

	ck_assert_str_eq(sandbox_text(0, buf), "none");
	ck_assert_str_eq(sandbox_text(LAYER_UID, buf), "uid");
	ck_assert_str_eq(sandbox_text(LAYERS_ALL, buf),
	    "chroot uid no_new_privs seccomp landlock-fs landlock-net landlock-scope");
}
END_TEST

START_TEST(offered)
{
	uint32_t layers = sandbox_offered();

	ck_assert_uint_eq(layers & ~LAYERS_ALL, 0);
	ck_assert_uint_eq(layers & LAYER_NO_NEW_PRIVS, LAYER_NO_NEW_PRIVS);
	ck_assert_uint_eq((layers & LAYER_LANDLOCK_FS) != 0, sandbox_landlock_abi() > 0);
	ck_assert_uint_eq((layers & LAYER_CHROOT) != 0, geteuid() == 0);
}
END_TEST

/* Exit status of fn in a process of its own, or minus the signal that ended it. */
static int
in_child(int (*fn)(void))
{
	const struct rlimit none = { 0, 0 };
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &none);
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		_exit(fn());
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* ---- A list that permits ---- */

/* clang-format off */
static const struct sandbox_call calls[] = {
	{ CALL(write), WHEN(IS(0, 2)) },
	{ CALL(socket), WHEN(IS(0, AF_INET), BITS(1, ~SOCK_CLOEXEC, SOCK_STREAM), IS(2, 0)) },
	{ CALL(socket), WHEN(IS(0, AF_INET6), BITS(1, ~SOCK_CLOEXEC, SOCK_STREAM), IS(2, 0)) },
	{ CALL(sendto), WHEN(NONE(4)) },
};
/* clang-format on */

static void
permit(void)
{
	if (sandbox_permit(calls, COUNT(calls)) == -1)
		_exit(99);
}

static int
does_what_is_listed(void)
{
	permit();
	return write(2, "", 0) == 0 && socket(AF_INET, SOCK_STREAM, 0) >= 0 &&
	    socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0) != -2 &&
	    sendto(0, "", 0, 0, NULL, 0) == -1;
}

/* malloc in every way that it asks the kernel, and what libcrypto asks for behind our back. */
static int
has_memory(void)
{
	static char *many[2000];
	struct timespec t;
	char *big;

	permit();
	for (size_t i = 0; i < COUNT(many); i++) {
		many[i] = malloc(1 + i * 40);
		if (!many[i])
			return 2;
		memset(many[i], 1, 1 + i * 40);
	}
	for (size_t i = 0; i < COUNT(many); i++)
		free(many[i]);
	big = malloc((size_t)64 << 20);
	big = big ? realloc(big, (size_t)128 << 20) : NULL;
	if (!big)
		return 3;
	big[((size_t)128 << 20) - 1] = 1;
	free(big);
	if (syscall(SYS_getrandom, &t, sizeof(t), 0) != sizeof(t) || getpid() <= 0)
		return 4;
	return clock_gettime(CLOCK_MONOTONIC, &t) == 0 &&
	    syscall(SYS_clock_gettime, CLOCK_REALTIME, &t) == 0;
}

static int
other_call(void)
{
	permit();
	return (int)syscall(SYS_getppid);
}
static int
other_argument(void)
{
	permit();
	return (int)write(1, "", 0);
}
static int
other_family(void)
{
	permit();
	return socket(AF_UNIX, SOCK_STREAM, 0);
}
static int
other_type(void)
{
	permit();
	return socket(AF_INET, SOCK_DGRAM, 0);
}
static int
other_protocol(void)
{
	permit();
	return socket(AF_INET, SOCK_STREAM, 262); /* MPTCP */
}
static int
with_address(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };

	permit();
	return (int)sendto(0, "", 0, 0, (struct sockaddr *)&sin, sizeof(sin));
}
static int
writable_code(void)
{
	permit();
	return !mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
static int
shared_memory(void)
{
	permit();
	return !mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}
static int
mapped_file(void)
{
	permit();
	return !mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 0, 0);
}
static int
data_to_code(void)
{
	static char page[8192];

	permit();
	return mprotect(page, 4096, PROT_READ | PROT_EXEC);
}
static int
kills_another(void)
{
	permit();
	return (int)syscall(SYS_tgkill, 1, 1, SIGABRT);
}
static int
other_signal(void)
{
	permit();
	return (int)syscall(SYS_tgkill, getpid(), getpid(), SIGKILL);
}
static int
aborts(void)
{
	permit();
	abort();
}
#ifdef __x86_64__
static int
old_door(void)
{
	long res;

	permit();
	/* getpid, by the numbers of 32-bit programs */
	__asm__ volatile("int $0x80" : "=a"(res) : "a"(20) : "memory");
	return (int)res;
}
#endif

static const struct {
	const char *name;
	int (*fn)(void);
	int ends;
} permits[] = {
	{ "does what is listed", does_what_is_listed, 1 },
	{ "has memory", has_memory, 1 },
	{ "abort is abort", aborts, -SIGABRT },
	{ "another call", other_call, -SIGSYS },
	{ "another argument", other_argument, -SIGSYS },
	{ "another family", other_family, -SIGSYS },
	{ "another type", other_type, -SIGSYS },
	{ "another protocol", other_protocol, -SIGSYS },
	{ "with an address", with_address, -SIGSYS },
	{ "writable code", writable_code, -SIGSYS },
	{ "shared memory", shared_memory, -SIGSYS },
	{ "a mapped file", mapped_file, -SIGSYS },
	{ "data becomes code", data_to_code, -SIGSYS },
	{ "kills another", kills_another, -SIGSYS },
	{ "another signal", other_signal, -SIGSYS },
#ifdef __x86_64__
	{ "system calls of 32-bit programs", old_door, -SIGSYS },
#endif
};

START_TEST(permitted_or_not)
{
	int ends = in_child(permits[_i].fn);

#ifdef __x86_64__
	if (permits[_i].fn == old_door && ends == -SIGSEGV)
		return; /* this kernel has no such door */
#endif

	ck_assert_msg(ends == permits[_i].ends, "%s: %d", permits[_i].name, ends);
}
END_TEST

/* ---- A list that denies ---- */

/* clang-format off */
static const struct sandbox_call denied[] = {
	{ CALL(ptrace) },
	{ CALL(clone), WHEN(BITS(0, CLONE_NEWUSER, CLONE_NEWUSER)) },
	{ CALL(unshare) },
};
/* clang-format on */

static int
denies(void)
{
	char *argv[] = { (char[]){ "true" }, NULL };
	int status;
	pid_t pid;

	if (sandbox_deny(denied, COUNT(denied)) == -1)
		return 99;
	if (ptrace(PTRACE_TRACEME, 0, 0, 0) != -1 || errno != EPERM)
		return 2;
	if (unshare(CLONE_NEWUSER) != -1 || errno != EPERM)
		return 3;
	if (syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0) != -1 || errno != EPERM)
		return 4;
	if (syscall(SYS_clone3, NULL, 0) != -1 || errno != ENOSYS)
		return 5;
	/* And so in what we start, which runs. */
	pid = fork();
	if (pid == 0)
		_exit(ptrace(PTRACE_TRACEME, 0, 0, 0) == -1 && errno == EPERM ? 0 : 1);
	if (waitpid(pid, &status, 0) != pid || status != 0)
		return 6;
	if (posix_spawnp(&pid, "true", NULL, NULL, argv, NULL) != 0)
		return 7;
	return waitpid(pid, &status, 0) == pid && status == 0;
}

START_TEST(denied_or_not)
{
	ck_assert_int_eq(in_child(denies), 1);
}
END_TEST

/* ---- Landlock ---- */

static int
no_files(void)
{
	int dir = open("/tmp", O_RDONLY | O_DIRECTORY);

	if (sandbox_no_files() == 0)
		return 77;
	if (open("/etc/passwd", O_RDONLY) != -1 || errno != EACCES)
		return 2;
	if (openat(dir, "mailreeve-x", O_CREAT | O_WRONLY, 0600) != -1 || errno != EACCES)
		return 3;
	if (mkdir("/tmp/mailreeve-x", 0700) != -1 || errno != EACCES)
		return 4;
	if (sandbox_landlock_abi() >= 6 && (kill(getppid(), 0) != -1 || errno != EPERM))
		return 5;
	return 1;
}

START_TEST(files)
{
	int ends = in_child(no_files);

	ck_assert_int_eq(ends, sandbox_landlock_abi() > 0 ? 1 : 77);
}
END_TEST

static uint16_t port;

/* A listening socket whose number is in port. */
static void
listen_somewhere(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(sin);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin, len), 0);
	ck_assert_int_eq(listen(fd, 5), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	port = ntohs(sin.sin_port);
}

/* errno of connecting to that port, or of binding to this one; 0: it works. */
static int
connects(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == 0 ? 0 : errno;
}

static int
binds(uint16_t to)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(to) };

	return bind(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&sin, sizeof(sin)) == 0 ?
	    0 :
	    errno;
}

static int
that_port(void)
{
	const uint16_t ports[] = { 1, port };

	return sandbox_ports(ports, 2, 0) == LAYER_LANDLOCK_NET && connects() == 0 &&
	    binds(0) == EACCES;
}

static int
another_port(void)
{
	const uint16_t ports[] = { 1, (uint16_t)(port + 1) };

	return sandbox_ports(ports, 2, 1) == LAYER_LANDLOCK_NET && connects() == EACCES &&
	    binds(0) == 0 && binds(port) == EACCES;
}

static int
no_port(void)
{
	return sandbox_ports(NULL, 0, 0) == LAYER_LANDLOCK_NET && connects() == EACCES;
}

static int
older_kernel(void)
{
	return sandbox_ports(NULL, 0, 0) == 0 && connects() == 0;
}

START_TEST(ports)
{
	int (*const cases[])(void) = { that_port, another_port, no_port };

	listen_somewhere();
	for (size_t i = 0; i < COUNT(cases); i++)
		ck_assert_int_eq(
		    in_child(sandbox_landlock_abi() >= 4 ? cases[i] : older_kernel), 1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sandbox");
	TCase *t = tcase_create("sandbox");
	SRunner *r;
	int failed;

	tcase_add_test(t, text);
	tcase_add_test(t, offered);
	tcase_add_loop_test(t, permitted_or_not, 0, COUNT(permits));
	tcase_add_test(t, denied_or_not);
	tcase_add_test(t, files);
	tcase_add_test(t, ports);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
