/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The limit of descriptors.  Master, at start. */
#include "rlimit.h"

#include "../common/log.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#define HELD_MOST 4096  /* descriptors of connections that workers have not touched yet */
#define FEW       16384 /* below this it is worth a word */
#define OWN       48    /* descriptors that a worker needs for itself */
#define EACH      2     /* ... and for each connection: client and server */

void
rlimit_raise(struct master *m)
{
	struct rlimit r;
	rlim_t most;

	if (getrlimit(RLIMIT_NOFILE, &r) == -1)
		fatal("getrlimit: %s", strerror(errno));
	if (r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &r) == -1)
			(void)getrlimit(RLIMIT_NOFILE, &r);
	}
	most = r.rlim_cur < OWN + EACH ? 1 : (r.rlim_cur - OWN) / EACH;
	m->worker_most = most < UINT32_MAX ? (uint32_t)most : UINT32_MAX;
	m->conns.held_most = r.rlim_cur / 4 < HELD_MOST ? (size_t)r.rlim_cur / 4 : HELD_MOST;
	if (r.rlim_cur < FEW && !m->testing)
		log_say(LOG_WARNING,
		    "the limit of descriptors is %llu, so a worker serves at most %u connections; "
		    "raise it with LimitNOFILE= or ulimit -n",
		    (unsigned long long)r.rlim_cur, m->worker_most);
}
