/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Putting descriptors into the service manager's store.  Master. */
#include "master/host/store.h"

#include <stdio.h>

static void
say(struct notify *n, const char *what, const char *name, int fd)
{
	char text[STORE_NAME + 64];

	snprintf(text, sizeof(text), "%s=1\nFDNAME=%s", what, name);
	notify_send(n, text, fd);
}

void
store_put(struct notify *n, const char *name, int fd)
{
	say(n, fd == -1 ? "FDSTOREREMOVE" : "FDSTORE", name, fd);
}

void
store_remove(struct notify *n, const char *name)
{
	say(n, "FDSTOREREMOVE", name, -1);
}
