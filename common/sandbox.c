/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * A list becomes a seccomp filter, ports become a Landlock rule set.
 *
 * Runs in every process, once, before it meets bytes from outside.  Which calls a process needs
 * stands in that process's own sandbox.c; here is only how a list is put into force, and what
 * every process needs to have memory and to die properly.
 */
#include "common/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
	enum sandbox_layer layer;
	const char *name;
} names[] = {
	{ LAYER_CHROOT, "chroot" },
	{ LAYER_UID, "uid" },
	{ LAYER_NO_NEW_PRIVS, "no_new_privs" },
	{ LAYER_SECCOMP, "seccomp" },
	{ LAYER_LANDLOCK_FS, "landlock-fs" },
	{ LAYER_LANDLOCK_NET, "landlock-net" },
	{ LAYER_LANDLOCK_SCOPE, "landlock-scope" },
};

const char *
sandbox_text(uint32_t layers, char buf[SANDBOX_TEXT])
{
	size_t len = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (layers & names[i].layer)
			len += (size_t)snprintf(buf + len, SANDBOX_TEXT - len, "%s%s",
			    len > 0 ? " " : "", names[i].name);
	return len > 0 ? buf : "none";
}

/* ---- System calls ---- */

/* clang-format off */
/* What every process needs whatever it does. */
static const struct sandbox_call everywhere[] = {
	/* memory: malloc's own; nothing may become code, and no descriptor may be mapped */
	{ CALL(brk) },
	{ CALL(mmap), WHEN(BITS(2, PROT_EXEC, 0), BITS(3, MAP_ANONYMOUS | MAP_SHARED, MAP_ANONYMOUS)) },
	{ CALL(munmap) },
	{ CALL(mremap) },
	{ CALL(mprotect), WHEN(BITS(2, PROT_EXEC, 0)) },
	{ CALL(madvise), WHEN(IS(2, MADV_DONTNEED)) },	/* free() gives back what is at the top */
	/* libcrypto: DRBGs ask whether they were forked, nine times a handshake, and seed themselves
	 * anew once an hour; its locks wake waiters that do not exist */
	{ CALL(getpid) },
	{ CALL(getrandom) },
	{ CALL(futex) },
	/* the clock, where the kernel's page for it does not answer */
	{ CALL(clock_gettime) },
	{ CALL(gettimeofday) },
	{ CALL(time) },
	/* signals: coming back from a handler, and from SIGSTOP in the middle of a wait */
	{ CALL(rt_sigreturn) },
	{ CALL(restart_syscall) },
	/* the end */
	{ CALL(exit_group) },
	{ CALL(exit) },
	/* abort(), so that a failed assertion says SIGABRT and not SIGSYS; tgkill is below */
	{ CALL(rt_sigprocmask) },
	{ CALL(gettid) },
#ifdef __SANITIZE_ADDRESS__
	/* the sanitizer's report, which looks for the program's name and its map, in vain */
	{ CALL(open) },
	{ CALL(openat) },
	{ CALL(readlink) },
	{ CALL(readlinkat) },
	{ CALL(sigaltstack) },
	{ CALL(madvise) },
	{ CALL(ioctl), WHEN(IS(0, STDERR_FILENO), IS(1, TCGETS)) },	/* whether it may use colours */
#else
	/* malloc's huge pages and guards, libcrypto's memory that no core has; stdio's first look at
	 * a descriptor */
	{ CALL(madvise), FAILS(EINVAL), WHEN(NOT(2, MADV_DONTNEED)) },
	{ CALL(ioctl), FAILS(ENOTTY), WHEN(IS(1, TCGETS)) },
#endif
	{ CALL(fstat), FAILS(EBADF) },
	{ CALL(newfstatat), FAILS(EBADF), WHEN(BITS(3, AT_EMPTY_PATH, AT_EMPTY_PATH)) },
	/* libc on its way to memory for getrandom and malloc: how many processors, how much memory,
	 * names for mappings */
	{ CALL(sched_getaffinity), FAILS(ENOSYS) },
	{ CALL(getcpu), FAILS(ENOSYS) },
	{ CALL(sysinfo), FAILS(ENOSYS) },
	{ CALL(prctl), FAILS(EINVAL), WHEN(IS(0, PR_SET_VMA)) },
	{ CALL(prlimit64), FAILS(EPERM), WHEN(IS(0, 0), NONE(2)) },
	/* locks and what comes of them */
	{ CALL(sched_yield), FAILS(ENOSYS) },
	{ CALL(membarrier), FAILS(ENOSYS) },
	{ CALL(rseq), FAILS(ENOSYS) },
	/* which kernel it is */
	{ CALL(uname), FAILS(EPERM) },
};
/* clang-format on */

/* Each call with this action, or with its own error where it has one. */
static int
add(scmp_filter_ctx f, uint32_t action, const struct sandbox_call *calls, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint32_t own = calls[i].error ? SCMP_ACT_ERRNO(calls[i].error) : action;
		int rc = seccomp_rule_add_array(
		    f, own, calls[i].call, calls[i].conditions, calls[i].when);

		/* A call that this architecture has not cannot be made either. */
		if (rc < 0 && rc != -EDOM && rc != -EEXIST)
			return rc;
	}
	return 0;
}

/* abort() sends itself a signal; nobody else can get one this way. */
static int
add_abort(scmp_filter_ctx f)
{
	const struct sandbox_call call = { CALL(tgkill), WHEN(IS(0, getpid()), IS(2, SIGABRT)) };

	return add(f, SCMP_ACT_ALLOW, &call, 1);
}

