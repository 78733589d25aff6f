/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * A child that dies at birth as long as there is a cause, to be started by a real master in the
 * place of mailreeve-worker, -checker or -keeper.  The directory that it lies in says which cause:
 *
 *   dies-early-ROLE   it ends before READY        honest-ROLE   what it becomes without a cause
 *   dies-ready-ROLE   it says READY and aborts
 *   hangs-ROLE        it never says READY
 *
 * It reads nothing that anybody sends.
 */
#include "common/child.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[PATH_MAX];

static char *
in_dir(const char *prefix, const char *role)
{
	static char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s-%s", dir, prefix, role);
	return path;
}

int
main(int argc, char **argv)
{
	struct chan master = { .fd = FD_CHAN, .peer = ROLE_MASTER };
	const char *role = argc > 0 ? strrchr(argv[0], '-') : NULL;

	if (!role || readlink("/proc/self/exe", dir, sizeof(dir) - 1) <= 0)
		return 2;
	*strrchr(dir, '/') = '\0';
	role++;
	if (access(in_dir("dies-early", role), F_OK) == 0)
		_exit(9); /* no last words of a sanitizer */
	if (access(in_dir("dies-ready", role), F_OK) == 0) {
		master.self = strcmp(role, "worker") == 0 ? ROLE_WORKER :
		    strcmp(role, "checker") == 0          ? ROLE_CHECKER :
							    ROLE_KEEPER;
		(void)chan_tell(&master, MSG_READY, &(struct msg_ready){ .version = MSG_VERSION });
		abort();
	}
	if (access(in_dir("hangs", role), F_OK) == 0)
		pause();
	argv[0] = in_dir("honest", role);
	execv(argv[0], argv);
	return 3;
}
