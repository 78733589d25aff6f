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
rootdir_make(struct master *m)
{
	const char *runtime = getenv("RUNTIME_DIRECTORY");
	size_t room = sizeof(m->rootdir);

	/* Not root: there is none.  Re-executed: the children of before are in it. */
	if (!m->drop || m->rootdir[0])
		return;
	/* Of this process alone, so that two masters on one host do not share it. */
	if (!runtime || (size_t)snprintf(m->rootdir, room, IN_RUNTIME, runtime) >= room)
		snprintf(m->rootdir, room, "%s", IN_RUN);
	if (!mkdtemp(m->rootdir) || chmod(m->rootdir, 0555) == -1)
		fatal("cannot make %s, an empty directory for the children: %s", m->rootdir,
		    strerror(errno));
}

void
rootdir_remove(struct master *m)
{
	if (m->rootdir[0])
		(void)rmdir(m->rootdir);
}
