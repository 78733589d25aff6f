/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Making the children's root directory.  Master, as root. */
#include "rootdir.h"

#include "../common/log.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The service manager's directory for us, where it gave one: /run itself may be out of reach. */
#define IN_RUNTIME "%s/root.XXXXXX"
#define IN_RUN     "/run/mailreeve-root.XXXXXX"

const char *
rootdir_make(struct master *m)
{
	static char path[PATH_MAX];
	const char *runtime = getenv("RUNTIME_DIRECTORY");

	if (!m->drop)
		return "";
	/* Of this process alone, so that two masters on one host do not share it. */
	if (!runtime || (size_t)snprintf(path, sizeof(path), IN_RUNTIME, runtime) >= sizeof(path))
		snprintf(path, sizeof(path), "%s", IN_RUN);
	if (!mkdtemp(path) || chmod(path, 0555) == -1)
		fatal("cannot make %s, an empty directory for the children: %s", path,
		    strerror(errno));
	return path;
}

void
rootdir_remove(struct master *m)
{
	if (m->drop)
		(void)rmdir(m->root);
}
