/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The budget of signatures: the master's numbers against the keeper's purse, over thousands of
 * connections that come, are signed for or not, and go.
 */
#include "keeper/serve.h"
#include "master/life/budget.h"
#include "master/life/master.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONNS 4000
#define SLACK (3 * HANDOVER_MAX) /* told ahead, and not yet taken back */

static struct conf_frontend frontends[] = { { .tls.mode = TLS_IMPLICIT },
	{ .tls.mode = TLS_PASSTHROUGH }, { .tls.mode = TLS_NONE } };
static struct conf_listener listeners[] = { { .frontend = 1 }, { .frontend = 0 },
	{ .frontend = 2 } };
static struct conf_backend backends[2];
static struct conf conf = {
	.frontends = frontends, .listeners = listeners, .backends = backends, .backend_count = 2
};

static struct master m;
static struct generation g;
static struct worker w;
static struct keys keys;
static struct tickets tickets;
static struct loop *loop;
static struct serve serve;

static uint32_t
dice(uint32_t n)
{
	static uint32_t x = 12345;

	x = x * 1664525 + 1013904223;
	return (x >> 8) % n;
}

/* The keeper has heard everything. */
static const struct signer *
heard(void)
{
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(loop_once(loop, 0), 0);
	ck_assert_ptr_nonnull(serve.signers);
	return serve.signers;
}

static void
introduce(void)
{
	struct msg_signer q = { .role = ROLE_WORKER };
	struct chan ours, theirs;

	ck_assert_int_eq(chan_pair(ROLE_WORKER, ROLE_KEEPER, &ours, &theirs), 0);
	ck_assert_int_eq(chan_send(&g.keeper.chan, MSG_SIGNER, &q, NULL, 0, &theirs.fd, 1), 0);
	chan_close(&theirs);
	ck_assert_int_eq(budget_begin(&w), 0);
}

static void
setup(void)
{
	struct chan end;

	memset(backends, 0, sizeof(backends));
	memset(&g, 0, sizeof(g));
	memset(&w, 0, sizeof(w));
	conns_init(&m.door.conns, 10);
	loop = loop_new();
	g.m = &m;
	g.conf = &conf;
	g.workers = &w;
	g.worker_count = 1;
	g.keeper.state = PROC_SERVING;
	g.keeper.version = MSG_VERSION;
	w.p = (struct proc){ .of = &g, .state = PROC_SERVING };
	taker_init(&w.t, &m.door, &w.p.chan, 0);
	ck_assert_int_eq(chan_pair(ROLE_MASTER, ROLE_KEEPER, &g.keeper.chan, &end), 0);
	ck_assert_int_eq(serve_start(&serve, loop, &end, &keys, &tickets), 0);
}

/* Hand over a batch; half of its connections end TLS. */
static uint32_t
hand_over(uint64_t *id, uint32_t count)
{
	uint32_t tls = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct conn *c = conns_add(&m.door.conns, ++*id, -1);

		c->ends_tls = dice(2) != 0;
		tls += c->ends_tls;
		conns_give(&m.door.conns, c, &w.t.has);
		w.t.batch[w.t.batched++] = c;
	}
	budget_before(&w);
	budget_after(&w);
	w.t.batched = 0;
	return tls;
}

/* Every connection that ends TLS gets its signature, in whatever order they come and go, and what
 * is left over never grows beyond what is there. */
