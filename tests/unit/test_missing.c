/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Frontends without a server: by their own backend and by their routes, lacking or still checked. */
#include "master/servers/missing.h"

#include <check.h>
#include <stdlib.h>

static struct conf_backend backends[] = { { .name = "a", .check.type = CHECK_IMAP },
	{ .name = "b", .check.type = CHECK_IMAP } };
static struct conf_server servers[] = {
	{ .name = "a1", .addr = { .port = 143, .family = ADDR_V4 }, .slots = 1 },
	{ .name = "a2", .host = "x", .resolve = RESOLVE_ALL, .slot = 1, .slots = 2 },
	{ .name = "b1",
	    .backend = 1,
	    .addr = { .port = 143, .family = ADDR_V4 },
	    .slot = 3,
	    .slots = 1 },
};
/* Twice by routes to the same backend: it is named once. */
static struct conf_route routes[] = { { .backend = 1 }, { .backend = 1 }, { .backend = 0 } };
static struct conf_frontend frontends[] = { { .name = "f" },
	{ .name = "r", .routes = routes, .route_count = 3 }, { .name = "g", .backend = 1 } };
static struct conf conf = { .backends = backends,
	.backend_count = 2,
	.servers = servers,
	.server_count = 3,
	.slot_count = 4,
	.frontends = frontends,
	.frontend_count = 3 };

/* A server of each slot: up, down, checking, in maintenance (and not checked), drained. */
static const struct {
	const char *name, *slots, *missing, *waiting;
} cases[] = {
	{ "all up", "uuuu", NULL, NULL },
	{ "one is enough", "dduu", NULL, NULL },
	{ "a down", "dddu", "f, r", NULL },
	{ "b down", "uddd", "r (backend b), g", NULL },
	{ "both down", "dddd", "f, r, r (backend b), g", NULL },
	{ "both checking", "cccc", NULL, "f, r, r (backend b), g" },
	{ "one down, one checking", "dccu", NULL, "f, r" },
	{ "the places of a name that has no address wait in the first", "d-.u", NULL, "f, r" },
	{ "those that no address has wait for none", "d..u", "f, r", NULL },
	{ "taken out before its first check", "mddu", "f, r", NULL },
	{ "drained", "rrru", "f, r", NULL },
};

static void
put(struct server *server, char how)
{
	server->addr_count = how != '-' && how != '.';
	server->status = how == 'c' || how == '-' ? CHECK_INI : CHECK_L7OK;
	server->health.state = how == 'u' || how == 'r' ? HEALTH_UP :
	    how == 'd'                                  ? HEALTH_DOWN :
							  HEALTH_CHECKING;
	server->admin = how == 'm' ? ADMIN_MAINT : how == 'r' ? ADMIN_DRAIN : 0;
}

static void
expect(const char *name, char *text, const char *wanted)
{
	ck_assert_msg(wanted ? text && strcmp(text, wanted) == 0 : !text, "%s: %s", name,
	    text ? text : "none");
	free(text);
}

START_TEST(missing)
{
	static struct servers_all all;
	struct servers s;

	servers_all_init(&all, NULL);
	ck_assert_int_eq(servers_make(&s, &all, NULL, &conf), 0);
	for (uint32_t i = 0; i < conf.slot_count; i++)
		put(&s.slots[i], cases[_i].slots[i]);
	expect(cases[_i].name, missing_servers(&s), cases[_i].missing);
	expect(cases[_i].name, missing_checks(&s), cases[_i].waiting);
	servers_free(&s);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("missing");
	TCase *t = tcase_create("missing");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(t, missing, 0, sizeof(cases) / sizeof(cases[0]));
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
