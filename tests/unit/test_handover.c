/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Who gets which connection, what happens to one that is not taken, and what a death costs. */
#include "common/clock.h"
#include "master/door/handover.h"

#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TAKERS 3

static struct conf_frontend frontend = { .tls.mode = TLS_IMPLICIT };
static struct conf_listener listener = { .frontend = 0 };
static struct conf conf = { .frontends = &frontend, .listeners = &listener };

static struct door d;
static struct listener port = { .door = &d };
static struct chan chans[TAKERS], ends[TAKERS];
static struct taker takers[TAKERS];
static uint32_t announced, sent;
static uint64_t id;

static void
handing(struct taker *t)
{
	announced += t->batched;
}

static void
handed(struct taker *t)
{
	sent += t->batched;
}

static const struct door_owner owner = { .handing = handing, .handed = handed };

static void
setup(void)
{
	door_init(&d, &owner, 1000);
	ck_assert_ptr_nonnull(d.loop = loop_new());
	d.taker_most = 1000;
	d.conf = &conf;
	announced = sent = 0;
	for (uint32_t i = 0; i < TAKERS; i++) {
		ck_assert_int_eq(chan_pair(ROLE_MASTER, ROLE_WORKER, &chans[i], &ends[i]), 0);
		taker_init(&takers[i], &d, &chans[i], i);
	}
	/* In any order: the door has them by their slots. */
	door_join(&takers[2]);
	door_join(&takers[0]);
	door_join(&takers[1]);
	door_join(&takers[1]);
}

/* A connection over loopback, parked. */
static int
come(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(in);
	int l = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
	struct conn *c;

	ck_assert_int_eq(bind(l, (struct sockaddr *)&in, sizeof(in)), 0);
	ck_assert_int_eq(listen(l, 1), 0);
	ck_assert_int_eq(getsockname(l, (struct sockaddr *)&in, &len), 0);
	ck_assert_int_eq(connect(client, (struct sockaddr *)&in, sizeof(in)), 0);
	c = conns_add(&d.conns, ++id, accept(l, NULL, NULL));
	c->held->listener = &port;
	c->held->accepted = real_ms();
	close(l);
	return client;
}

/* The ids that a taker has got, in order. */
static size_t
got(uint32_t n, uint64_t *ids_r)
{
	_Alignas(8) uint8_t in[CHAN_BUF];
	struct msg msg;
	size_t count = 0;

	while (chan_recv(&ends[n], in, sizeof(in), &msg) == CHAN_MSG) {
		const struct msg_handover *items = msg.items;

		for (uint32_t i = 0; i < msg.count; i++)
			ids_r[count++] = items[i].id;
		msg_drop_fds(&msg);
	}
	return count;
}

START_TEST(to_the_least_loaded)
{
	uint64_t ids[16];

	takers[0].has.count = 2;
	takers[1].has.count = 0;
	takers[2].has.count = 1;
	for (int i = 0; i < 4; i++)
		(void)come();
	handover_parked(&d);
	ck_assert_uint_eq(got(0, ids), 1); /* the last one: of equals the lowest slot */
	ck_assert_uint_eq(ids[0], id);
	ck_assert_uint_eq(got(1, ids), 2);
	ck_assert_uint_eq(ids[0], id - 3);
	ck_assert_uint_eq(got(2, ids), 1);
	ck_assert_uint_eq(announced, 4);
	ck_assert_uint_eq(sent, 4);
	ck_assert_uint_eq(d.conns.parked_count, 0);
}
END_TEST

static const struct {
	const char *name;
	void (*make)(struct taker *t);
} unable[] = { { "has left", door_leave }, { "is stuck", NULL }, { "owes too many", NULL },
	{ "has no descriptors", NULL } };

START_TEST(none_to_one_that_cannot)
{
	struct taker *t = &takers[0];
	uint64_t ids[16];

	door_leave(&takers[1]);
	door_leave(&takers[2]);
	if (unable[_i].make)
		unable[_i].make(t);
	t->stuck = _i == 1;
	t->handed = _i == 2 ? TAKER_CREDIT : 0;
	if (_i == 3)
		d.taker_most = 0;
	(void)come();
	ck_assert_msg(!handover_pick(&d), "%s", unable[_i].name);
	handover_parked(&d);
	ck_assert_uint_eq(d.conns.parked_count, 1);
	d.taker_most = 1000;
	t->stuck = 0;
	t->handed = 0;
	door_join(t);
	handover_parked(&d);
	ck_assert_uint_eq(got(0, ids), 1);
}
END_TEST

