/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What a child gets at birth stands in three short functions here, one per kind.  Master.  Nothing
 * else of the master's is ever in a child.
 */
#include "master/life/outfit.h"

#include "common/container.h"
#include "common/tally.h"
#include "master/door/handover.h"
#include "master/life/budget.h"
#include "master/life/from_checker.h"

#include <fcntl.h>
#include <unistd.h>

static enum helper
helper_of(enum role role)
{
	return role == ROLE_WORKER ? HELPER_WORKER :
	    role == ROLE_CHECKER   ? HELPER_CHECKER :
				     HELPER_KEEPER;
}

/* The two ends of a new channel between the keeper and this child. */
static int
keeper_channel(struct proc *p, struct chan *child_r)
{
	struct msg_signer signer = { .role = p->role, .slot = p->slot };
	struct chan keeper;
	int result;

	if (p->role == ROLE_WORKER)
		signer.connections = CONTAINER(p, struct worker, p)->t.has.count;
	if (chan_pair(ROLE_KEEPER, p->role, &keeper, child_r) == -1)
		return -1;
	result = chan_send(&gen_of(p)->keeper.chan, MSG_SIGNER, &signer, NULL, 0, &keeper.fd, 1);
	if (result == 0 && p->role == ROLE_WORKER)
		result = budget_begin(CONTAINER(p, struct worker, p));
	chan_close(&keeper);
	if (result == -1)
		chan_close(child_r);
	return result;
}

void
outfit_give_keeper(struct generation *g)
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
			proc_kill(p, "does not read its messages");
		chan_close(&end);
	}
}

int
outfit_keeper(struct proc *p, struct outfit *o)
{
	(void)p, (void)o;
	return 0;
}

/* What both who sign have: the board and the keeper. */
static int
add_signer(struct proc *p, struct outfit *o)
{
	struct chan keeper;

	if (outfit_add(o, FD_BOARD, board_reader(gen_of(p)->servers.board_fd), 1) == -1 ||
	    keeper_channel(p, &keeper) == -1)
		return -1;
	return outfit_add(o, FD_KEEPER, keeper.fd, 1);
}

int
outfit_worker(struct proc *p, struct outfit *o)
{
	struct generation *g = gen_of(p);

	if (add_signer(p, o) == -1)
		return -1;
	for (uint32_t i = 0; i < g->worker_count; i++) {
		int own = i == p->slot;
		int fd = own ? g->workers[i].tally_fd : tally_reader(g->workers[i].tally_fd);

		if (outfit_add(o, FD_TALLY + (int)i, fd, !own) == -1)
			return -1;
	}
	return 0;
}

int
outfit_checker(struct proc *p, struct outfit *o)
{
	struct generation *g = gen_of(p);
	int pipe_fds[2];

	if (add_signer(p, o) == -1 || pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) == -1)
		return -1;
	outfit_add(o, FD_REPORT, pipe_fds[1], 1);
	return reports_open(g, pipe_fds[0]);
}

int
outfit_start(struct proc *p)
{
	enum helper kind = helper_of(p->role);
	struct generation *g = gen_of(p);
	struct child c = {
		.role = p->role,
		.slot = p->slot,
		.workers = g->worker_count,
		.uid = g->ids[kind].uid,
		.gid = g->ids[kind].gid,
		.drop = g->m->drop,
		.journal = g->m->journal,
		/* The keeper answers the others' questions until they are done. */
		.testing = g->m->opt.testing && p->role != ROLE_KEEPER,
		.required = g->conf->sandbox_required,
		.root = g->m->rootdir,
	};

	if (proc_start(p, g->helpers[kind], g->bundles[kind], &c) == -1) {
		if (p->role == ROLE_CHECKER)
			reports_close(g);
		return -1;
	}
	if (p->role == ROLE_WORKER) {
		struct worker *w = CONTAINER(p, struct worker, p);

		handover_begin(&w->t);
		w->finished = 0;
	}
	return 0;
}
