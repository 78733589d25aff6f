/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Who has a port: for the message that says why it cannot be ours. */
#ifndef MASTER_HOST_HOLDER_H
#define MASTER_HOST_HOLDER_H

#include <stddef.h>
#include <stdint.h>

/*
 * "dovecot (pid 812)" for the process that listens on this TCP port, as far as we may look into
 * other processes.  Returns 0, or -1 when it cannot be found out.
 */
int port_holder(uint16_t port, char *buf_r, size_t size);

#endif
