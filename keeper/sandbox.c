/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What the keeper may ask of the kernel once it has its keys: to wait for messages and to answer
 * them.  No file, no network, no new descriptor except those that come with a message.
 */
#include "keeper/sandbox.h"

#include "common/child.h"
#include "common/sandbox.h"

#include <stddef.h>

/* clang-format off */
static const struct sandbox_call calls[] = {
	/* the loop */
	{ CALL(epoll_wait) },
	{ CALL(epoll_pwait), WHEN(NONE(4)) },	/* where libc makes it of epoll_wait */
	{ CALL(epoll_ctl) },
	/* channels: questions, and the master's new channels, in; answers out */
	{ CALL(recvmsg) },
	{ CALL(writev) },
	{ CALL(close) },
	/* log lines */
	{ CALL(write), WHEN(IS(0, FD_LOG)) },
};
/* clang-format on */

void
keeper_sandbox(struct child *c)
{
	const struct child_doors doors = {
		.calls = calls,
		.call_count = sizeof(calls) / sizeof(calls[0]),
	};

	child_lock(c, &doors);
}
