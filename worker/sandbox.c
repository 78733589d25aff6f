/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What a worker may ask of the kernel once it serves: bytes in and out of sockets it was given or
 * has connected to a server's port.  It faces the internet, so this list is what an attacker in
 * it is left with; every line says what needs it.
 */
#include "worker/sandbox.h"

#include "common/child.h"
#include "common/conf.h"
#include "common/sandbox.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#define SOCKET_FLAGS (SOCK_NONBLOCK | SOCK_CLOEXEC)

/* clang-format off */
static const struct sandbox_call calls[] = {
	/* the loop */
	{ CALL(epoll_wait) },
	{ CALL(epoll_pwait), WHEN(NONE(4)) },	/* where libc makes it of epoll_wait */
	{ CALL(epoll_ctl) },
	/* waiting for the keeper, five seconds at most */
	{ CALL(poll) },
	{ CALL(ppoll), WHEN(NONE(3)) },		/* where libc makes it of poll: no mask */
	/* connections come, and a new keeper's channel */
	{ CALL(recvmsg) },
	/* log lines; what is left in a pipe whose reader is gone */
	{ CALL(write), WHEN(IS(0, FD_LOG)) },
	{ CALL(read) },
	/* bytes of connections and channels; no sendmsg, which could pass descriptors to the master */
	{ CALL(writev) },
	{ CALL(recvfrom) },
	{ CALL(sendto), WHEN(NONE(4)) },	/* no address: TCP fast open would go past Landlock */
	{ CALL(splice), WHEN(NONE(1), NONE(3)) }, /* bulk between two plain sides, by a pipe */
	{ CALL(shutdown), WHEN(IS(1, SHUT_WR)) },
	{ CALL(close) },
	/* servers: TCP itself, for MPTCP would go past Landlock; no UDP, no raw, no local sockets */
	{ CALL(socket), WHEN(IS(0, AF_INET), BITS(1, ~SOCKET_FLAGS, SOCK_STREAM), IS(2, 0)) },
	{ CALL(socket), WHEN(IS(0, AF_INET6), BITS(1, ~SOCKET_FLAGS, SOCK_STREAM), IS(2, 0)) },
	{ CALL(connect) },			/* Landlock says to which ports; a reset, too */
	{ CALL(getsockname) },			/* out_port in the log */
	{ CALL(getsockopt), WHEN(IS(1, SOL_SOCKET), IS(2, SO_ERROR)) },	/* how a connect ended */
	{ CALL(getsockopt), WHEN(IS(1, IPPROTO_TCP), IS(2, TCP_INFO)) },	/* whether a peer is dead */
	/* never SO_LINGER, by which closing a socket could put the master to sleep */
	{ CALL(setsockopt), WHEN(IS(1, IPPROTO_TCP), IS(2, TCP_NODELAY)) },	/* the mark, too */
	{ CALL(setsockopt), WHEN(IS(1, SOL_SOCKET), IS(2, SO_KEEPALIVE)) },
	{ CALL(setsockopt), WHEN(IS(1, IPPROTO_TCP), IS(2, TCP_KEEPIDLE)) },
	{ CALL(setsockopt), WHEN(IS(1, IPPROTO_TCP), IS(2, TCP_KEEPINTVL)) },
	{ CALL(setsockopt), WHEN(IS(1, IPPROTO_TCP), IS(2, TCP_KEEPCNT)) },
	/* bind_address, and only where it is set: these two stand last */
	{ CALL(setsockopt), WHEN(IS(1, IPPROTO_IP), IS(2, IP_BIND_ADDRESS_NO_PORT)) },
	{ CALL(bind) },				/* Landlock: no port of our choice */
};
#define BIND_CALLS 2
/* clang-format on */

void
worker_sandbox(struct child *c, const struct conf *conf)
{
	uint16_t *ports = calloc(conf->server_count + 1, sizeof(*ports));
	struct child_doors doors = {
		.calls = calls,
		.call_count = sizeof(calls) / sizeof(calls[0]),
		.ports = ports,
		.port_count = conf->server_count,
	};

	if (!ports)
		child_failed(c, "out of memory");
	for (size_t i = 0; i < conf->server_count; i++)
		ports[i] = conf->servers[i].addr.port;
	for (size_t i = 0; i < conf->backend_count; i++)
		doors.bind_any |= conf->backends[i].bind_address_count > 0;
	if (!doors.bind_any)
		doors.call_count -= BIND_CALLS;
	child_lock(c, &doors);
	free(ports);
}
