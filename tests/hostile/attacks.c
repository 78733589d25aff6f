/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What somebody who has taken over a worker, the checker or the keeper would try, from inside the
 * walls; what the process's libraries may try; and what it needs itself, which must work there.
 * Prints the table; each line is tried in each kind of process, in a process of its own.
 *
 * At the end every system call that there is, with senseless arguments: whatever is not in the
 * process's list must kill it.
 */
#include "tests/hostile/attacks.h"
#include "tests/hostile/locked.h"
#include "tests/hostile/needs.h"

#include "common/sandbox.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int lines, wrong;

/* "killed", "works", "EACCES". */
static const char *
outcome(int res)
{
	if (res == -SIGSYS)
		return "killed";
	if (res == NOT_HERE)
		return "-";
	if (res < 0)
		return strsignal(-res);
	return res == 0 ? "works" : strerrorname_np(res);
}

/* What a kernel without these Landlock rules answers. */
static int
expected(int res)
{
	if (res == PORTS_SHUT)
		return outside.abi >= 4 ? EACCES : 0;
	return res;
}

static void
row(const char *name, int (*fn)(const void *), const void *arg, const int want[KINDS],
    const char *bound)
{
	char cells[KINDS][32];
	int ok = 1;

	for (int k = 0; k < KINDS; k++) {
		int res = want[k] == NOT_HERE ? NOT_HERE : locked_run((enum kind)k, fn, arg);
		int right = want[k] == NOT_HERE || res == expected(want[k]);

		snprintf(cells[k], sizeof(cells[k]), "%s%s", right ? "" : "!!", outcome(res));
		if (!right && *locked_said)
			printf("# %s: %s\n", kind_names[k], locked_said);
		ok &= right;
	}
	printf("%-4s %-34s %-11s %-11s %-11s %-11s %s\n", ok ? "ok" : "FAIL", name, cells[WORKER],
	    cells[BINDER], cells[CHECKER], cells[KEEPER], bound ? bound : "");
	lines++;
	wrong += !ok;
}

static int
raw_call(long nr, const long a[6])
{
	return syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]) == -1 ? errno : 0;
}

static int
raw_attack(const void *arg)
{
	const struct raw_attack *a = arg;

	return raw_call(a->nr, a->args);
}

static int
raw_try(const void *arg)
{
	const struct raw_try *t = arg;

	return raw_call(t->nr, t->args);
}

/* ---- Every system call there is ---- */

#define CALLS 512

static int
senseless(const void *arg)
{
	return syscall(*(const long *)arg, -1L, -1L, -1L, -1L, -1L, -1L) == -1 ? errno : 0;
}

static const char *
name_of(long nr)
{
	char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)nr);

	return name ? name : "?"; /* small, and we end soon */
}

static int
is_in(const char *const *names, const char *name)
{
	while (*names && strcmp(*names, name) != 0)
		names++;
	return *names != NULL;
}

/* Calls that stand in the lists without a condition, or with one that senseless arguments meet. */
static int
is_listed(enum kind kind, const char *name)
{
	return is_in(everybody, name) || is_in(listed[kind], name) || is_in(refused, name);
}

/*
 * Two calls that seccomp lets pass without asking, since Linux 6.14: the kernel itself puts them
 * into a process that it traces, and from anywhere else they come to nothing.
 */
static int
is_of_tracing(long nr)
{
#ifdef __x86_64__
	return nr == 335 || nr == 336; /* uretprobe, uprobe */
#else
	(void)nr;
	return 0;
#endif
}

static void
every_call(enum kind kind)
{
	int survived = 0, killed = 0, bad = 0, dies;

	for (long nr = 0; nr < CALLS; nr++) {
		const char *name = name_of(nr);

		if (is_of_tracing(nr))
			continue;
		dies = locked_run(kind, senseless, &nr) == -SIGSYS;
		if (dies == is_listed(kind, name)) {
			printf("# %s: %s (%ld) %s\n", kind_names[kind], name, nr,
			    dies ? "kills but is listed" : "is permitted but not listed");
			bad++;
		}
		survived += !dies;
		killed += dies;
	}
	printf("%-4s of the numbers 0 to %d, %s: %d kill, %d are permitted\n", bad ? "FAIL" : "ok",
	    CALLS - 1, kind_names[kind], killed, survived);
	lines++;
	wrong += bad > 0;
}

int
main(void)
{
	char text[SANDBOX_TEXT];

	outside_begin();
	needs_prepare();
	locked_between = needs_between;
	for (int k = 0; k < KINDS; k++) {
		int res = locked_run((enum kind)k, NULL, NULL);

		if (res != 0) {
			printf("a %s cannot be locked in: %s: %s\n", kind_names[k], outcome(res),
			    locked_said);
			return 2;
		}
		printf("%s: %s\n", kind_names[k],
		    sandbox_text((uint32_t)strtoul(locked_said, NULL, 10), text));
	}
	printf("     %-34s %-11s %-11s %-11s %-11s\n", "", kind_names[WORKER], kind_names[BINDER],
	    kind_names[CHECKER], kind_names[KEEPER]);
	attacks_fill();
	for (const struct raw_attack *a = raw_attacks; a->name; a++)
		row(a->name, raw_attack, a, (const int[KINDS]){ KILLED, KILLED, KILLED, KILLED },
		    NULL);
	for (const struct raw_try *t = raw_tries; t->name; t++)
		row(t->name, raw_try, t,
		    (const int[KINDS]){ t->error, t->error, t->error, t->error }, NULL);
	for (const struct attack *a = attacks; a->name; a++)
		row(a->name, a->fn, NULL, a->want, a->bound);
	for (int k = 0; k < KINDS; k++)
		every_call((enum kind)k);
	outside_end();
	printf("%d%%: Checks: %d, Failures: %d, Errors: 0\n", 100 * (lines - wrong) / lines, lines,
	    wrong);
	return wrong != 0;
}