START_TEST(no_more_than_the_credit)
{
	uint64_t ids[2 * TAKER_CREDIT];

	door_leave(&takers[1]);
	door_leave(&takers[2]);
	for (int i = 0; i < TAKER_CREDIT + 3; i++)
		close(come());
	handover_parked(&d);
	ck_assert_uint_eq(got(0, ids), TAKER_CREDIT);
	ck_assert_uint_eq(d.conns.parked_count, 3);
	takers[0].taken += 2;
	handover_parked(&d);
	ck_assert_uint_eq(got(0, ids), 2);
}
END_TEST

/* What a dying channel does not take waits for another taker, in its order. */
START_TEST(parked_again_in_order)
{
	uint64_t ids[16], first = id + 1;

	door_leave(&takers[1]);
	door_leave(&takers[2]);
	chan_close(&ends[0]);
	for (int i = 0; i < 3; i++)
		(void)come();
	handover_parked(&d);
	ck_assert(takers[0].stuck);
	ck_assert_uint_eq(sent, 0);
	ck_assert_uint_eq(d.conns.parked_count, 3);
	door_leave(&takers[0]);
	door_join(&takers[1]);
	handover_parked(&d);
	ck_assert_uint_eq(got(1, ids), 3);
	for (uint64_t i = 0; i < 3; i++)
		ck_assert_uint_eq(ids[i], first + i);
}
END_TEST

/* Of a dead taker's connections those that nobody has looked at go to another one, first of all. */
START_TEST(a_death)
{
	int clients[4];
	uint64_t ids[16], first = id + 1;
	char byte;

	door_leave(&takers[1]);
	door_leave(&takers[2]);
	for (int i = 0; i < 4; i++)
		clients[i] = come();
	handover_parked(&d);
	ck_assert_uint_eq(got(0, ids), 4);
	conns_release(&d.conns, conns_find(&d.conns, first + 1)); /* it has said TOUCHED */
	ck_assert_int_eq(send(conns_find(&d.conns, first + 2)->held->fd, "x", 1, 0), 1);
	conns_find(&d.conns, first + 3)->held->accepted -= 60000; /* too long ago */
	door_leave(&takers[0]);
	handover_lost(&takers[0]);
	ck_assert_uint_eq(takers[0].has.count, 0);
	ck_assert_uint_eq(d.conns.count, 1);
	ck_assert_int_eq(recv(clients[0], &byte, 1, MSG_DONTWAIT), -1); /* open */
	ck_assert_int_eq(recv(clients[3], &byte, 1, 0), -1);            /* reset */
	door_join(&takers[1]);
	handover_parked(&d);
	ck_assert_uint_eq(got(1, ids), 1);
	ck_assert_uint_eq(ids[0], first);
	handover_begin(&takers[0]);
	ck_assert_uint_eq(takers[0].handed, 0);
}
END_TEST

/* Only what ends TLS and is not shaken counts as in need of the keeper. */
START_TEST(who_needs_the_keeper)
{
	static const enum tls_mode modes[] = { TLS_IMPLICIT, TLS_NONE, TLS_PASSTHROUGH };

	door_leave(&takers[1]);
	door_leave(&takers[2]);
	frontend.tls.mode = modes[_i];
	(void)come();
	handover_parked(&d);
	ck_assert_uint_eq(takers[0].has.unshaken, _i == 0);
	ck_assert_int_eq(handover_ends_tls(&conf, 0), _i == 0);
	conns_shaken(conns_find(&d.conns, id));
	ck_assert_uint_eq(takers[0].has.unshaken, 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("handover");
	TCase *t = tcase_create("handover");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, to_the_least_loaded);
	tcase_add_loop_test(
	    t, none_to_one_that_cannot, 0, (int)(sizeof(unable) / sizeof(unable[0])));
	tcase_add_test(t, no_more_than_the_credit);
	tcase_add_test(t, parked_again_in_order);
	tcase_add_test(t, a_death);
	tcase_add_loop_test(t, who_needs_the_keeper, 0, 3);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
