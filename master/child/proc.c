/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Birth, watch and death of children.  Master.  What a child gets at birth stands in three short
 * functions here, one per kind; what it says later goes to from_*.c.
 */
#include "master/child/proc.h"

#include "common/child.h"
#include "common/container.h"
#include "common/log.h"
#include "master/child/from_child.h"
#include "master/child/spawn.h"
#include "master/door/accept.h"
#include "master/host/rlimit.h"
#include "master/life/generation.h"
#include "master/upgrade/store.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#define GIVE_UP 2000 /* milliseconds for a child that cannot be killed */

static const struct {
	enum role role;
	const char *name, *program;
	const char *(*receive)(struct proc *p, int all, int *gone_r);
} kinds[HELPER_COUNT] = {
	[HELPER_WORKER] = { ROLE_WORKER, "worker", "mailreeve-worker", from_worker },
	[HELPER_CHECKER] = { ROLE_CHECKER, "checker", "mailreeve-checker", from_checker },
	[HELPER_KEEPER] = { ROLE_KEEPER, "keeper", "mailreeve-keeper", from_keeper },
};

static enum helper
kind_of(enum role role)
{
	return role == ROLE_WORKER ? HELPER_WORKER :
	    role == ROLE_CHECKER   ? HELPER_CHECKER :
				     HELPER_KEEPER;
}

const char *
role_name(enum role role)
{
	return kinds[kind_of(role)].name;
}

int
proc_alive(const struct proc *p)
{
	return p->state != PROC_NONE;
}

/*
 * SIGKILL.  Where a security module refuses even that, it may still end because nobody speaks to it
 * any more; and on_rebirth waits no longer than it has to.
 */
static void
end_proc(struct proc *p)
{
	if (p->pidfd == -1 || spawn_kill(p->pidfd, p->gen->ids[kind_of(p->role)].uid) == 0 ||
	    errno == ESRCH)
		return;
	log_say(LOG_ERR,
	    "%s %u (pid %d) cannot be killed: %s; permit mailreeve to signal its processes",
	    role_name(p->role), p->slot, (int)p->pid, strerror(errno));
	chan_close(&p->chan);
	timer_set(p->m->loop, &p->rebirth, GIVE_UP);
}

void
proc_kill(struct proc *p, const char *why)
{
	if (p->state == PROC_NONE || p->state == PROC_ENDING)
		return;
	log_say(
	    LOG_ERR, "%s %u (pid %d) %s: killed", role_name(p->role), p->slot, (int)p->pid, why);
	p->state = PROC_ENDING;
	watch_set(p->m->loop, &p->on_chan, 0);
	end_proc(p);
}

void
proc_end(struct proc *p)
{
	p->restless = 0;
	if (p->state == PROC_NONE)
		timer_stop(&p->rebirth);
	if (p->state == PROC_NONE || p->state == PROC_ENDING)
		return;
	p->state = PROC_ENDING;
	watch_set(p->m->loop, &p->on_chan, 0);
	end_proc(p);
}

void
proc_tell(struct proc *p, enum msg_type type, const void *fixed)
{
	if (chan_tell(&p->chan, type, fixed) == -1 && errno == EAGAIN)
		proc_kill(p, "does not read what we say");
}

/* ---- What a child says, and its death ---- */

static void
on_chan(struct watch *w, uint32_t events)
{
	struct proc *p = CONTAINER(w, struct proc, on_chan);
	struct master *m = p->m;
	enum proc_state was = p->state;
	const char *reason;
	int gone;

	(void)events;
	reason = kinds[kind_of(p->role)].receive(p, 0, &gone);
	if (reason) {
		proc_kill(p, reason);
		return;
	}
	if (gone && m->testing) {
		watch_set(m->loop, &p->on_chan, 0);
	} else if (gone) {
		/* Its death follows; if it does not, it has no business living. */
		if (p->state != PROC_RETIRING)
			p->state = PROC_ENDING;
		watch_set(m->loop, &p->on_chan, 0);
		end_proc(p);
	} else if (was == PROC_STARTING && p->state == PROC_SERVING)
		generation_child_serves(p->gen, p);
	else if (p->role == ROLE_WORKER)
		accept_resume(m);
}

