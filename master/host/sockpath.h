/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The file that tells mailreevectl which control socket the running master has (CONTROL_WHERE):
 * so that `control.socket` can be anywhere and `mailreevectl reload` still needs no option.
 */
#ifndef MASTER_HOST_SOCKPATH_H
#define MASTER_HOST_SOCKPATH_H

#include <stddef.h>

/*
 * Name this socket in the file `where`.  A file that names the socket of another master that
 * answers stays as it is.  Returns 0, or -1 with the reason in why_r.
 */
int sockpath_say(const char *where, const char *socket, char *why_r, size_t size);

/* Remove the file, if this is the socket that it names. */
void sockpath_forget(const char *where, const char *socket);

#endif
