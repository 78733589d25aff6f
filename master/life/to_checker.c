/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Wishes to the checker.  Master.  One that does not read does the same by itself, later. */
#include "master/life/to_checker.h"

void
to_checker_resolve(struct generation *g)
{
	const struct msg_empty none = { 0 };

	/* A checker of version 1 would take it for a broken protocol; it asks by itself, later. */
	if (g->checker.state == PROC_SERVING && g->checker.version >= 2)
		(void)chan_tell(&g->checker.chan, MSG_RESOLVE, &none);
}