static int
load(scmp_filter_ctx f)
{
	int rc = seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);

	if (rc == 0)
		rc = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (rc == 0)
		rc = seccomp_load(f);
	return rc;
}

static int
finish(scmp_filter_ctx f, int rc)
{
	seccomp_release(f);
	if (rc == 0)
		return 0;
	errno = rc == -ECANCELED || rc == -EINVAL ? ENOSYS : -rc;
	return -1;
}

/* Whether the kernel has filters that kill. */
static int
has_filters(void)
{
	uint32_t action = SECCOMP_RET_KILL_PROCESS;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

int
sandbox_permit(const struct sandbox_call *calls, size_t count)
{
	scmp_filter_ctx f;
	int rc;

	if (!has_filters()) {
		errno = ENOSYS;
		return -1;
	}
	f = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (!f) {
		errno = ENOMEM;
		return -1;
	}
	rc = add(f, SCMP_ACT_ALLOW, calls, count);
	if (rc == 0)
		rc = add(f, SCMP_ACT_ALLOW, everywhere, sizeof(everywhere) / sizeof(everywhere[0]));
	if (rc == 0)
		rc = add_abort(f);
	if (rc == 0)
		rc = load(f);
	return finish(f, rc);
}

int
sandbox_deny(const struct sandbox_call *calls, size_t count)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
	int rc;

	if (!f) {
		errno = ENOMEM;
		return -1;
	}
	rc = add(f, SCMP_ACT_ERRNO(EPERM), calls, count);
	if (rc == 0) /* its flags are behind a pointer; libc goes back to clone */
		rc = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (rc == 0)
		rc = load(f);
	return finish(f, rc);
}

/* ---- Landlock ---- */

/*
 * Declared here, because what a system's headers know is older than what its kernel may do.
 * Source: Linux, include/uapi/linux/landlock.h.
 */
struct landlock_rules {
	uint64_t fs;     /* version 1 */
	uint64_t net;    /* version 4 */
	uint64_t scoped; /* version 6 */
};
struct landlock_port {
	uint64_t access, port;
};
enum { LANDLOCK_VERSION = 1 << 0, LANDLOCK_NET_PORT = 2 };
enum { NET_BIND_TCP = 1 << 0, NET_CONNECT_TCP = 1 << 1 };
enum { SCOPE_ABSTRACT_UNIX = 1 << 0, SCOPE_SIGNAL = 1 << 1 };

int
sandbox_landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION);

	return abi > 0 ? (int)abi : 0;
}

/* Every right over files that this version knows; a newer one may know more, which is harmless. */
static uint64_t
all_fs(int abi)
{
	if (abi < 2)
		return 0x1fff;
	if (abi < 3)
		return 0x3fff;            /* refer */
	return abi < 5 ? 0x7fff : 0xffff; /* truncate; ioctl on devices */
}

static int
rules_new(const struct landlock_rules *r)
{
	return (int)syscall(SYS_landlock_create_ruleset, r, sizeof(*r), 0);
}

static int
rules_add(int fd, uint64_t access, uint16_t port)
{
	const struct landlock_port p = { access, port };

	return (int)syscall(SYS_landlock_add_rule, fd, LANDLOCK_NET_PORT, &p, 0);
}

static int
rules_enforce(int fd)
{
	return (int)syscall(SYS_landlock_restrict_self, fd, 0);
}

uint32_t
sandbox_no_files(void)
{
	int abi = sandbox_landlock_abi(), fd, res;
	struct landlock_rules rules = { .fs = all_fs(abi) };
	uint32_t layers = LAYER_LANDLOCK_FS;

	if (abi == 0)
		return 0;
	if (abi >= 6) {
		rules.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
		layers |= LAYER_LANDLOCK_SCOPE;
	}
	fd = rules_new(&rules);
	if (fd == -1)
		return 0;
	res = rules_enforce(fd);
	close(fd);
	return res == 0 ? layers : 0;
}

uint32_t
sandbox_ports(const uint16_t *ports, size_t count, int bind_any)
{
	const struct landlock_rules rules = { .net = NET_BIND_TCP | NET_CONNECT_TCP };
	int fd, res = 0;

	if (sandbox_landlock_abi() < 4)
		return 0;
	fd = rules_new(&rules);
	if (fd == -1)
		return 0;
	for (size_t i = 0; res == 0 && i < count; i++)
		res = rules_add(fd, NET_CONNECT_TCP, ports[i]);
	if (res == 0 && bind_any) /* port 0: whichever the kernel picks */
		res = rules_add(fd, NET_BIND_TCP, 0);
	if (res == 0)
		res = rules_enforce(fd);
	close(fd);
	return res == 0 ? LAYER_LANDLOCK_NET : 0;
}

uint32_t
sandbox_offered(void)
{
	uint32_t layers = LAYER_NO_NEW_PRIVS;
	int abi = sandbox_landlock_abi();

	if (geteuid() == 0)
		layers |= LAYER_CHROOT | LAYER_UID;
	if (has_filters())
		layers |= LAYER_SECCOMP;
	if (abi > 0)
		layers |= LAYER_LANDLOCK_FS;
	if (abi >= 4)
		layers |= LAYER_LANDLOCK_NET;
	if (abi >= 6)
		layers |= LAYER_LANDLOCK_SCOPE;
	return layers;
}
