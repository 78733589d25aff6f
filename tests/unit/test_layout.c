/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Boards that another version has made, and whose slot is which on them. */
#include "common/board.h"
#include "master/servers/layout.h"

#include <check.h>
#include <fcntl.h>
#include <unistd.h>

static struct conf_server servers[4];
static struct conf conf;

/* One server, a name with all its addresses, a name with one, and another with all. */
static void
setup(void)
{
	servers[1] = (struct conf_server){ .host = "x", .resolve = RESOLVE_ALL };
	servers[2] = (struct conf_server){ .host = "y" };
	servers[3] = (struct conf_server){ .host = "z", .resolve = RESOLVE_ALL };
	conf = (struct conf){ .servers = servers, .server_count = 4 };
	conf_lay_out(&conf, CONF_FAMILY);
}

static int
fit(uint32_t slots)
{
	int fd = -1, result;
	struct board *b = board_new(slots, &fd);

	ck_assert_ptr_nonnull(b);
	result = layout_fit(&conf, fd);
	board_unmap(&b);
	close(fd);
	return result;
}

START_TEST(our_own)
{
	ck_assert_uint_eq(conf.slot_count, 2 + 2 * CONF_FAMILY);
	ck_assert_int_eq(fit(2 + 2 * CONF_FAMILY), 0);
	ck_assert_uint_eq(servers[2].slot, 1 + CONF_FAMILY);
	ck_assert_uint_eq(servers[3].slots, CONF_FAMILY);
}
END_TEST

/* Version 1 had eight places for a name. */
START_TEST(of_version_1)
{
	ck_assert_int_eq(fit(2 + 2 * 8), 0);
	ck_assert_uint_eq(conf.slot_count, 18);
	ck_assert_uint_eq(servers[1].slots, 8);
	ck_assert_uint_eq(servers[2].slot, 9);
	ck_assert_uint_eq(servers[2].slots, 1);
	ck_assert_uint_eq(servers[3].slot, 10);
}
END_TEST

START_TEST(without_such_names)
{
	conf.server_count = 1;
	ck_assert_int_eq(fit(1), 0);
	conf.server_count = 0;
	ck_assert_int_eq(fit(1), 0);
	ck_assert_uint_eq(conf.slot_count, 0);
}
END_TEST

START_TEST(of_another_configuration)
{
	int fd = open("/dev/null", O_RDWR);

	ck_assert_int_eq(fit(17), -1); /* not the same number for both */
	ck_assert_int_eq(fit(2), -1);
	ck_assert_int_eq(fit(4 + 2 * CONF_FAMILY), -1);
	ck_assert_int_eq(layout_fit(&conf, fd), -1);
	close(fd);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("layout");
	TCase *t = tcase_create("layout");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, our_own);
	tcase_add_test(t, of_version_1);
	tcase_add_test(t, without_such_names);
	tcase_add_test(t, of_another_configuration);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