START_TEST(an_honest_worker)
{
	static uint8_t is_signed[CONNS + HANDOVER_MAX];
	uint64_t id = 0, refused = 0, made = 0, tls = 0;

	introduce();
	memset(is_signed, 0, sizeof(is_signed));
	for (int round = 0; id < CONNS || w.t.has.count > 0; round++) {
		struct conn *c, *next;

		if (id < CONNS && dice(3))
			tls += hand_over(&id, 1 + dice(HANDOVER_MAX));
		(void)heard();
		for (c = TAILQ_FIRST(&w.t.has.conns); c; c = next) {
			struct purse *p = &serve.signers->as_server;

			next = TAILQ_NEXT(c, link);
			if (c->ends_tls && !is_signed[c->id] && dice(3) == 0) {
				is_signed[c->id] = 1;
				refused += p->left == 0;
				p->left -= p->left > 0;
				made++;
			} else if (c->ends_tls && dice(4) == 0) {
				conns_shaken(c); /* also a resumed one, without a signature */
			} else if (dice(5) == 0) {
				conns_free(&m.door.conns, c);
			}
		}
		budget_tick(&g);
		ck_assert_uint_le(heard()->as_server.left, w.t.has.unshaken + SLACK);
		if (round == 20) /* the keeper is another one */
			introduce();
	}
	ck_assert_uint_eq(refused, 0);
	ck_assert_uint_gt(made, 100);
	ck_assert_uint_le(made, tls);
	ck_assert_uint_eq(w.t.has.unshaken, 0);
}
END_TEST

/* One that says of no connection that it is done: one signature each, and not one more. */
START_TEST(a_worker_that_never_finishes)
{
	uint64_t id = 0, made = 0, tls = 0;

	introduce();
	while (id < CONNS) {
		tls += hand_over(&id, 1 + dice(3));
		budget_tick(&g);
		(void)heard();
		made += serve.signers->as_server.left;
		serve.signers->as_server.left = 0;
	}
	ck_assert_uint_le(made, tls + HANDOVER_MAX);
	ck_assert_uint_ge(made, tls);
}
END_TEST

/* Towards servers: by the retries of the backends that show a certificate, for no others. */
START_TEST(as_a_client)
{
	uint64_t id = 0;

	backends[0].retries = 100;
	introduce();
	(void)hand_over(&id, HANDOVER_MAX);
	ck_assert_uint_eq(heard()->as_client.left, 0);
	backends[0].tls.on = 1; /* but no certificate of ours */
	backends[1] =
	    (struct conf_backend){ .tls = { .on = 1, .certificate = "/c" }, .retries = 3 };
	(void)hand_over(&id, HANDOVER_MAX);
	ck_assert_uint_le(heard()->as_client.left, (2 + 1) * HANDOVER_MAX * 4);
	ck_assert_uint_ge(serve.signers->as_client.left, (uint64_t)HANDOVER_MAX * 4);
	while (w.t.has.count > 0)
		conns_free(&m.door.conns, TAILQ_FIRST(&w.t.has.conns));
	budget_tick(&g);
	ck_assert_uint_le(heard()->as_client.left, SLACK * 4);
}
END_TEST

/* A keeper from before an upgrade is told in its own words. */
START_TEST(a_keeper_of_version_1)
{
	_Alignas(8) uint8_t in[CHAN_BUF];
	struct chan keeper;
	struct msg got;
	uint64_t id = 0, granted = 0;

	serve_stop(&serve);
	chan_close(&serve.master);
	chan_close(&g.keeper.chan);
	ck_assert_int_eq(chan_pair(ROLE_MASTER, ROLE_KEEPER, &g.keeper.chan, &keeper), 0);
	g.keeper.version = 0; /* the state that it left says nothing */
	ck_assert_int_eq(budget_begin(&w), 0);
	while (id < 1000) {
		(void)hand_over(&id, 1 + dice(HANDOVER_MAX));
		budget_tick(&g);
		while (chan_recv(&keeper, in, sizeof(in), &got) == CHAN_MSG) {
			ck_assert_int_eq(got.type, MSG_GRANT);
			granted += ((const struct msg_grant *)got.fixed)->connections;
		}
		ck_assert_uint_ge(granted, id);
	}
	ck_assert_uint_le(granted, id + HANDOVER_MAX);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("budget");
	TCase *t = tcase_create("budget");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, an_honest_worker);
	tcase_add_test(t, a_worker_that_never_finishes);
	tcase_add_test(t, as_a_client);
	tcase_add_test(t, a_keeper_of_version_1);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
