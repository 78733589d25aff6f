/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What a library may try behind the walls, in this version of it or in the next, and goes on
 * without: an error, the same in every kind of process, and never a death.  What c-ares alone may
 * try stands in attack_list.c, since only the checker has it.
 */
#include "tests/hostile/attacks.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif
#ifndef PR_SET_VMA
#define PR_SET_VMA           0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

static char buf[1024] __attribute__((aligned(4096)));

#define P(x) ((long)(x))

/* clang-format off */
const struct raw_try raw_tries[] = {
	{ "fstat", SYS_fstat, { 2, P(buf) }, EBADF },
#ifdef SYS_newfstatat
	{ "fstat by newfstatat", SYS_newfstatat, { 2, P(""), P(buf), AT_EMPTY_PATH }, EBADF },
#endif
	{ "isatty", SYS_ioctl, { 1, TCGETS, P(buf) }, ENOTTY },
	{ "madvise: huge pages", SYS_madvise, { P(buf), 4096, MADV_HUGEPAGE }, EINVAL },
	{ "madvise: not in a core", SYS_madvise, { P(buf), 4096, MADV_DONTDUMP }, EINVAL },
	{ "madvise: gone after a fork", SYS_madvise, { P(buf), 4096, MADV_WIPEONFORK }, EINVAL },
	{ "madvise: a guard", SYS_madvise, { P(buf), 4096, MADV_GUARD_INSTALL }, EINVAL },
	{ "sched_getaffinity", SYS_sched_getaffinity, { 0, sizeof(buf), P(buf) }, ENOSYS },
	{ "getcpu", SYS_getcpu, { P(buf), 0, 0 }, ENOSYS },
	{ "sysinfo", SYS_sysinfo, { P(buf) }, ENOSYS },
	{ "a name for a mapping", SYS_prctl, { PR_SET_VMA, PR_SET_VMA_ANON_NAME, P(buf), 4096, 0 }, EINVAL },
	{ "getrlimit", SYS_prlimit64, { 0, RLIMIT_NOFILE, 0, P(buf) }, EPERM },
	{ "sched_yield", SYS_sched_yield, { 0 }, ENOSYS },
	{ "membarrier", SYS_membarrier, { 0 }, ENOSYS },
	{ "rseq", SYS_rseq, { P(buf), 32, 0, 0 }, ENOSYS },
	{ "uname", SYS_uname, { P(buf) }, EPERM },
	{ 0 },
};

const char *const refused[] = {
	"fstat", "getcpu", "madvise", "membarrier", "newfstatat", "rseq", "sched_getaffinity",
	"sched_yield", "sysinfo", "uname", NULL
};
/* clang-format on */
