/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Which children do not do what they should: a keeper that does not answer, a worker that does not
 * take what it is handed.  Master.  The keeper is looked at first and has the shortest time, since
 * a silent keeper is what keeps workers waiting.
 */
#include "procs.h"

#include <sys/wait.h>

#define START_MOST    60000 /* milliseconds until READY */
#define TAKEN_MOST    10000 /* a worker that does not take what it was handed */
#define KEEPER_SILENT 1000
#define OTHER_SILENT  10000

/*
 * Whether a signal has stopped it, which need not be waited for.  Only its parent is told: of an
 * earlier master's children the answer is always no.
 */
static int
is_stopped(const struct proc *p)
{
	siginfo_t si = { 0 };

	return waitid(P_PIDFD, (id_t)p->pidfd, &si, WSTOPPED | WNOHANG | WNOWAIT) == 0 &&
	    si.si_pid != 0;
}

static void
heartbeat(struct proc *p, uint64_t now, int after_stall, uint64_t most)
{
	struct msg_ping ping;

	if (p->state != PROC_SERVING)
		return;
	if (p->pinged && after_stall)
		p->pinged = now;
	if (p->pinged && now - p->pinged >= most) {
		proc_kill(p, "does not answer");
		return;
	}
	if (p->pinged)
		return;
	ping.cookie = ++p->cookie;
	p->pinged = now;
	proc_tell(p, MSG_PING, &ping);
}

static void
watch_worker(struct worker *w, uint64_t now, int after_stall)
{
	if (w->waiting && after_stall)
		w->waiting = now;
	if (w->waiting && now - w->waiting >= TAKEN_MOST)
		proc_kill(&w->p, "does not take the connections that it was given");
	w->stuck = 0;
}

void
procs_tick(struct generation *g, int after_stall)
{
	uint64_t now = loop_now(g->m->loop);

	if (g->keeper.state == PROC_SERVING && is_stopped(&g->keeper))
		proc_kill(&g->keeper, "is stopped");
	heartbeat(&g->keeper, now, after_stall, KEEPER_SILENT);
	heartbeat(&g->checker, now, after_stall, OTHER_SILENT);
	for (uint32_t i = 0; i < g->worker_count + 2; i++) {
		struct proc *p = i < g->worker_count ? &g->workers[i].p :
		    i == g->worker_count             ? &g->keeper :
						       &g->checker;

		if (p->state == PROC_STARTING && now - p->born >= START_MOST)
			proc_kill(p, "does not get through its start");
		if (p->role == ROLE_WORKER)
			watch_worker(CONTAINER(p, struct worker, p), now, after_stall);
	}
}
