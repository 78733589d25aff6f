/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Birth, messages and death of one child.  Master.  What a child says is read by its owner
 * (from_child.h); a child that says something wrong dies here.
 */
#include "master/child/proc.h"

#include "common/container.h"
#include "common/log.h"
#include "master/host/rlimit.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#define GIVE_UP 2000 /* milliseconds for a child that cannot be killed */

const char *
role_name(enum role role)
{
	return role == ROLE_WORKER ? "worker" : role == ROLE_CHECKER ? "checker" : "keeper";
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
	if (p->pidfd == -1 || spawn_kill(p->pidfd, p->uid) == 0 || errno == ESRCH)
		return;
	log_say(LOG_ERR,
	    "%s %u (pid %d) cannot be killed: %s; permit mailreeve to signal its processes",
	    role_name(p->role), p->slot, (int)p->pid, strerror(errno));
	chan_close(&p->chan);
	timer_set(p->loop, &p->rebirth, GIVE_UP);
}

/* It will not be spoken with again. */
static void
begin_end(struct proc *p)
{
	p->state = PROC_ENDING;
	watch_set(p->loop, &p->on_chan, 0);
	p->owner->ending(p);
	end_proc(p);
}

void
proc_kill(struct proc *p, const char *why)
{
	if (p->state == PROC_NONE || p->state == PROC_ENDING)
		return;
	log_say(
	    LOG_ERR, "%s %u (pid %d) %s: killed", role_name(p->role), p->slot, (int)p->pid, why);
	begin_end(p);
}

void
proc_end(struct proc *p)
{
	p->wanted = 0;
	if (p->state == PROC_NONE)
		timer_stop(&p->rebirth);
	if (p->state == PROC_NONE || p->state == PROC_ENDING)
		return;
	begin_end(p);
}

void
proc_tell(struct proc *p, enum msg_type type, const void *fixed)
{
	if (chan_tell(&p->chan, type, fixed) == -1 && errno == EAGAIN)
		proc_kill(p, "does not read its messages");
}

/* ---- What a child says, and its death ---- */

static void
on_chan(struct watch *w, uint32_t events)
{
	struct proc *p = CONTAINER(w, struct proc, on_chan);
	enum proc_state was = p->state;
	const char *reason;
	int gone;

	(void)events;
	reason = p->owner->receive(p, 0, &gone);
	if (reason) {
		proc_kill(p, reason);
		return;
	}
	if (gone && p->trial) {
		watch_set(p->loop, &p->on_chan, 0);
	} else if (gone && p->state == PROC_RETIRING) {
		watch_set(p->loop, &p->on_chan, 0);
		end_proc(p);
	} else if (gone) {
		/* Its death follows; if it does not, it has no business living. */
		begin_end(p);
	} else if (was == PROC_STARTING && p->state == PROC_SERVING) {
		p->owner->serves(p);
	} else {
		p->owner->heard(p);
	}
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
	watch_set(p->loop, &p->on_chan, 0);
	watch_set(p->loop, &p->on_death, 0);
	chan_close(&p->chan);
	if (p->pidfd != -1)
		close(p->pidfd);
	p->pidfd = -1;
	log_pipe_close(&p->log);
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
	reason = p->owner->receive(p, 1, &gone);
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
		return was == PROC_RETIRING || p->trial;
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
	if (p->wanted && !is_expected(p, &si, was))
		log_say(si.si_pid == 0 ? LOG_NOTICE : LOG_ERR, "%s %u (pid %d) %s",
		    role_name(p->role), p->slot, (int)p->pid, how);
	timer_stop(&p->rebirth);
	close_proc(p);
	p->owner->died(p);
}

static void
on_death(struct watch *w, uint32_t events)
{
	(void)events;
	bury(CONTAINER(w, struct proc, on_death));
}

static void
on_rebirth(struct timer *t)
{
	struct proc *p = CONTAINER(t, struct proc, rebirth);

	if (p->state == PROC_NONE) {
		p->owner->rebirth(p);
		return;
	}
	log_say(LOG_ERR, "%s %u (pid %d) is left behind: end it by hand", role_name(p->role),
	    p->slot, (int)p->pid);
	bury(p);
}

void
proc_init(struct proc *p, struct loop *loop, const struct proc_owner *owner, void *of,
    enum role role, uint32_t slot)
{
	*p = (struct proc){
		.loop = loop,
		.owner = owner,
		.of = of,
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

int
outfit_add(struct outfit *o, int n, int fd, int is_own)
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

/* What every child has. */
static int
equip(struct proc *p, struct outfit *o, int bundle)
{
	char name[LOG_PROC_MAX];
	struct chan child;

	child_name(p->role, p->slot, name);
	if (outfit_add(o, FD_LOG, log_pipe_open(&p->log, p->loop, name), 1) == -1)
		return -1;
	if (chan_pair(ROLE_MASTER, p->role, &p->chan, &child) == -1)
		return -1;
	outfit_add(o, FD_CHAN, child.fd, 1);
	outfit_add(o, FD_BUNDLE, bundle, 0);
	return p->owner->outfit(p, o);
}

static int
spawn(struct proc *p, const struct outfit *o, int exe, const struct child *c)
{
	char program[32];

	snprintf(program, sizeof(program), "mailreeve-%s", role_name(p->role));
	if (spawn_child(exe, program, c, o->fds, o->count, &p->pid, &p->pidfd) == -1)
		return -1;
	p->on_chan.fd = p->chan.fd;
	p->on_death.fd = p->pidfd;
	return watch_set(p->loop, &p->on_chan, EPOLLIN) == -1 ||
		watch_set(p->loop, &p->on_death, EPOLLIN) == -1 ?
	    -1 :
	    0;
}

int
proc_adopt(struct proc *p)
{
	char name[LOG_PROC_MAX];

	if (p->state == PROC_NONE)
		return 0;
	child_name(p->role, p->slot, name);
	p->on_chan.fd = p->chan.fd;
	p->on_death.fd = p->pidfd;
	if (log_pipe_adopt(&p->log, p->loop, name) == -1 ||
	    watch_set(p->loop, &p->on_death, EPOLLIN) == -1)
		return -1;
	if (p->state == PROC_ENDING) {
		end_proc(p);
		return 0;
	}
	return watch_set(p->loop, &p->on_chan, EPOLLIN);
}

int
proc_start(struct proc *p, int exe, int bundle, const struct child *c)
{
	struct outfit o = { .count = 0 };
	int result, error;

	for (int i = 0; i < SPAWN_FDS; i++)
		o.fds[i] = -1;
	timer_stop(&p->rebirth);
	p->uid = c->uid;
	result = equip(p, &o, bundle);
	if (result == 0)
		result = spawn(p, &o, exe, c);
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
	p->born = loop_now(p->loop);
	p->wanted = 1;
	p->was_ready = p->complained = 0;
	log_say(LOG_DEBUG, "%s %u started, pid %d", role_name(p->role), p->slot, (int)p->pid);
	return 0;
}
