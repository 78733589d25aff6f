/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * old_kernel MISSING PROGRAM [ARGUMENT...]: runs a program, and all that it starts, on a kernel that
 * seems to lack MISSING, which is "landlock" or "seccomp".  A test's; nothing comes to it from
 * outside.
 */
#include "../../common/sandbox.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static int
deny(scmp_filter_ctx f, const char *missing)
{
	const struct scmp_arg_cmp filters = IS(0, PR_SET_SECCOMP);
	const uint32_t no_call = SCMP_ACT_ERRNO(ENOSYS), no_option = SCMP_ACT_ERRNO(EINVAL);

	if (strcmp(missing, "landlock") == 0)
		return seccomp_rule_add(f, no_call, SCMP_SYS(landlock_create_ruleset), 0);
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
		fputs("old_kernel landlock|seccomp PROGRAM [ARGUMENT...]\n", stderr);
		return 2;
	}
	execv(argv[2], argv + 2);
	perror(argv[2]);
	return 2;
}
