/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Which connections are accepted while no keeper serves. */
#include "master/door/accept.h"

#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TLS, PLAIN, THROUGH, PORTS };

static struct conf_frontend frontends[PORTS] = { [TLS] = { .tls.mode = TLS_IMPLICIT },
	[PLAIN] = { .tls.mode = TLS_NONE },
	[THROUGH] = { .tls.mode = TLS_PASSTHROUGH } };
static struct conf_listener listeners[PORTS] = { [TLS] = { .frontend = TLS },
	[PLAIN] = { .frontend = PLAIN },
	[THROUGH] = { .frontend = THROUGH } };
static struct conf conf = { .frontends = frontends, .listeners = listeners };

static struct door d;
static struct taker taker;
static struct chan chan, taker_end;
static struct listener ports[PORTS];

/* ---- Who runs the door, played ---- */

static int keeper_serves, sent, announced;

static int
signs(struct door *of)
{
	(void)of;
	return keeper_serves;
}

static void
handing(struct taker *t)
{
	announced += (int)t->batched;
}

static void
handed(struct taker *t)
{
	sent += (int)t->batched;
}

static const struct door_owner owner = { .signs = signs, .handing = handing, .handed = handed };

static void
open_port(int n)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	ports[n] = (struct listener){ .door = &d, .index = (uint32_t)n, .is_kept = 1 };
	ports[n].watch = (struct watch){ .fn = accept_event, .fd = fd };
	addr_from_sockaddr((struct sockaddr *)&sin, &ports[n].addr);
	TAILQ_INSERT_TAIL(&d.listeners, &ports[n], link);
}

static void
setup(void)
{
	door_init(&d, &owner, 100);
	ck_assert_ptr_nonnull(d.loop = loop_new());
	d.taker_most = 1000;
	d.conf = &conf;
	keeper_serves = 1;
	sent = announced = 0;
	ck_assert_int_eq(chan_pair(ROLE_MASTER, ROLE_WORKER, &chan, &taker_end), 0);
	taker_init(&taker, &d, &chan, 0);
	door_join(&taker);
	for (int n = 0; n < PORTS; n++)
		open_port(n);
	accept_resume(&d);
}

static int
dial(int n)
{
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(&ports[n].addr, &ss);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&ss, len), 0);
	return fd;
}

/* How many connections of each port the taker has got since the last time. */
static void
got(int counts_r[PORTS])
{
	_Alignas(8) uint8_t in[CHAN_BUF];
	struct msg msg;

	memset(counts_r, 0, PORTS * sizeof(*counts_r));
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(loop_once(d.loop, 0), 0);
	while (chan_recv(&taker_end, in, sizeof(in), &msg) == CHAN_MSG) {
		const struct msg_handover *items = msg.items;

		ck_assert_int_eq(msg.type, MSG_HANDOVER);
		for (uint32_t i = 0; i < msg.count; i++)
			counts_r[items[i].listener]++;
		msg_drop_fds(&msg);
	}
}

static int
is_closed(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) != -1 || errno != EAGAIN;
}

START_TEST(whoever_needs_a_signature_waits)
{
	int counts[PORTS], fds[PORTS];

	keeper_serves = 0; /* in this very pass: nothing was polled anew since */
	for (int n = 0; n < PORTS; n++)
		fds[n] = dial(n);
	got(counts);
	ck_assert_int_eq(counts[TLS], 0);
	ck_assert_int_eq(counts[PLAIN], 1);
	ck_assert_int_eq(counts[THROUGH], 1);
	ck_assert_int_eq(ports[TLS].watch.events, 0);
	ck_assert(!is_closed(fds[TLS]));
	accept_resume(&d);
	got(counts);
	ck_assert_int_eq(counts[TLS], 0);
	keeper_serves = 1;
	accept_resume(&d);
	got(counts);
	ck_assert_int_eq(counts[TLS], 1);
	ck_assert_uint_eq(d.keeper_refused, 0);
}
END_TEST

/* Whoever waits for a worker's credit is not refused in place of whom no keeper can serve. */
START_TEST(the_right_ones_are_refused)
{
	int plain = dial(PLAIN), tls = dial(TLS);

	door_leave(&taker);
	accept_rest(&ports[PLAIN]);
	keeper_serves = 0;
	accept_resume(&d);
	d.keeper_missed -= 5000;
	accept_event(&ports[TLS].watch, 0);
	ck_assert(is_closed(tls));
	ck_assert(!is_closed(plain));
	ck_assert_uint_eq(d.keeper_refused, 1);
	ck_assert_uint_eq(d.conns.count, 1);
}
END_TEST

START_TEST(but_not_for_ever)
{
	int counts[PORTS], tls, more;

	keeper_serves = 0;
	accept_resume(&d);
	tls = dial(TLS);
	got(counts);
	ck_assert(!is_closed(tls));
	d.keeper_missed -= 5000; /* so long ago */
	accept_resume(&d);
	got(counts);
	ck_assert_int_eq(counts[TLS], 0);
	ck_assert(is_closed(tls));
	ck_assert_uint_eq(d.keeper_refused, 1);
	ck_assert_uint_eq(d.conns.count, 0);
	/* The others do not notice. */
	(void)dial(PLAIN);
	(void)dial(THROUGH);
	got(counts);
	ck_assert_int_eq(counts[PLAIN] + counts[THROUGH], 2);
	/* The next absence is a new one. */
	keeper_serves = 1;
	accept_resume(&d);
	keeper_serves = 0;
	accept_resume(&d);
	more = dial(TLS);
	got(counts);
	ck_assert(!is_closed(more));
	ck_assert_uint_eq(d.keeper_refused, 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("accept");
	TCase *t = tcase_create("without a keeper");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, whoever_needs_a_signature_waits);
	tcase_add_test(t, but_not_for_ever);
	tcase_add_test(t, the_right_ones_are_refused);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
