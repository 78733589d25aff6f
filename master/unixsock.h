/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* A UNIX socket that only root, we ourselves and one group may open. */
#ifndef UNIXSOCK_H
#define UNIXSOCK_H

#include <stddef.h>

/*
 * A listening socket at path, mode 0600, or 0660 and owned by the group.  A dead one's file is
 * replaced; a living one's is not.  The directory is made if only it is missing.
 * -1 with the reason in why_r.
 */
int unixsock_open(const char *path, const char *group, char *why_r, size_t size);

/* Whether the process at the other end may speak: root, our own user, or in the group. */
int unixsock_peer_ok(int fd, const char *group);

#endif
