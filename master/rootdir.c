/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Making the children's root directory.  Master, as root. */
#include "rootdir.h"

#include "../common/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of this process alone, so that two masters on one host do not share it. */
#define TEMPLATE "/run/mailreeve-root.XXXXXX"

const char *
rootdir_make(struct master *m)
{
	static char path[] = TEMPLATE;

	if (!m->drop)
		return "";
	if (!mkdtemp(path) || chmod(path, 0555) == -1)
		fatal("cannot make %s, an empty directory for the children: %s", TEMPLATE,
		    strerror(errno));
	return path;
}

void
rootdir_remove(struct master *m)
{
	if (m->drop)
		(void)rmdir(m->root);
}
