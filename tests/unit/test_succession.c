/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Generations over their lives, as scripts of what happens to their children.  Children are places
 * only: nothing is started, and what they are told is noted.
 */
#include "master/life/succession.h"

#include "common/container.h"
#include "master/bundle/bundles.h"
#include "master/door/accept.h"
#include "master/door/listen.h"
#include "master/life/judge.h"
#include "master/life/kept.h"
#include "master/life/outfit.h"
#include "master/life/say.h"
#include "master/servers/carry.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORKERS 2

static struct master m;
static char happened[512];
static int cannot_start, loses;

static void
note(const char *what)
{
	size_t n = strlen(happened);

	snprintf(happened + n, sizeof(happened) - n, "%s%s", n > 0 ? " " : "", what);
}

/* ---- Neighbours, played ---- */

int
outfit_start(struct proc *p)
{
	if (cannot_start)
		return -1;
	p->state = PROC_STARTING;
	p->wanted = 1;
	p->was_ready = 0;
	return 0;
}

void
outfit_give_keeper(struct generation *g)
{
	(void)g;
	note("keeper-given");
}

void
proc_init(struct proc *p, struct loop *loop, const struct proc_owner *owner, void *of,
    enum role role, uint32_t slot)
{
	*p = (struct proc){ .loop = loop,
		.owner = owner,
		.of = of,
		.role = role,
		.slot = slot,
		.state = PROC_NONE };
}

int
proc_alive(const struct proc *p)
{
	return p->state != PROC_NONE;
}

/* It dies when the script says so. */
void
proc_end(struct proc *p)
{
	p->wanted = 0;
	if (p->state != PROC_NONE)
		p->state = PROC_ENDING;
}

void
proc_tell(struct proc *p, enum msg_type type, const void *fixed)
{
	(void)p, (void)fixed;
	if (type == MSG_RETIRE)
		note("retire");
	else if (type == MSG_END)
		note("end");
}

const char *
role_name(enum role role)
{
	return role == ROLE_WORKER ? "worker" : role == ROLE_CHECKER ? "checker" : "keeper";
}

#define NOTHING_GENERATION(fn) \
	void fn(const struct generation *g) \
	{ \
		(void)g; \
	}
NOTHING_GENERATION(kept_generation)
NOTHING_GENERATION(kept_forget_spares)

void
kept_forget_generation(const struct generation *g)
{
	(void)g;
	note("forgotten");
}

void
kept_worker(const struct worker *w)
{
	(void)w;
}

void
kept_forget_worker(const struct worker *w)
{
	(void)w;
}

void
listeners_commit(struct door *d, const struct conf *conf)
{
	(void)d, (void)conf;
	note("ports");
}

void
listeners_rollback(struct door *d)
{
	(void)d;
	note("rollback");
}

void
accept_resume(struct door *d)
{
	(void)d;
}

void
master_sandbox_child(struct walls *w, enum role role, uint32_t layers)
{
	(void)w, (void)role, (void)layers;
}

int
judge_pairs(struct generation *g)
{
	(void)g;
	return loses ? -1 : 0;
}

size_t
judge_uncovered(struct generation *g, const char *names)
{
	(void)g, (void)names;
	return 1;
}

void
bundles_close(int *bundles)
{
	(void)bundles;
}

void
say(struct master *of, enum problem_kind kind, const char *text)
{
	(void)of, (void)kind, (void)text;
}

static void
settled(struct master *of, const char *why)
{
	(void)of;
	note(why ? "failed" : "settled");
}

static void
replaces(struct master *of, const struct generation *old, const struct generation *g)
{
	(void)of, (void)old, (void)g;
	note("replaces");
}

/* ---- A master, and what may happen ---- */

static const struct door_owner door_owner;

static uint32_t
active(const struct servers *s, uint32_t slot)
{
	(void)s, (void)slot;
	return 0;
}

static const struct servers_owner servers_owner = { .active = active };

static void
setup(void)
{
	memset(&m, 0, sizeof(m));
	TAILQ_INIT(&m.generations);
	servers_all_init(&m.servers, &servers_owner);
	door_init(&m.door, &door_owner, 8);
	ck_assert_ptr_nonnull(m.loop = loop_new());
	m.door.loop = m.loop;
	m.settled = settled;
	m.replaces = replaces;
	for (int i = 0; i < HELPER_COUNT; i++)
		m.helpers[i] = 2;
	happened[0] = '\0';
	cannot_start = loses = 0;
}

static struct generation *
begin(void)
{
	static const int bundles[HELPER_COUNT] = { -1, -1, -1 };
	static const struct identity ids[HELPER_COUNT];
	static const char text[] =
	    "workers = 2; frontends = { name = \"f\"; bind = \"*:1\"; backend = \"b\"; };\n"
	    "backends = { name = \"b\"; servers = \"127.0.0.1:143\"; check = { type = \"none\"; }; "
	    "};\n";
	struct problems p = { 0 };
	struct conf *conf = conf_parse(text, "f", "/", &p);
	struct generation *g;

	ck_assert_ptr_nonnull(conf);
	problems_clear(&p);
	g = succession_begin(&m, conf, strdup(text), ids, bundles);
	ck_assert_ptr_nonnull(g);
	ck_assert_uint_eq(g->worker_count, WORKERS);
	succession_progress(g);
	return g;
}

static void
serve(struct generation *g, struct proc *p)
{
	ck_assert_int_eq(p->state, PROC_STARTING);
	p->state = PROC_SERVING;
	p->was_ready = 1;
	succession_serves(g, p);
}

