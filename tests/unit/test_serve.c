/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The keeper's channels, pass by pass of its loop: who is served when, how often, and how they end.
 */
#include "keeper/serve.h"

#include "common/log.h"
#include "keeper/sign.h"
#include "tests/lib/certs.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static EVP_PKEY *pkey;
static struct keys keys;
static struct tickets tickets;
static struct loop *loop;
static struct serve serve;
static struct chan master;

static _Alignas(8) uint8_t in[CHAN_BUF];

uint32_t __real_sign(const struct keys *k, uint32_t uses, const struct msg_sign *q,
    const uint8_t *tbs, size_t size, uint8_t sig_r[SIG_MAX], size_t *len_r);
uint32_t __wrap_sign(const struct keys *k, uint32_t uses, const struct msg_sign *q,
    const uint8_t *tbs, size_t size, uint8_t sig_r[SIG_MAX], size_t *len_r);

static int pinging; /* ask at every signature whether the keeper lives */
static int pongs;   /* how often it had said so by the next one */

uint32_t
__wrap_sign(const struct keys *k, uint32_t uses, const struct msg_sign *q, const uint8_t *tbs,
    size_t size, uint8_t sig_r[SIG_MAX], size_t *len_r)
{
	const struct msg_ping ping = { .cookie = 7 };
	struct msg m;
	if (pinging) {
		pongs += chan_recv(&master, in, sizeof(in), &m) == CHAN_MSG && m.type == MSG_PONG;
		ck_assert_int_eq(chan_tell(&master, MSG_PING, &ping), 0);
	}
	return __real_sign(k, uses, q, tbs, size, sig_r, len_r);
}

/* Let the keeper do what it can. */
static void
passes(int n)
{
	while (n-- > 0)
		ck_assert_int_eq(serve_once(&serve, 0), 0);
}

/* What the master says of this worker's connections, as a server and as a client. */
static void
budget(uint32_t slot, uint64_t ever, uint64_t open, uint64_t tries_ever, uint64_t tries_open)
{
	const struct msg_budget m = {
		.slot = slot, .as_server = { ever, open }, .as_client = { tries_ever, tries_open }
	};
	ck_assert_int_eq(chan_tell(&master, MSG_BUDGET, &m), 0);
}

static struct chan
signer(enum role role, uint32_t slot, uint32_t connections)
{
	struct msg_signer q = { .role = role, .slot = slot };
	struct chan ours, theirs;
	ck_assert_int_eq(chan_pair(role, ROLE_KEEPER, &ours, &theirs), 0);
	ck_assert_int_eq(chan_send(&master, MSG_SIGNER, &q, NULL, 0, &theirs.fd, 1), 0);
	chan_close(&theirs);
	if (role == ROLE_WORKER)
		budget(slot, connections, connections, 0, 0);
	passes(1);
	return ours;
}

/* Ask for a signature of a TLS 1.3 handshake. */
static void
ask(const struct chan *ch, uint32_t serial, int as_server)
{
	uint8_t tbs[64 + 34 + 32];
	struct msg_sign q = { .scheme = 0x0403,
		.purpose = as_server ? SIGN_TLS13_SERVER : SIGN_TLS13_CLIENT,
		.serial = serial };
	memset(tbs, ' ', sizeof(tbs));
	memcpy(tbs + 64,
	    as_server ? "TLS 1.3, server CertificateVerify" : "TLS 1.3, client CertificateVerify",
	    34);
	memcpy(q.id, keys.items[0].id, sizeof(q.id));
	ck_assert_int_eq(chan_send(ch, MSG_SIGN, &q, tbs, sizeof(tbs), NULL, 0), 0);
}

/* The next answer: 0 signed, or the refusal; -1 none, -2 the channel is closed. */
static int
answer(const struct chan *ch, uint32_t serial)
{
	struct msg m;
	switch (chan_recv(ch, in, sizeof(in), &m)) {
	case CHAN_AGAIN:
		return -1;
	case CHAN_GONE:
	case CHAN_BAD:
		return -2;
	case CHAN_MSG:
		break;
	}
	const struct msg_signed *a = m.fixed;
	ck_assert_int_eq(m.type, MSG_SIGNED);
	ck_assert_uint_eq(a->serial, serial);
	ck_assert_int_eq(m.count > 0, a->refused == 0);
	return (int)a->refused;
}

