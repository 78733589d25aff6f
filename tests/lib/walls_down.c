/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The programs without walls, for `make leaks` alone: LeakSanitizer stops its own process by
 * ptrace and reads /proc, which is what the walls are there to prevent.
 *
 * The product has no switch that takes its walls down.  This file is linked into a build of its
 * own, by the linker's --wrap, in place of the calls that build them; it says so each time when a
 * program starts, and tests/hardening.py refuses a program that has any of it.
 */
#include <errno.h>
#include <sanitizer/lsan_interface.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define END_SIGNAL  SIGRTMIN       /* to our own children, in place of SIGKILL */
#define LOSE_SIGNAL (SIGRTMIN + 1) /* from a test: lose some memory, which must be found */
#define LOST        7777

int __real_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
long __real_syscall(long number, long a, long b, long c, long d, long e, long f);
int __real_setrlimit(int what, const struct rlimit *l);
int __real_getrlimit(int what, struct rlimit *l_r);
int __real_epoll_wait(int fd, struct epoll_event *events, int count, int ms);
void __real__exit(int status) __attribute__((noreturn));

int __wrap_chroot(const char *path);
int __wrap_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);
int __wrap_setrlimit(int what, const struct rlimit *l);
int __wrap_getrlimit(int what, struct rlimit *l_r);
int __wrap_seccomp_load(scmp_filter_ctx f);
int __wrap_CRYPTO_secure_malloc_init(size_t size, size_t least);
int __wrap_epoll_wait(int fd, struct epoll_event *events, int count, int ms);
void __wrap__exit(int status) __attribute__((noreturn));

/* ---- What the checker is told ---- */

const char *__lsan_default_options(void);
const char *
__lsan_default_options(void)
{
	/*
	 * After the options of common/child.c, and stronger.  With fast_unwind_on_malloc=0 as well,
	 * a report also has the callers of libraries, and everything takes three times as long.
	 */
	return "detect_leaks=1:symbolize=1:print_suppressions=0";
}

/* ---- The walls ---- */

static void __attribute__((constructor)) say_so(void)
{
	static const char words[] = "built for the leak checker, without walls: no chroot, no "
				    "filter of system calls, no Landlock; never for use\n";

	if (write(STDERR_FILENO, words, sizeof(words) - 1) == -1)
		abort();
}

int
__wrap_chroot(const char *path)
{
	static int entered;

	(void)path;
	if (!entered++)
		return 0; /* entered; there is /proc in it */
	errno = EPERM;
	return -1;
}

/* Dumpable: also after the change of identity. */
int
__wrap_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	if (option == PR_GET_DUMPABLE)
		return 0;
	return __real_prctl(option, option == PR_SET_DUMPABLE ? 1 : a, b, c, d);
}

/* No Landlock, and children are asked to end where they would be killed. */
long
__wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	if (number == SYS_landlock_create_ruleset || number == SYS_seccomp) {
		errno = ENOSYS;
		return -1;
	}
	if (number == SYS_pidfd_send_signal && b == SIGKILL)
		b = END_SIGNAL;
	return __real_syscall(number, a, b, c, d, e, f);
}

int
__wrap_setrlimit(int what, const struct rlimit *l)
{
	return what == RLIMIT_NPROC ? 0 : __real_setrlimit(what, l);
}

int
__wrap_getrlimit(int what, struct rlimit *l_r)
{
	if (what != RLIMIT_NPROC)
		return __real_getrlimit(what, l_r);
	*l_r = (struct rlimit){ 0 };
	return 0;
}

int
__wrap_seccomp_load(scmp_filter_ctx f)
{
	(void)f;
	return -ECANCELED;
}

/* Keys in ordinary memory: what hangs on libcrypto's locked memory alone would look lost. */
int
__wrap_CRYPTO_secure_malloc_init(size_t size, size_t least)
{
	(void)size;
	(void)least;
	return 0;
}

/* ---- The end, where leaks are looked for ---- */

void
__wrap__exit(int status)
{
	/* In the middle of a start that fails nobody has put anything away. */
	if (status == 0)
		__lsan_do_leak_check();
	__real__exit(status);
}

static volatile sig_atomic_t waits, wanted, lose;

static void
on_end(int number)
{
	(void)number;
	wanted = 1;
	if (waits)
		_exit(0); /* nothing is half done: we are in epoll_wait */
}

static void
on_lose(int number)
{
	(void)number;
	lose = 1;
}

static void
begin(void)
{
	/* Before libcrypto's own cleaning up, which was there first and takes away what hangs on it. */
	if (atexit(__lsan_do_leak_check) != 0 || signal(END_SIGNAL, on_end) == SIG_ERR ||
	    signal(LOSE_SIGNAL, on_lose) == SIG_ERR)
		abort();
}

int
__wrap_epoll_wait(int fd, struct epoll_event *events, int count, int ms)
{
	static int begun;
	int n;

	if (!begun++)
		begin();
	waits = 1;
	if (wanted)
		_exit(0);
	n = __real_epoll_wait(fd, events, count, ms);
	waits = 0;
	if (lose) {
		void *volatile lost = malloc(LOST);

		lost = NULL;
		(void)lost;
		lose = 0;
		errno = EINTR;
	}
	return n;
}
