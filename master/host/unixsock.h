/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* A UNIX socket that only root, we ourselves and one group may open. */
#ifndef MASTER_HOST_UNIXSOCK_H
#define MASTER_HOST_UNIXSOCK_H

#include <stddef.h>
#include <sys/types.h>

/*
 * A listening socket at path, mode 0600, or 0660 and owned by the group.  A dead one's file is
 * replaced; a living one's, or what is no socket, is not.  The directory is made if only it is
 * missing.
 * *gid_r: the group's number, for unixsock_peer_ok, because asking for it may take time.
 * -1 with the reason in why_r.
 */
int unixsock_open(const char *path, const char *group, gid_t *gid_r, char *why_r, size_t size);

/* Whether somebody answers at this socket. */
int unixsock_alive(const char *path);

/* Make the directory of this path, if only it is missing. */
void unixsock_parent(const char *path);

/* A group by name or by number: 0, or -1 if there is none of this name. */
int unixsock_group(const char *name, gid_t *gid_r);

/* Whether the process at the other end may speak: root, our own user, or in the group. */
int unixsock_peer_ok(int fd, gid_t gid);

#endif
