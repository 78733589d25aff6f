/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The limits of descriptors and of files.  Master, at start. */
#include "master/host/rlimit.h"

#include "common/log.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#define HELD_MOST 4096  /* descriptors of connections that workers have not touched yet */
#define FEW       16384 /* below this it is worth a word */
#define OWN       48    /* descriptors that a worker needs for itself */
#define EACH      2     /* ... and for each connection: client and server */
#define FILE_SIZE ((rlim_t)16 * 1024 * 1024) /* what the processes share is in files in memory */

const char *
rlimit_hint(int error)
{
	switch (error) {
	case EMFILE:
		return "; raise the limit of descriptors with LimitNOFILE= or ulimit -n";
	case EAGAIN:
		return "; raise the limit of processes with TasksMax=, LimitNPROC= or ulimit -u";
	case EFBIG:
		return "; raise the limit of file sizes with LimitFSIZE= or ulimit -f";
	case ENOMEM:
		return "; raise the limit of memory with MemoryMax=, LimitAS= or ulimit -v";
	default:
		return "";
	}
}

/* As far as we may; the limit that there is then. */
static struct rlimit
raise_limit(__rlimit_resource_t what)
{
	struct rlimit r;

	if (getrlimit(what, &r) == -1)
		fatal("getrlimit: %s", strerror(errno));
	if (r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		if (setrlimit(what, &r) == -1)
			(void)getrlimit(what, &r);
	}
	return r;
}

/* Without SIGXFSZ what is beyond the limit is an error, with words. */
static void
raise_file_size(void)
{
	struct rlimit r = raise_limit(RLIMIT_FSIZE);

	signal(SIGXFSZ, SIG_IGN);
	if (r.rlim_cur < FILE_SIZE)
		fatal("the limit of file sizes is %llu bytes, and what mailreeve's processes share "
		      "needs more; raise it with LimitFSIZE=infinity or ulimit -f unlimited",
		    (unsigned long long)r.rlim_cur);
}

void
rlimit_raise(struct room *r_r, int quiet)
{
	struct rlimit r = raise_limit(RLIMIT_NOFILE);
	rlim_t most;

	raise_file_size();
	most = r.rlim_cur < OWN + EACH ? 1 : (r.rlim_cur - OWN) / EACH;
	r_r->worker_conns = most < UINT32_MAX ? (uint32_t)most : UINT32_MAX;
	r_r->held = r.rlim_cur / 4 < HELD_MOST ? (size_t)r.rlim_cur / 4 : HELD_MOST;
	if (r.rlim_cur < FEW && !quiet)
		log_say(LOG_WARNING,
		    "the limit of descriptors is %llu, so a worker serves at most %u connections; "
		    "raise it with LimitNOFILE= or ulimit -n",
		    (unsigned long long)r.rlim_cur, r_r->worker_conns);
}
