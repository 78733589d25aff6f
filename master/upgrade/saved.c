/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What a re-executed master takes over from itself.  One table per struct says what; the order of
 * the lines is that of their dependence: a generation stands before its children, they before
 * their connections.
 */
#include "master/upgrade/saved.h"

#include "common/container.h"
#include "common/memfd.h"
#include "master/life/generation.h"
#include "master/upgrade/members.h"
#include "master/upgrade/saved_pairs.h"
#include "master/upgrade/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* clang-format off */
#define N(type, m)  MEMBER_OF(type, m, MEMBER_NUMBER)
#define AS(type, m, key) MEMBER_AS(type, m, MEMBER_NUMBER, key) /* what is elsewhere now */
#define FD(type, m) MEMBER_OF(type, m, MEMBER_FD)
#define B(type, m)  MEMBER_OF(type, m, MEMBER_BYTES)
#define T(type, m)  MEMBER_OF(type, m, MEMBER_TEXT)

const struct member saved_master_members[] = {
	AS(struct master, door.next_id, "next_id"), N(struct master, next_generation),
	AS(struct master, door.accepted, "accepted"),
	N(struct master, started_real), N(struct master, started_mono),
	N(struct master, serves_since), N(struct master, said_ready), T(struct master, rootdir),
	T(struct master, up.from),
	B(struct master, ticket_seed), MEMBERS_END
};
const struct member saved_listener_members[] = {
	FD(struct listener, watch.fd), B(struct listener, addr), N(struct listener, index),
	N(struct listener, any), N(struct listener, given), MEMBERS_END
};
const struct member saved_generation_members[] = {
	N(struct generation, id), N(struct generation, state), N(struct generation, made),
	N(struct generation, retired), N(struct generation, ended),
	N(struct generation, orphaned),
	N(struct generation, deadline.deadline), N(struct generation, worker_count),
	B(struct generation, ids), MEMBER_AS(struct generation, servers.board_fd, MEMBER_FD, "board_fd"), FD(struct generation, report.fd),
	N(struct generation, report_size),
	FD(struct generation, helpers[HELPER_WORKER]), FD(struct generation, helpers[HELPER_CHECKER]),
	FD(struct generation, helpers[HELPER_KEEPER]), FD(struct generation, bundles[HELPER_WORKER]),
	FD(struct generation, bundles[HELPER_CHECKER]), FD(struct generation, bundles[HELPER_KEEPER]),
	MEMBERS_END
};
const struct member saved_proc_members[] = {
	N(struct proc, role), N(struct proc, slot), N(struct proc, state), N(struct proc, pid),
	FD(struct proc, pidfd), FD(struct proc, chan.fd), FD(struct proc, log.watch.fd),
	N(struct proc, born), N(struct proc, was_ready), N(struct proc, version), AS(struct proc, wanted, "restless"),
	N(struct proc, cookie), N(struct proc, pinged), MEMBERS_END
};
const struct member saved_worker_members[] = {
	N(struct worker, p.slot), AS(struct worker, t.handed, "handed"), AS(struct worker, t.taken, "taken"),
	N(struct worker, budget.conns), N(struct worker, budget.tls),
	N(struct worker, budget.told_conns), N(struct worker, budget.told_tls),
	N(struct worker, budget.open), N(struct worker, budget.open_tls),
	N(struct worker, finished), FD(struct worker, tally_fd),
	MEMBERS_END
};
const struct member saved_server_members[] = {
	T(struct server, name), N(struct server, health.state), N(struct server, health.streak),
	N(struct server, said), N(struct server, admin), N(struct server, since),
	N(struct server, status), N(struct server, passed), N(struct server, check_ms),
	N(struct server, cert_days), N(struct server, cert_warned), T(struct server, why), B(struct server, addrs),
	N(struct server, addr_count), N(struct server, left), N(struct server, close),
	N(struct server, slowstart), MEMBERS_END
};

const struct member saved_conn_members[] = {
	N(struct saved_conn, generation), N(struct saved_conn, slot), N(struct saved_conn, listener),
	N(struct saved_conn, c.id), N(struct saved_conn, held.accepted),
	B(struct saved_conn, held.peer), B(struct saved_conn, held.local),
	FD(struct saved_conn, held.fd), N(struct saved_conn, c.touched),
	N(struct saved_conn, c.shaken), N(struct saved_conn, c.ends_tls), MEMBERS_END
};
const struct member saved_asked_members[] = { /* who waits for the upgrade's end */
	{ "fd", 0, sizeof(int), MEMBER_FD }, MEMBERS_END
};
const struct member saved_slot_members[] = { /* whose server a line is */
	{ "slot", 0, sizeof(uint32_t), MEMBER_NUMBER }, MEMBERS_END
};
/* clang-format on */