/* How a process ended, in words. */
static void
describe(const siginfo_t *si, char *buf_r, size_t size)
{
	if (si->si_pid == 0)
		snprintf(buf_r, size, "has ended"); /* not our child: the master before us had it */
	else if (si->si_code == CLD_EXITED)
		snprintf(buf_r, size, "ended with status %d", si->si_status);
	else
		snprintf(buf_r, size, "was killed by signal %d (%s)", si->si_status,
		    sigdescr_np(si->si_status) ? sigdescr_np(si->si_status) : "unknown");
}

static void
close_proc(struct proc *p)
{
	watch_set(p->m->loop, &p->on_chan, 0);
	watch_set(p->m->loop, &p->on_death, 0);
	chan_close(&p->chan);
	if (p->pidfd != -1)
		close(p->pidfd);
	p->pidfd = -1;
	log_pipe_close(&p->log);
	if (p->role == ROLE_CHECKER && p->gen->report.fd != -1) {
		watch_set(p->m->loop, &p->gen->report, 0);
		close(p->gen->report.fd);
		p->gen->report.fd = -1;
	}
	p->state = PROC_NONE;
	p->pinged = 0;
}

/* The last words that are still in the channel count: what was CLOSED before the death is. */
static void
drain(struct proc *p)
{
	const char *reason;
	int gone;

	if (p->state == PROC_ENDING)
		return;
	if (p->role == ROLE_CHECKER && p->gen->report.fd != -1)
		(void)from_checker_reports(p->gen, 1, &gone);
	reason = kinds[kind_of(p->role)].receive(p, 1, &gone);
	if (reason)
		log_say(
		    LOG_ERR, "%s %u (pid %d) %s", role_name(p->role), p->slot, (int)p->pid, reason);
}

/* An end that needs no words, or has had them. */
static int
is_expected(const struct proc *p, const siginfo_t *si, enum proc_state was)
{
	if (si->si_code != CLD_EXITED)
		return 0;
	if (si->si_status == 0)
		return was == PROC_RETIRING || p->m->testing;
	return p->complained;
}

/* It is dead, or as good as that to us. */
static void
bury(struct proc *p)
{
	siginfo_t si = { 0 };
	enum proc_state was;
	char how[128];

	/* Not our child: another master's.  It is dead all the same. */
	if (waitid(P_PIDFD, (id_t)p->pidfd, &si, WEXITED | WNOHANG) == -1)
		si.si_pid = 0;
	drain(p);
	was = p->state;
	describe(&si, how, sizeof(how));
	/* How another master's child has ended nobody tells us. */
	if (p->restless && !is_expected(p, &si, was))
		log_say(si.si_pid == 0 ? LOG_NOTICE : LOG_ERR, "%s %u (pid %d) %s",
		    role_name(p->role), p->slot, (int)p->pid, how);
	timer_stop(&p->rebirth);
	close_proc(p);
	if (p->role == ROLE_WORKER) {
		store_forget_worker(CONTAINER(p, struct worker, p));
		worker_lost(CONTAINER(p, struct worker, p));
	}
	generation_child_died(p->gen, p);
}

static void
on_death(struct watch *w, uint32_t events)
{
	(void)events;
	bury(CONTAINER(w, struct proc, on_death));
}

static void
on_report(struct watch *w, uint32_t events)
{
	struct generation *g = CONTAINER(w, struct generation, report);
	const char *reason;
	int gone;

	(void)events;
	reason = from_checker_reports(g, 0, &gone);
	if (reason)
		proc_kill(&g->checker, reason);
	if (reason || gone)
		watch_set(g->m->loop, w, 0);
}

static void
on_rebirth(struct timer *t)
{
	struct proc *p = CONTAINER(t, struct proc, rebirth);

	if (p->state == PROC_NONE) {
		generation_progress(p->gen);
		return;
	}
	log_say(LOG_ERR, "%s %u (pid %d) is left behind: end it by hand", role_name(p->role),
	    p->slot, (int)p->pid);
	bury(p);
}

