/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What the checker may ask of the kernel once it checks: what a worker may towards servers, and
 * DNS.  An attacker who gets into it through the answer of a server or name server has this and no more.
 */
#include "checker/sandbox.h"

#include "common/child.h"
#include "common/conf.h"
#include "common/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#define SOCKET_FLAGS (SOCK_NONBLOCK | SOCK_CLOEXEC)
#define DNS_PORT     53

/* clang-format off */
static const struct sandbox_call calls[] = {
	/* the loop */
	{ CALL(epoll_wait) },
	{ CALL(epoll_pwait), WHEN(NONE(4)) },	/* where libc makes it of epoll_wait */
	{ CALL(epoll_ctl) },
	/* waiting for the keeper, five seconds at most */
	{ CALL(poll) },
	{ CALL(ppoll), WHEN(NONE(3)) },		/* where libc makes it of poll: no mask */
	/* the master's words, and a new keeper's channel */
	{ CALL(recvmsg) },
	/* bytes: libssl and the report pipe; dialogues, channels and DNS; no sendmsg, which could
	 * pass descriptors to the master */
	{ CALL(read) },
	{ CALL(write) },
	{ CALL(writev) },
	{ CALL(recvfrom) },
	{ CALL(sendto), WHEN(NONE(4)) },	/* no address: TCP fast open would go past Landlock */
	{ CALL(shutdown), WHEN(IS(1, SHUT_WR)) },
	{ CALL(close) },
	/* servers: TCP itself, for MPTCP would go past Landlock; DNS: UDP */
	{ CALL(socket), WHEN(IS(0, AF_INET), BITS(1, ~SOCKET_FLAGS, SOCK_STREAM), IS(2, 0)) },
	{ CALL(socket), WHEN(IS(0, AF_INET6), BITS(1, ~SOCKET_FLAGS, SOCK_STREAM), IS(2, 0)) },
	{ CALL(socket), WHEN(IS(0, AF_INET), BITS(1, ~SOCKET_FLAGS, SOCK_DGRAM), IS(2, 0)) },
	{ CALL(socket), WHEN(IS(0, AF_INET6), BITS(1, ~SOCKET_FLAGS, SOCK_DGRAM), IS(2, 0)) },
	{ CALL(connect) },			/* Landlock says to which TCP ports */
	{ CALL(getsockname) },			/* the PROXY header has our own addresses */
	{ CALL(getpeername) },
	{ CALL(getsockopt), WHEN(IS(1, SOL_SOCKET), IS(2, SO_ERROR)) },	/* how a connect ended */
	/* never SO_LINGER */
	{ CALL(setsockopt), WHEN(IS(1, IPPROTO_TCP), IS(2, TCP_QUICKACK)) },	/* unseen checks */
	{ CALL(setsockopt), WHEN(IS(1, IPPROTO_TCP), IS(2, TCP_NODELAY)) },	/* c-ares */
	/* c-ares 1.34 tries it and goes on without: it would go past Landlock */
	{ CALL(setsockopt), FAILS(ENOPROTOOPT), WHEN(IS(1, IPPROTO_TCP), IS(2, TCP_FASTOPEN_CONNECT)) },
	/* what it may try of a socket's size */
	{ CALL(setsockopt), FAILS(ENOPROTOOPT), WHEN(IS(1, SOL_SOCKET), IS(2, SO_SNDBUF)) },
	{ CALL(setsockopt), FAILS(ENOPROTOOPT), WHEN(IS(1, SOL_SOCKET), IS(2, SO_RCVBUF)) },
	/* c-ares makes its sockets non-blocking and close-on-exec */
	{ CALL(fcntl), WHEN(IS(1, F_GETFD)) },
	{ CALL(fcntl), WHEN(IS(1, F_SETFD), IS(2, FD_CLOEXEC)) },
	{ CALL(fcntl), WHEN(IS(1, F_GETFL)) },
	{ CALL(fcntl), WHEN(IS(1, F_SETFL), BITS(2, O_NONBLOCK, O_NONBLOCK)) },
	/* bind_address, and only where it is set: these two stand last */
	{ CALL(setsockopt), WHEN(IS(1, IPPROTO_IP), IS(2, IP_BIND_ADDRESS_NO_PORT)) },
	{ CALL(bind) },				/* Landlock: no TCP port of our choice */
};
#define BIND_CALLS 2
/* clang-format on */

/* The port of every check, as check.port, check_port and the server's own port make it. */
static uint16_t
check_port(const struct conf *conf, const struct conf_server *s)
{
	const struct conf_check *check = &conf->backends[s->backend].check;

	if (s->check_port != 0)
		return s->check_port;
	return check->port != 0 ? check->port : s->addr.port;
}

void
checker_sandbox(struct child *c, const struct conf *conf)
{
	uint16_t *ports = calloc(conf->server_count + 1, sizeof(*ports));
	struct child_doors doors = {
		.calls = calls,
		.call_count = sizeof(calls) / sizeof(calls[0]),
		.ports = ports,
		.port_count = conf->server_count + 1,
	};

	if (!ports)
		child_failed(c, "out of memory");
	for (size_t i = 0; i < conf->server_count; i++)
		ports[i] = check_port(conf, &conf->servers[i]);
	ports[conf->server_count] = DNS_PORT;
	for (size_t i = 0; i < conf->backend_count; i++)
		doors.bind_any |= conf->backends[i].bind_address_count > 0;
	if (!doors.bind_any)
		doors.call_count -= BIND_CALLS;
	child_lock(c, &doors);
	free(ports);
}