/* ---- Writing ---- */

void
saved_keep(const struct member *members, void *p, int keep)
{
	for (const struct member *m = members; m->name; m++) {
		int fd;

		if (m->kind != MEMBER_FD)
			continue;
		memcpy(&fd, (char *)p + m->offset, sizeof(fd));
		if (fd != -1)
			fcntl(fd, F_SETFD, keep ? 0 : FD_CLOEXEC);
	}
}

/* One line, or one mark on the descriptors of one record. */
struct visit {
	FILE *f;  /* NULL: mark */
	int keep; /* then: how */
};

static void
put(const struct visit *v, const char *what, const struct member *members, void *p)
{
	if (!v->f) {
		saved_keep(members, p, v->keep);
		return;
	}
	fputs(what, v->f);
	record_write(v->f, members, p);
	fputc('\n', v->f);
}

static uint32_t
listener_number(struct master *m, const struct listener *wanted)
{
	struct listener *l;
	uint32_t n = 0;

	TAILQ_FOREACH(l, &m->door.listeners, link)
	{
		n++;
		if (l == wanted)
			return n;
	}
	return 0;
}

static void
put_conns(struct master *m, const struct visit *v, const struct conn_list *list)
{
	struct conn *c;

	TAILQ_FOREACH(c, list, link)
	{
		struct saved_conn s = { .c = *c, .held.fd = -1 };

		if (c->held) {
			s.held = *c->held;
			s.listener = listener_number(m, c->held->listener);
		}
		if (c->holder) {
			const struct worker *w = CONTAINER(c->holder, struct worker, t.has);

			s.generation = gen_of(&w->p)->id;
			s.slot = w->p.slot;
		}
		put(v, "conn", saved_conn_members, &s);
	}
}

static void
put_generation(const struct visit *v, struct generation *g)
{
	put(v, "generation", saved_generation_members, g);
	if (v->f)
		saved_pairs_write(v->f, &g->pairs);
	put(v, "process", saved_proc_members, &g->keeper);
	put(v, "process", saved_proc_members, &g->checker);
	for (uint32_t i = 0; i < g->worker_count; i++) {
		put(v, "process", saved_proc_members, &g->workers[i].p);
		put(v, "worker", saved_worker_members, &g->workers[i]);
	}
	for (uint32_t i = 0; i < g->conf->slot_count && v->f; i++) {
		fprintf(v->f, "server slot=%u", i);
		record_write(v->f, saved_server_members, &g->servers.slots[i]);
		fputc('\n', v->f);
	}
}

static void
visit_all(struct master *m, const struct visit *v)
{
	int asked[REQUESTS_MOST];
	size_t count = requests_fds(&m->requests, &m->up, asked);
	struct generation *g;
	struct listener *l;

	put(v, "master", saved_master_members, m);
	TAILQ_FOREACH(l, &m->door.listeners, link)
	put(v, "listener", saved_listener_members, l);
	TAILQ_FOREACH(l, &m->door.given, link)
	put(v, "given", saved_listener_members, l);
	TAILQ_FOREACH(g, &m->generations, link)
	if (g->state == GEN_CURRENT || g->state == GEN_OLD)
		put_generation(v, g);
	for (size_t i = 0; i < count; i++)
		put(v, "asked", saved_asked_members, &asked[i]);
	put_conns(m, v, &m->door.conns.parked);
	TAILQ_FOREACH(g, &m->generations, link)
	for (uint32_t i = 0; i < g->worker_count; i++)
		put_conns(m, v, &g->workers[i].t.has.conns);
	if (v->f)
		fputs("end\n", v->f);
}

static int
seal(const char *text, size_t len)
{
	int fd = memfd_new("mailreeve-state", 0);
	size_t done = 0;

	while (fd != -1 && done < len) {
		ssize_t n = write(fd, text + done, len - done);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			close(fd);
			return -1;
		}
		done += (size_t)n;
	}
	if (fd != -1 && fcntl(fd, F_ADD_SEALS, SAVED_SEALS) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

int
saved_write(struct master *m, int keep)
{
	struct visit v = { 0 };
	char *text = NULL;
	size_t len = 0;
	int fd = -1;

	v.f = open_memstream(&text, &len);
	if (!v.f)
		return -1;
	fputs(SAVED_HEAD "\n", v.f);
	visit_all(m, &v);
	if (fclose(v.f) == 0)
		fd = seal(text, len);
	free(text);
	if (fd != -1 && keep) {
		visit_all(m, &(struct visit){ .keep = 1 });
		fcntl(fd, F_SETFD, 0);
	}
	return fd;
}

void
saved_cancel(struct master *m)
{
	visit_all(m, &(struct visit){ .keep = 0 });
}