void
proc_init(struct proc *p, struct generation *g, enum role role, uint32_t slot)
{
	*p = (struct proc){
		.m = g->m,
		.gen = g,
		.role = role,
		.slot = slot,
		.state = PROC_NONE,
		.pidfd = -1,
		.chan = { -1, ROLE_MASTER, role },
		.on_chan = { .fn = on_chan, .fd = -1 },
		.on_death = { .fn = on_death, .fd = -1 },
		.log = { .watch = { .fd = -1 } },
		.rebirth = { .fn = on_rebirth },
	};
}

/* ---- Birth ---- */

/* The two ends of a new channel between the keeper and this child. */
static int
keeper_channel(struct proc *p, struct chan *child_r)
{
	struct msg_signer signer = { .role = p->role, .slot = p->slot };
	struct chan keeper;
	int result;

	if (p->role == ROLE_WORKER)
		signer.connections = CONTAINER(p, struct worker, p)->conn_count;
	if (chan_pair(ROLE_KEEPER, p->role, &keeper, child_r) == -1)
		return -1;
	result = chan_send(&p->gen->keeper.chan, MSG_SIGNER, &signer, NULL, 0, &keeper.fd, 1);
	if (result == 0 && p->role == ROLE_WORKER)
		result = budget_begin(CONTAINER(p, struct worker, p));
	chan_close(&keeper);
	if (result == -1)
		chan_close(child_r);
	return result;
}

void
procs_give_keeper(struct generation *g)
{
	static const struct msg_empty empty;
	struct chan end;

	for (uint32_t i = 0; i <= g->worker_count; i++) {
		struct proc *p = i < g->worker_count ? &g->workers[i].p : &g->checker;

		if (!(p->state & (PROC_STARTING | PROC_SERVING | PROC_RETIRING)))
			continue;
		if (keeper_channel(p, &end) == -1) {
			proc_kill(&g->keeper, "does not take channels");
			return;
		}
		if (chan_send(&p->chan, MSG_KEEPER, &empty, NULL, 0, &end.fd, 1) == -1)
			proc_kill(p, "does not read what we say");
		chan_close(&end);
	}
}

/* Descriptors for a child; those that were opened for it alone are closed after its birth. */
struct outfit {
	int fds[SPAWN_FDS];
	int own[SPAWN_FDS]; /* to be closed by us */
	int count, owned;
};

static int
give(struct outfit *o, int n, int fd, int is_own)
{
	if (fd == -1)
		return -1;
	o->fds[n] = fd;
	if (n >= o->count)
		o->count = n + 1;
	if (is_own)
		o->own[o->owned++] = fd;
	return 0;
}

static int
outfit_worker(struct proc *p, struct outfit *o)
{
	struct generation *g = p->gen;
	struct chan keeper;

	if (give(o, FD_BOARD, board_reader(g->board_fd), 1) == -1 ||
	    keeper_channel(p, &keeper) == -1)
		return -1;
	give(o, FD_KEEPER, keeper.fd, 1);
	for (uint32_t i = 0; i < g->worker_count; i++) {
		int own = i == p->slot;
		int fd = own ? g->workers[i].tally_fd : tally_reader(g->workers[i].tally_fd);

		if (give(o, FD_TALLY + (int)i, fd, !own) == -1)
			return -1;
	}
	return 0;
}

static int
outfit_checker(struct proc *p, struct outfit *o)
{
	struct generation *g = p->gen;
	struct chan keeper;
	int pipe_fds[2];

	if (give(o, FD_BOARD, board_reader(g->board_fd), 1) == -1 ||
	    keeper_channel(p, &keeper) == -1)
		return -1;
	give(o, FD_KEEPER, keeper.fd, 1);
	if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) == -1)
		return -1;
	give(o, FD_REPORT, pipe_fds[1], 1);
	g->report = (struct watch){ .fn = on_report, .fd = pipe_fds[0] };
	return watch_set(g->m->loop, &g->report, EPOLLIN);
}