static void
setup(void)
{
	struct chan end;
	log_open(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_ERR, 0, 0);
	loop = loop_new();
	ck_assert_int_eq(chan_pair(ROLE_MASTER, ROLE_KEEPER, &master, &end), 0);
	ck_assert_int_eq(serve_start(&serve, loop, &end, &keys, &tickets), 0);
}

static void
teardown(void)
{
	serve_stop(&serve);
	chan_close(&master);
	loop_free(&loop);
}

START_TEST(served_in_turn)
{
	struct chan greedy = signer(ROLE_WORKER, 0, 1000), modest = signer(ROLE_WORKER, 1, 1000);
	uint32_t answered = 0;
	for (uint32_t i = 0; i < 40; i++)
		ask(&greedy, i, 1);
	ask(&modest, 7, 1);
	passes(1);
	ck_assert_int_eq(answer(&modest, 7), 0);
	while (answer(&greedy, answered) == 0)
		answered++;
	ck_assert_uint_eq(answered, 1);
	passes(39);
	while (answer(&greedy, answered) == 0)
		answered++;
	ck_assert_uint_eq(answered, 40);
	chan_close(&greedy);
	chan_close(&modest);
}
END_TEST

/* Have so many signatures made, one after the other; how many were. */
static uint32_t
signed_of(const struct chan *w, uint32_t count, int as_server)
{
	uint32_t made = 0;
	for (uint32_t i = 0; i < count; i++) {
		ask(w, i, as_server);
		passes(1);
		int refused = answer(w, i);
		ck_assert(refused == 0 || refused == REFUSED_BUDGET);
		made += refused == 0;
	}
	return made;
}

START_TEST(no_more_signatures_than_connections)
{
	struct chan w = signer(ROLE_WORKER, 3, 2);
	ck_assert_uint_eq(signed_of(&w, 4, 1), 2);
	/* One more, sent before the question: it counts, whichever channel is read first. */
	budget(3, 3, 3, 0, 0);
	ck_assert_uint_eq(signed_of(&w, 3, 1), 1);
	/* The same again, or an earlier number, brings nothing. */
	budget(3, 3, 3, 0, 0);
	budget(3, 1, 3, 0, 0);
	ck_assert_uint_eq(signed_of(&w, 3, 1), 0);
	/* As a client it has a budget of its own. */
	ck_assert_uint_eq(signed_of(&w, 2, 0), 0);
	budget(3, 3, 3, 8, 8);
	ck_assert_uint_eq(signed_of(&w, 10, 0), 8);
	ck_assert_uint_eq(signed_of(&w, 1, 1), 0);
	chan_close(&w);
}
END_TEST

START_TEST(what_was_not_used_is_taken_back)
{
	struct chan w = signer(ROLE_WORKER, 0, 1000);
	/* All but ten are over, without a signature: resumed, or scanners. */
	budget(0, 1000, 10, 0, 0);
	/* Many more come and go; ten at a time are there. */
	for (uint64_t ever = 1100; ever < 2000; ever += 100)
		budget(0, ever, 10, 0, 0);
	ck_assert_uint_eq(signed_of(&w, 20, 1), 10);
	/* Connections that are never done bring one each, however many they are. */
	for (uint64_t ever = 1901; ever < 1910; ever++) {
		budget(0, ever, 1000, 0, 0);
		ck_assert_uint_eq(signed_of(&w, 3, 1), 1);
	}
	chan_close(&w);
}
END_TEST

START_TEST(a_budget_is_for_one_worker)
{
	struct chan a = signer(ROLE_WORKER, 0, 0), b = signer(ROLE_WORKER, 1, 0);
	budget(1, 5, 5, 0, 0);
	budget(9, 5, 5, 0, 0); /* nobody's */
	ask(&a, 1, 1);
	ask(&b, 2, 1);
	passes(2);
	ck_assert_int_eq(answer(&a, 1), REFUSED_BUDGET);
	ck_assert_int_eq(answer(&b, 2), 0);
	chan_close(&a);
	chan_close(&b);
}
END_TEST

