/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * TCP keep-alive.  Master, for listeners; worker, for sockets to servers.
 *
 * Not TCP_USER_TIMEOUT: it also ends a peer that is there, answers, and only does not read, once
 * its window has been closed for that long.  What the kernel's keep-alive does not cover, bytes
 * that nobody acknowledges, the worker looks after (worker/conn/carry.c).
 */
#include "common/keepalive.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define PROBES 4

void
keepalive_set(int fd, uint32_t idle_ms)
{
	const int on = idle_ms > 0, probes = PROBES, interval = KEEPALIVE_GRACE / 1000 / PROBES;
	const int idle = (int)((idle_ms + 999) / 1000);

	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	if (!on)
		return;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}
