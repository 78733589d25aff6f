/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The lists of connections: who is in them, in which order, and who leaves while it waits. */
#include "worker/conn/list.h"

#include <check.h>

static struct service service;
static struct conn conns[4];

static void
setup(void)
{
	service = (struct service){ 0 };
	for (size_t i = 0; i < 4; i++) {
		conns[i] = (struct conn){ .id = i };
		list_adopt(&service, &conns[i]);
	}
}

/* The ids of those that asked, as digits in their order. */
static unsigned
asked(void)
{
	unsigned digits = 0;

	for (const struct conn *c = list_take_again(&service); c; c = c->again_next) {
		ck_assert_int_eq(c->again, 0);
		digits = digits * 10 + (unsigned)c->id + 1;
	}
	return digits;
}

static unsigned
count(void)
{
	unsigned n = 0;

	for (const struct conn *c = service.conns; c; c = c->next)
		n++;
	return n;
}

START_TEST(those_that_leave_are_gone)
{
	/* the last to come, the first, one in the middle */
	static const size_t order[] = { 3, 0, 1, 2 };

	for (size_t i = 0; i < 4; i++) {
		ck_assert_uint_eq(service.conn_count, 4 - i);
		ck_assert_uint_eq(count(), 4 - i);
		list_forget(&service, &conns[order[i]]);
		for (const struct conn *c = service.conns; c; c = c->next)
			ck_assert_ptr_ne(c, &conns[order[i]]);
	}
	ck_assert_ptr_null(service.conns);
}
END_TEST

START_TEST(in_the_order_in_which_they_asked)
{
	list_again(&service, &conns[2]);
	list_again(&service, &conns[0]);
	list_again(&service, &conns[2]); /* once is enough */
	list_again(&service, &conns[3]);
	ck_assert_uint_eq(asked(), 314);
	ck_assert_uint_eq(asked(), 0);
}
END_TEST

START_TEST(asking_again_is_for_the_next_pass)
{
	struct conn *first;

	list_again(&service, &conns[1]);
	list_again(&service, &conns[2]);
	first = list_take_again(&service);
	ck_assert_ptr_eq(first, &conns[1]);
	ck_assert_ptr_eq(first->again_next, &conns[2]);
	list_again(&service, first);
	ck_assert_uint_eq(asked(), 2);
}
END_TEST

START_TEST(freed_while_it_waits)
{
	for (size_t i = 0; i < 4; i++)
		list_again(&service, &conns[i]);
	list_forget(&service, &conns[3]);
	list_forget(&service, &conns[1]);
	ck_assert_uint_eq(asked(), 13);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("list");
	TCase *t = tcase_create("list");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, those_that_leave_are_gone);
	tcase_add_test(t, in_the_order_in_which_they_asked);
	tcase_add_test(t, asking_again_is_for_the_next_pass);
	tcase_add_test(t, freed_while_it_waits);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