/* However much is asked in one pass, the master is heard before each signature. */
START_TEST(the_master_goes_first)
{
	enum { ASKERS = 20 };
	struct chan w[ASKERS];
	for (uint32_t i = 0; i < ASKERS; i++)
		w[i] = signer(ROLE_WORKER, i, 10);
	for (uint32_t i = 0; i < ASKERS; i++)
		ask(&w[i], i, 1);
	pinging = 1;
	pongs = 0;
	passes(1);
	pinging = 0;
	ck_assert_int_eq(pongs, ASKERS - 1);
	for (uint32_t i = 0; i < ASKERS; i++) {
		ck_assert_int_eq(answer(&w[i], i), 0);
		chan_close(&w[i]);
	}
}
END_TEST

START_TEST(the_checker_is_not_counted)
{
	struct chan c = signer(ROLE_CHECKER, 0, 0);
	for (uint32_t i = 0; i < 50; i++) {
		ask(&c, i, 0);
		passes(1);
		ck_assert_int_eq(answer(&c, i), 0);
	}
	ask(&c, 50, 1);
	passes(1);
	ck_assert_int_eq(answer(&c, 50), REFUSED_PURPOSE);
	chan_close(&c);
}
END_TEST

START_TEST(a_new_channel_replaces_the_old)
{
	struct chan old = signer(ROLE_WORKER, 0, 10), other = signer(ROLE_CHECKER, 0, 0);
	struct chan new = signer(ROLE_WORKER, 0, 10);
	ask(&new, 1, 1);
	ask(&other, 2, 0);
	passes(2);
	ck_assert_int_eq(answer(&new, 1), 0);
	ck_assert_int_eq(answer(&other, 2), 0);
	ck_assert_int_eq(answer(&old, 0), -2);
	chan_close(&old);
	chan_close(&new);
	chan_close(&other);
}
END_TEST

START_TEST(replaced_while_it_asks_too_much)
{
	/* The master's message that replaces the channel is read while its question is answered. */
	struct chan old = signer(ROLE_WORKER, 0, 0), new, theirs;
	const struct msg_signer q = { .role = ROLE_WORKER, .slot = 0 };
	ck_assert_int_eq(chan_pair(ROLE_WORKER, ROLE_KEEPER, &new, &theirs), 0);
	passes(1); /* now the loop has nothing of the master's left, and reads the question first */
	ask(&old, 1, 1);
	ck_assert_int_eq(chan_send(&master, MSG_SIGNER, &q, NULL, 0, &theirs.fd, 1), 0);
	chan_close(&theirs);
	budget(0, 1, 1, 0, 0);
	passes(2);
	ck_assert_int_le(answer(&old, 1), -1);
	ask(&new, 5, 1);
	passes(1);
	ck_assert_int_eq(answer(&new, 5), 0);
	chan_close(&old);
	chan_close(&new);
}
END_TEST

/* All that ask in one pass are replaced before the first of them is answered. */
START_TEST(replaced_while_all_ask)
{
	enum { ASKERS = 8 };
	struct chan old[ASKERS], new[ASKERS], other = signer(ROLE_CHECKER, 0, 0);
	for (uint32_t i = 0; i < ASKERS; i++)
		old[i] = signer(ROLE_WORKER, i, 10);
	passes(1);
	for (uint32_t i = 0; i < ASKERS; i++)
		ask(&old[i], i, 1);
	ask(&other, 99, 0);
	for (uint32_t i = 0; i < ASKERS; i++) {
		const struct msg_signer q = { .role = ROLE_WORKER, .slot = i };
		struct chan theirs;
		ck_assert_int_eq(chan_pair(ROLE_WORKER, ROLE_KEEPER, &new[i], &theirs), 0);
		ck_assert_int_eq(chan_send(&master, MSG_SIGNER, &q, NULL, 0, &theirs.fd, 1), 0);
		chan_close(&theirs);
		budget(i, 1, 1, 0, 0);
		ask(&new[i], i + 100, 1);
	}
	passes(2);
	ck_assert_int_eq(answer(&other, 99), 0);
	for (uint32_t i = 0; i < ASKERS; i++) {
		ck_assert_int_eq(answer(&old[i], i), -2);
		ck_assert_int_eq(answer(&new[i], i + 100), 0);
		chan_close(&old[i]);
		chan_close(&new[i]);
	}
	chan_close(&other);
}
END_TEST

