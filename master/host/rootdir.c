/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Making the children's root directory.  Master, as root. */
#include "master/host/rootdir.h"

#include "common/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The service manager's directory for us, where it gave one: /run itself may be out of reach. */
#define IN_RUNTIME "%s/root.XXXXXX"
#define IN_RUN     "/run/mailreeve-root.XXXXXX"

void
rootdir_make(char *dir_r, size_t size)
{
	const char *runtime = getenv("RUNTIME_DIRECTORY");

	/* Of this process alone, so that two masters on one host do not share it. */
	if (!runtime || (size_t)snprintf(dir_r, size, IN_RUNTIME, runtime) >= size)
		snprintf(dir_r, size, "%s", IN_RUN);
	if (!mkdtemp(dir_r) || chmod(dir_r, 0555) == -1)
		fatal("cannot make %s, an empty directory for the children: %s", dir_r,
		    strerror(errno));
}

void
rootdir_remove(const char *dir)
{
	if (*dir)
		(void)rmdir(dir);
}