static int
outfit_any(struct proc *p, struct outfit *o)
{
	char name[LOG_PROC_MAX];
	struct chan child;

	child_name(p->role, p->slot, name);
	if (give(o, FD_LOG, log_pipe_open(&p->log, p->m->loop, name), 1) == -1)
		return -1;
	if (chan_pair(ROLE_MASTER, p->role, &p->chan, &child) == -1)
		return -1;
	give(o, FD_CHAN, child.fd, 1);
	give(o, FD_BUNDLE, p->gen->bundles[kind_of(p->role)], 0);
	if (p->role == ROLE_WORKER)
		return outfit_worker(p, o);
	return p->role == ROLE_CHECKER ? outfit_checker(p, o) : 0;
}

static int
spawn(struct proc *p, const struct outfit *o)
{
	enum helper kind = kind_of(p->role);
	const struct generation *g = p->gen;
	struct child c = {
		.role = p->role,
		.slot = p->slot,
		.workers = g->worker_count,
		.uid = g->ids[kind].uid,
		.gid = g->ids[kind].gid,
		.drop = p->m->drop,
		.journal = p->m->journal,
		/* The keeper answers the others' questions until they are done. */
		.testing = p->m->testing && p->role != ROLE_KEEPER,
		.required = g->conf->sandbox_required,
		.root = p->m->rootdir,
	};

	if (spawn_child(g->helpers[kind], kinds[kind].program, &c, o->fds, o->count, &p->pid,
		&p->pidfd) == -1)
		return -1;
	p->on_chan.fd = p->chan.fd;
	p->on_death.fd = p->pidfd;
	return watch_set(p->m->loop, &p->on_chan, EPOLLIN) == -1 ||
		watch_set(p->m->loop, &p->on_death, EPOLLIN) == -1 ?
	    -1 :
	    0;
}

int
proc_adopt(struct proc *p)
{
	struct generation *g = p->gen;
	char name[LOG_PROC_MAX];

	if (p->state == PROC_NONE)
		return 0;
	child_name(p->role, p->slot, name);
	p->on_chan.fd = p->chan.fd;
	p->on_death.fd = p->pidfd;
	if (log_pipe_adopt(&p->log, p->m->loop, name) == -1 ||
	    watch_set(p->m->loop, &p->on_death, EPOLLIN) == -1)
		return -1;
	if (p->role == ROLE_CHECKER && g->report.fd != -1) {
		g->report.fn = on_report;
		if (watch_set(p->m->loop, &g->report, EPOLLIN) == -1)
			return -1;
	}
	if (p->state == PROC_ENDING) {
		end_proc(p);
		return 0;
	}
	return watch_set(p->m->loop, &p->on_chan, EPOLLIN);
}

int
proc_start(struct proc *p)
{
	struct outfit o = { .count = 0 };
	int result, error;

	for (int i = 0; i < SPAWN_FDS; i++)
		o.fds[i] = -1;
	timer_stop(&p->rebirth);
	result = outfit_any(p, &o);
	if (result == 0)
		result = spawn(p, &o);
	error = errno;
	for (int i = 0; i < o.owned; i++)
		close(o.own[i]);
	if (result == -1) {
		log_say(LOG_ERR, "cannot start a %s: %s%s", role_name(p->role), strerror(error),
		    rlimit_hint(error));
		end_proc(p);
		close_proc(p);
		return -1;
	}
	p->state = PROC_STARTING;
	p->born = loop_now(p->m->loop);
	p->restless = 1;
	p->was_ready = p->complained = 0;
	if (p->role == ROLE_WORKER) {
		struct worker *w = CONTAINER(p, struct worker, p);

		w->handed = w->taken = w->finished = w->waiting = 0;
		w->stuck = 0;
	}
	log_say(LOG_DEBUG, "%s %u started, pid %d", role_name(p->role), p->slot, (int)p->pid);
	return 0;
}