START_TEST(who_does_not_read_is_dropped)
{
	struct chan deaf = signer(ROLE_WORKER, 0, 1), other = signer(ROLE_WORKER, 1, 1);
	const struct msg_ask_key q = { 0 };
	int sent = 0;
	/* As long as it is listened to; its answers are never read. */
	while (sent < 100000 && chan_tell(&deaf, MSG_ASK_KEY, &q) == 0) {
		sent++;
		passes(1);
	}
	ck_assert_int_lt(sent, 100000);
	ask(&other, 1, 1);
	passes(1);
	ck_assert_int_eq(answer(&other, 1), 0);
	chan_close(&deaf);
	chan_close(&other);
}
END_TEST

START_TEST(when_it_is_over)
{
	struct chan w = signer(ROLE_WORKER, 0, 5);
	ck_assert(serve_wanted(&serve));
	/* The master's death is not the end: the worker goes on. */
	chan_close(&master);
	passes(1);
	ck_assert(serve_wanted(&serve));
	ask(&w, 1, 1);
	passes(1);
	ck_assert_int_eq(answer(&w, 1), 0);
	for (uint32_t i = 2; i < 8; i++) {
		ask(&w, i, 1);
		passes(1);
		ck_assert_int_eq(answer(&w, i), i < 6 ? 0 : REFUSED_BUDGET);
	}
	chan_close(&w);
	passes(1);
	ck_assert(!serve_wanted(&serve));
}
END_TEST

START_TEST(a_master_without_workers_is_waited_for)
{
	struct chan w = signer(ROLE_WORKER, 0, 5);
	const struct msg_ping ping = { .cookie = 42 };
	struct msg m;
	chan_close(&w);
	passes(1);
	ck_assert(serve_wanted(&serve));
	ck_assert_int_eq(chan_tell(&master, MSG_PING, &ping), 0);
	passes(1);
	ck_assert_int_eq(chan_recv(&master, in, sizeof(in), &m), CHAN_MSG);
	ck_assert_int_eq(m.type, MSG_PONG);
	ck_assert_uint_eq(((const struct msg_ping *)m.fixed)->cookie, 42);
}
END_TEST

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);
	pkey = certs_key("EC P-256");
	char *pem = certs_key_pem(pkey, NULL);
	struct piece p = { .kind = PIECE_KEY,
		.owner = USE_SERVER | USE_CLIENT,
		.name = "k",
		.data = pem,
		.size = strlen(pem) };
	if (keys_add(&keys, &p) != KEY_GOOD)
		return 2;
	free(pem);
	EVP_PKEY_free(pkey);

	Suite *suite = suite_create("keeper/serve");
	TCase *t = tcase_create("serve");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, served_in_turn);
	tcase_add_test(t, no_more_signatures_than_connections);
	tcase_add_test(t, what_was_not_used_is_taken_back);
	tcase_add_test(t, a_budget_is_for_one_worker);
	tcase_add_test(t, the_master_goes_first);
	tcase_add_test(t, the_checker_is_not_counted);
	tcase_add_test(t, a_new_channel_replaces_the_old);
	tcase_add_test(t, replaced_while_it_asks_too_much);
	tcase_add_test(t, replaced_while_all_ask);
	tcase_add_test(t, who_does_not_read_is_dropped);
	tcase_add_test(t, when_it_is_over);
	tcase_add_test(t, a_master_without_workers_is_waited_for);
	tcase_set_timeout(t, 30);
	suite_add_tcase(suite, t);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	keys_free(&keys);
	return failed != 0;
}