static void
die(struct generation *g, struct proc *p)
{
	ck_assert_int_ne(p->state, PROC_NONE);
	p->state = PROC_NONE;
	if (p->role == ROLE_WORKER)
		door_leave(&CONTAINER(p, struct worker, p)->t);
	succession_died(g, p);
}

/*
 * What happens, a letter each: k, c, a, b: keeper, checker, first and second worker serve; K, C, A, B:
 * they die; n: another generation is begun, and what follows is its; o: what follows is the first
 * one's; r: retire the first one; f: it is not wanted any more.
 */
static void
play(const char *script)
{
	struct generation *first = NULL, *g = NULL;

	for (; *script; script++) {
		struct proc *procs[128] = { 0 };

		if (g) {
			procs['k'] = procs['K'] = &g->keeper;
			procs['c'] = procs['C'] = &g->checker;
			procs['a'] = procs['A'] = &g->workers[0].p;
			procs['b'] = procs['B'] = &g->workers[1].p;
		}
		switch (*script) {
		case 'n':
			g = begin();
			first = first ? first : g;
			break;
		case 'o':
			g = first;
			break;
		case 'f':
			succession_fail(g);
			break;
		case 'r':
			generation_serves_now(&m, NULL);
			succession_retire(g);
			break;
		default:
			if (*script >= 'a')
				serve(g, procs[(int)*script]);
			else
				die(g, procs[(int)*script]);
		}
	}
}

static int
count(void)
{
	struct generation *g;
	int n = 0;

	TAILQ_FOREACH(g, &m.generations, link)
	n++;
	return n;
}

static const struct {
	const char *name, *script, *happens;
	int generations;
	uint32_t current; /* its id; 0: none */
} lives[] = {
	{ "keeper, then first worker and checker, then the others", "nkacb",
	    "keeper-given ports settled", 1, 1 },
	{ "in another order", "nkcab", "keeper-given ports settled", 1, 1 },
	{ "not yet", "nkac", "keeper-given", 1, 0 },
	{ "the keeper dies", "nK", "rollback failed", 0, 0 },
	{ "the first worker dies, the checker starts", "nkA", "keeper-given", 1, 0 },
	{ "... and has nothing to add", "nkAC", "keeper-given rollback failed", 1, 0 },
	{ "... and all are gone", "nkACK", "keeper-given rollback failed", 0, 0 },
	{ "not wanted any more", "nkf", "keeper-given rollback failed", 1, 0 },
	{ "one after the other", "nkacbnkacb",
	    "keeper-given ports settled keeper-given ports replaces retire retire settled", 2, 2 },
	{ "the old one ends with its last worker", "nkacbnkacboCABK",
	    "keeper-given ports settled keeper-given ports replaces retire retire settled "
	    "forgotten",
	    1, 2 },
	{ "the new one fails, the old one goes on", "nkacbnK",
	    "keeper-given ports settled rollback failed", 1, 1 },
	{ "a worker of the current one dies and is followed", "nkacbAa",
	    "keeper-given ports settled", 1, 1 },
	{ "its keeper too", "nkacbKk", "keeper-given ports settled keeper-given", 1, 1 },
	{ "a stop: all retire", "nkacbr", "keeper-given ports settled retire retire", 1, 0 },
};

START_TEST(a_life)
{
	play(lives[_i].script);
	ck_assert_msg(strcmp(happened, lives[_i].happens) == 0, "%s: %s", lives[_i].name, happened);
	ck_assert_msg(count() == lives[_i].generations, "%s: %d", lives[_i].name, count());
	ck_assert_uint_eq(m.current ? m.current->id : 0, lives[_i].current);
	ck_assert_ptr_eq(m.door.conf, m.current ? m.current->conf : NULL);
}
END_TEST

/* The door gives connections to the serving workers of the current one, and to no others. */
START_TEST(who_takes_connections)
{
	struct taker *t;
	int n = 0;

	play("nkacbnkacb");
	TAILQ_FOREACH(t, &m.door.takers, link)
	{
		const struct worker *w = CONTAINER(t, struct worker, t);

		ck_assert_ptr_eq(gen_of(&w->p), m.current);
		n++;
	}
	ck_assert_int_eq(n, WORKERS);
}
END_TEST

START_TEST(nothing_can_be_started)
{
	cannot_start = 1;
	(void)begin();
	ck_assert_str_eq(happened, "rollback failed");
	ck_assert_int_eq(count(), 0);
}
END_TEST

START_TEST(a_certificate_would_be_lost)
{
	loses = 1;
	play("nkaC");
	ck_assert_str_eq(happened, "keeper-given rollback failed");
	ck_assert_ptr_null(m.current);
}
END_TEST

/* In the current generation what cannot be started is tried again later. */
START_TEST(tried_again)
{
	play("nkacb");
	cannot_start = 1;
	die(m.current, &m.current->checker);
	ck_assert_int_eq(m.current->checker.state, PROC_NONE);
	ck_assert_uint_ne(m.current->checker.rebirth.deadline, 0);
	cannot_start = 0;
	m.current->checker.rebirth.deadline = 0;
	succession_progress(m.current);
	ck_assert_int_eq(m.current->checker.state, PROC_STARTING);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("succession");
	TCase *t = tcase_create("succession");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_loop_test(t, a_life, 0, (int)(sizeof(lives) / sizeof(lives[0])));
	tcase_add_test(t, who_takes_connections);
	tcase_add_test(t, nothing_can_be_started);
	tcase_add_test(t, a_certificate_would_be_lost);
	tcase_add_test(t, tried_again);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
