/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * old_kernel MISSING PROGRAM [ARGUMENT...]: runs a program, and all that it starts, on a kernel that
 * seems to lack MISSING: "landlock", "seccomp", a name of `lacks`, or "kill", the right to kill by a
 * pidfd.  A test's; nothing comes to it from outside.
 */
#include "common/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
	const char *name;
	int call;
	struct scmp_arg_cmp when;
	int conditions;
} lacks[] = {
	{ "pidfd_open", SCMP_SYS(pidfd_open), { 0 }, 0 },
	{ "pidfd_send_signal", SCMP_SYS(pidfd_send_signal), { 0 }, 0 },
	{ "waitid", SCMP_SYS(waitid), { 0, SCMP_CMP_EQ, P_PIDFD, 0 }, 1 },
	{ "close_range", SCMP_SYS(close_range), { 0 }, 0 },
	{ "memfd_create", SCMP_SYS(memfd_create), { 0 }, 0 },
	{ "F_ADD_SEALS", SCMP_SYS(fcntl), { 1, SCMP_CMP_EQ, F_ADD_SEALS, 0 }, 1 },
};

static int
deny(scmp_filter_ctx f, const char *missing)
{
	const struct scmp_arg_cmp filters = IS(0, PR_SET_SECCOMP), kills = IS(1, SIGKILL);
	const uint32_t no_call = SCMP_ACT_ERRNO(ENOSYS), no_option = SCMP_ACT_ERRNO(EINVAL);

	if (strcmp(missing, "landlock") == 0)
		return seccomp_rule_add(f, no_call, SCMP_SYS(landlock_create_ruleset), 0);
	if (strcmp(missing, "kill") == 0)
		return seccomp_rule_add_array(
		    f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(pidfd_send_signal), 1, &kills);
	for (size_t i = 0; i < sizeof(lacks) / sizeof(lacks[0]); i++)
		if (strcmp(missing, lacks[i].name) == 0)
			return seccomp_rule_add_array(f, no_call, lacks[i].call,
			    (unsigned)lacks[i].conditions, &lacks[i].when);
	if (strcmp(missing, "seccomp") != 0)
		return -1;
	return seccomp_rule_add(f, no_call, SCMP_SYS(seccomp), 0) |
	    seccomp_rule_add_array(f, no_option, SCMP_SYS(prctl), 1, &filters);
}

int
main(int argc, char **argv)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);

	if (argc < 3 || !f || deny(f, argv[1]) != 0 || seccomp_load(f) != 0) {
		fputs("old_kernel MISSING PROGRAM [ARGUMENT...]\n", stderr);
		return 2;
	}
	execv(argv[2], argv + 2);
	perror(argv[2]);
	return 2;
}
