/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * A lying keeper: answers that are late, of another kind, too long, empty, or none.  The answers
 * wait in the channel before the question is asked, so that nothing here depends on time.
 */
#include "common/tls/ask.h"

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct chan ours, keeper;
static uint32_t serial; /* of the next question */

static const uint8_t id[MSG_KEY_ID];

static void
setup(void)
{
	ck_assert_int_eq(chan_pair(ROLE_WORKER, ROLE_KEEPER, &ours, &keeper), 0);
	ask_init(&ours);
	serial = 1; /* each test is a process of its own */
}

static void
teardown(void)
{
	chan_close(&ours);
	chan_close(&keeper);
}

static void
put_signed(uint32_t number, uint32_t refused, uint32_t size)
{
	static const uint8_t bytes[SIG_MAX] = { 0x30 };
	const struct msg_signed a = { .serial = number, .refused = refused };
	ck_assert_int_eq(chan_send(&keeper, MSG_SIGNED, &a, bytes, size, NULL, 0), 0);
}

static void
put_key(uint32_t number)
{
	struct msg_key a = { .serial = number, .known = 1 };
	memset(a.kind, 'x', sizeof(a.kind)); /* without its NUL */
	ck_assert_int_eq(chan_tell(&keeper, MSG_KEY, &a), 0);
}

/* Room for 72 bytes, and a byte behind it that nobody may touch. */
static int
sign(size_t *len_r)
{
	uint8_t sig[73];
	memset(sig, 0xee, sizeof(sig));
	int r = ask_sign(id, 0x0403, SIGN_TLS13_SERVER, "tbs", 3, sig, 72, len_r);
	ck_assert_uint_eq(sig[72], 0xee);
	serial++;
	return r;
}

START_TEST(lengths)
{
	static const struct {
		uint32_t size;
		int error;
	} sizes[] = { { 72, 0 }, { 1, 0 }, { 0, EPROTO }, { 73, EPROTO }, { SIG_MAX, EPROTO } };
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t len = 0;
		put_signed(serial, 0, sizes[i].size);
		errno = 0;
		ck_assert_int_eq(sign(&len), sizes[i].error == 0 ? 0 : -1);
		ck_assert_int_eq(errno, sizes[i].error);
		ck_assert_uint_eq(len, sizes[i].error == 0 ? sizes[i].size : 0);
	}
}
END_TEST

START_TEST(late_answers_are_passed_over)
{
	size_t len;
	put_signed(serial - 1, 0, 9);
	put_key(serial - 1);
	put_signed(serial + 1, 0, 8);
	put_signed(serial, 0, 70);
	ck_assert_int_eq(sign(&len), 0);
	ck_assert_uint_eq(len, 70);
}
END_TEST

START_TEST(another_kind_of_answer)
{
	size_t len;
	struct msg_key key;
	put_key(serial);
	ck_assert_int_eq(sign(&len), -1);
	ck_assert_int_eq(errno, EPROTO);
	put_signed(serial, 0, 3);
	ck_assert_int_eq(ask_key(0, &key), -1);
	ck_assert_int_eq(errno, EPROTO);
}
END_TEST

START_TEST(refused)
{
	size_t len = 5;
	put_signed(serial, REFUSED_SHAPE, 0);
	ck_assert_int_eq(sign(&len), -1);
	ck_assert_int_eq(errno, EACCES);
	put_signed(serial, 12345, 72); /* refused all the same */
	ck_assert_int_eq(sign(&len), -1);
	ck_assert_int_eq(errno, EACCES);
	ck_assert_uint_eq(len, 5);
}
END_TEST

START_TEST(a_text_without_its_end)
{
	struct msg_key key;
	put_key(serial);
	ck_assert_int_eq(ask_key(0, &key), 0);
	ck_assert_uint_lt(strnlen(key.kind, sizeof(key.kind)), sizeof(key.kind));
}
END_TEST

START_TEST(keys_of_tickets)
{
	struct msg_ticket_key keys[TICKET_KEYS], out[TICKET_KEYS] = { { .name = { 1 } } };
	struct msg_tickets a = { .serial = serial, .left = 77 };
	uint32_t left = 0;
	ck_assert_int_eq(chan_send(&keeper, MSG_TICKETS, &a, out, TICKET_KEYS, NULL, 0), 0);
	ck_assert_int_eq(ask_tickets(keys, &left), 1);
	ck_assert_mem_eq(keys, out, sizeof(keys));
	ck_assert_uint_eq(left, 77);
	/* Some of them are as good as none. */
	for (uint32_t n = 0; n < TICKET_KEYS; n++) {
		a.serial++;
		ck_assert_int_eq(chan_send(&keeper, MSG_TICKETS, &a, out, n, NULL, 0), 0);
		ck_assert_int_eq(ask_tickets(keys, &left), 0);
	}
}
END_TEST

START_TEST(garbage)
{
	static const uint8_t bytes[64] = { 0xff };
	size_t len;
	ck_assert_int_eq(send(keeper.fd, bytes, sizeof(bytes), 0), (int)sizeof(bytes));
	ck_assert_int_eq(sign(&len), -1);
	ck_assert_int_eq(errno, EPROTO);
}
END_TEST

START_TEST(nobody_there)
{
	size_t len;
	chan_close(&keeper);
	ck_assert_int_eq(sign(&len), -1);
	ck_assert_int_eq(errno, EPIPE);
	chan_close(&ours);
	ck_assert_int_eq(sign(&len), -1);
	ck_assert_int_eq(errno, EPIPE);
}
END_TEST

START_TEST(gone_before_the_answer)
{
	size_t len;
	/* It has read the question, and dies. */
	ck_assert_int_eq(shutdown(keeper.fd, SHUT_WR), 0);
	ck_assert_int_eq(sign(&len), -1);
	ck_assert_int_eq(errno, EPIPE);
}
END_TEST

START_TEST(too_much_to_sign)
{
	static uint8_t tbs[TBS_MAX + 1];
	uint8_t sig[72];
	size_t len;
	ck_assert_int_eq(
	    ask_sign(id, 0x0403, SIGN_TLS12_CLIENT, tbs, sizeof(tbs), sig, 72, &len), -1);
	ck_assert_int_eq(errno, EMSGSIZE);
	put_signed(serial, 0, 72);
	ck_assert_int_eq(
	    ask_sign(id, 0x0403, SIGN_TLS12_CLIENT, tbs, sizeof(tbs) - 1, sig, 72, &len), 0);
}
END_TEST

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);
	Suite *suite = suite_create("tls/ask");
	TCase *t = tcase_create("ask");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, lengths);
	tcase_add_test(t, late_answers_are_passed_over);
	tcase_add_test(t, another_kind_of_answer);
	tcase_add_test(t, refused);
	tcase_add_test(t, a_text_without_its_end);
	tcase_add_test(t, keys_of_tickets);
	tcase_add_test(t, garbage);
	tcase_add_test(t, nobody_there);
	tcase_add_test(t, gone_before_the_answer);
	tcase_add_test(t, too_much_to_sign);
	suite_add_tcase(suite, t);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
