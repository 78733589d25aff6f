/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Which children do not do what they should: a keeper that does not answer, a worker that does not
 * take what it is handed.  Master.  The keeper is looked at first and has the shortest time, since
 * a silent keeper is what keeps workers waiting.
 */
#include "master/life/watchdog.h"

#include "common/container.h"
#include "master/life/budget.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_MOST    60000 /* milliseconds until READY */
#define TAKEN_MOST    10000 /* a worker that does not take what it was handed */
#define KEEPER_SILENT 1000
#define KEEPER_BUSY   5000 /* the same while it works, or waits for a processor */
#define KEEPER_SLOW   500  /* from then on workers may wait for it */
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

/*
 * Whether it works or waits for a processor: a signature can take long on a machine that has no
 * time for it.  Without /proc nobody knows.
 */
static int
is_at_work(const struct proc *p)
{
	char path[64], text[512], *state;
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)p->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd != -1) {
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	text[n > 0 ? n : 0] = '\0';
	state = strrchr(text, ')'); /* the name of the program before it may hold anything */
	return state && (strncmp(state, ") R", 3) == 0 || strncmp(state, ") D", 3) == 0);
}

static uint64_t
patience_with(const struct proc *p)
{
	if (p->role != ROLE_KEEPER)
		return OTHER_SILENT;
	return is_at_work(p) ? KEEPER_BUSY : KEEPER_SILENT;
}

static void
heartbeat(struct proc *p, uint64_t now, int after_stall)
{
	struct msg_ping ping;

	if (p->state != PROC_SERVING)
		return;
	if (p->pinged && after_stall)
		p->pinged = now;
	if (p->pinged && now - p->pinged >= KEEPER_SILENT && now - p->pinged >= patience_with(p)) {
		proc_kill(p, "does not answer");
		return;
	}
	if (p->pinged)
		return;
	ping.cookie = ++p->cookie;
	p->pinged = now;
	proc_tell(p, MSG_PING, &ping);
}

/* Whether whoever needs a signature now has to wait for it longer than usual. */
static int
keeper_is_waited_for(const struct proc *keeper, uint64_t now)
{
	return keeper->state != PROC_SERVING ||
	    (keeper->pinged && now - keeper->pinged >= KEEPER_SLOW);
}

static void
watch_worker(struct worker *w, uint64_t now, int after_stall)
{
	if (w->t.waiting && (after_stall || keeper_is_waited_for(&gen_of(&w->p)->keeper, now)))
		w->t.waiting = now;
	if (w->t.waiting && now - w->t.waiting >= TAKEN_MOST)
		proc_kill(&w->p, "does not take the connections that it was given");
	w->t.stuck = 0;
}

void
watchdog_tick(struct generation *g, int after_stall)
{
	uint64_t now = loop_now(g->m->loop);

	if (g->keeper.state == PROC_SERVING && is_stopped(&g->keeper))
		proc_kill(&g->keeper, "is stopped");
	budget_tick(g);
	heartbeat(&g->keeper, now, after_stall);
	heartbeat(&g->checker, now, after_stall);
	for (uint32_t i = 0; i < g->worker_count + 2; i++) {
		struct proc *p = i < g->worker_count ? &g->workers[i].p :
		    i == g->worker_count             ? &g->keeper :
						       &g->checker;

		if (p->state == PROC_STARTING && now - p->born >= START_MOST)
			proc_kill(p, "did not become ready within 60 s");
		if (p->role == ROLE_WORKER)
			watch_worker(CONTAINER(p, struct worker, p), now, after_stall);
	}
}
