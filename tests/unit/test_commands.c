/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Every command of the list has its handler, and what the handlers answer. */
#include "master/control/commands.h"

#include "master/host/sandbox.h"
#include "master/life/counts.h"
#include "master/life/reload.h"
#include "master/life/status.h"
#include "master/upgrade/upgrade.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct master m;
static struct generation g;
static struct conf conf;
static struct conf_backend backend;
static struct conf_server conf_server;
static struct server server;
static struct command_set set_list[COMMANDS_SETS];
static const struct command_sets sets = { set_list, COMMANDS_SETS };
static char *answer;
static const char *refused; /* what becomes of a reload or an upgrade; NULL: it is well */

/* ---- Neighbours ---- */

void
reload_begin(struct master *master, enum reload_kind kind)
{
	struct reload *r = &master->reloads[kind];

	errors_clear(&r->errors);
	if (refused)
		errors_add(&r->errors, refused, strlen(refused));
	r->begun++;
	requests_ready(&master->requests, r, r->begun);
}

void
upgrade_begin(struct master *master)
{
	requests_ready(&master->requests, &master->up, 0);
}

const char *
status_upgrade(const struct master *master, char buf_r[STATUS_UPGRADE])
{
	(void)master;
	snprintf(buf_r, STATUS_UPGRADE, "%s", refused ? refused : "");
	return buf_r;
}

void
status_show(struct master *master, FILE *f)
{
	ck_assert_ptr_eq(master, &m);
	fprintf(f, "OK: all well\n");
}

size_t
counts_worker(const struct worker *w)
{
	(void)w;
	return 7;
}

size_t
counts_all(const struct master *master)
{
	(void)master;
	return 9;
}

void
master_sandbox_show(const struct walls *walls, FILE *f)
{
	(void)walls;
	fprintf(f, "Sandbox_master: none\n");
}

int
proc_alive(const struct proc *p)
{
	(void)p;
	return 0;
}

const char *
role_name(enum role role)
{
	return role == ROLE_KEEPER ? "keeper" : "checker";
}

/* ---- Asking ---- */

static void
on_answered(struct request *r, char *text, size_t size)
{
	(void)r;
	(void)size;
	free(answer);
	answer = text;
}

static const char *
ask(const char *line, int reads_only)
{
	struct request r = {
		.all = &m.requests, .reads_only = reads_only, .is_last = 1, .answered = on_answered
	};

	ck_assert_int_eq(command_run(&sets, &r, line), 0);
	ck_assert_ptr_nonnull(answer);
	return answer;
}

static void
setup(void)
{
	memset(&m, 0, sizeof(m));
	memset(&g, 0, sizeof(g));
	memset(&conf, 0, sizeof(conf));
	memset(&backend, 0, sizeof(backend));
	m.loop = loop_new();
	requests_init(&m.requests, m.loop);
	TAILQ_INIT(&m.generations);
	TAILQ_INSERT_TAIL(&m.generations, &g, link);
	m.current = &g;
	m.opt.conf_path = "/nonexistent/mailreeve.conf";
	g.id = 3;
	g.conf = &conf;
	g.servers.slots = &server;
	g.keeper = (struct proc){ .of = &g, .role = ROLE_KEEPER, .state = PROC_NONE };
	g.checker = (struct proc){ .of = &g, .role = ROLE_CHECKER, .state = PROC_NONE };
	conf.backends = &backend;
	conf.backend_count = conf.slot_count = 1;
	backend.name = "dovecot";
	backend.check = (struct conf_check){ .rise = 2, .fall = 3 };
	conf_server = (struct conf_server){ .name = "one", .weight = 1, .slots = 1 };
	server = (struct server){
		.conf = &conf_server, .name = "one", .addr_count = 1, .slowstart = 256
	};
	refused = NULL;
	commands_list(&m, set_list);
}

static void
teardown(void)
{
	for (int kind = 0; kind < RELOAD_KINDS; kind++)
		errors_clear(&m.reloads[kind].errors);
	loop_free(&m.loop);
	free(answer);
	answer = NULL;
}

/* In the order of nothing: one of them for each command, by its name. */
static const char *const beginnings[CONTROL_COUNT] = {
	[CONTROL_HELP] = "help  ",
	[CONTROL_RELOAD_CERTS] = "certificates: generation 3\n\n",
	[CONTROL_RELOAD] = "reloaded: generation 3\n\n",
	[CONTROL_SHOW_INFO] = "Name: Mailreeve\nVersion: ",
	[CONTROL_SHOW_STATE] = "1\n# be_id be_name ",
	[CONTROL_SHOW_WORKERS] = "# generation process slot pid state age memory_kb connections\n"
				 "3 keeper 0 0 none 0 0 -\n3 checker 0 0 none 0 0 -\n\n",
	[CONTROL_UPGRADE] = "upgraded: version ",
	[CONTROL_STATUS] = "OK: all well\n\n",
};

START_TEST(each_has_one_handler)
{
	const struct control_command *c = &control_commands[_i];
	unsigned count = 0;

	for (size_t i = 0; i < COMMANDS_SETS; i++)
		for (size_t j = 0; j < set_list[i].count; j++)
			count += (int)set_list[i].commands[j].name == _i;
	ck_assert_msg(count == 1, "%s: %u handlers", c->words, count);
	ck_assert_ptr_nonnull(beginnings[_i]);
	ask(c->words, 0);
	ck_assert_msg(strncmp(answer, beginnings[_i], strlen(beginnings[_i])) == 0, "%s: %s",
	    c->words, answer);
	/* No line is empty but the last. */
	ck_assert_ptr_eq(strstr(answer, "\n\n"), answer + strlen(answer) - 2);
	ask(c->words, 1);
	ck_assert_int_eq(strcmp(answer, "error: this socket is read-only\n\n") != 0, c->reads);
}
END_TEST

static const struct {
	const char *line, *answer;
} refusals[] = {
	{ "reload", "error: f:1: wrong\n\n" },
	{ "reload certificates", "error: f:1: wrong\n\n" },
	{ "upgrade", "error: f:1: wrong\n\n" },
};

START_TEST(a_refusal_says_why)
{
	refused = "f:1: wrong";
	ck_assert_str_eq(ask(refusals[_i].line, 0), refusals[_i].answer);
}
END_TEST

START_TEST(help_lists_what_is_permitted)
{
	ck_assert_ptr_nonnull(strstr(ask("help", 0), "\nreload "));
	ck_assert_ptr_nonnull(strstr(answer, "\nstatus "));
	ck_assert_ptr_null(strstr(ask("help", 1), "\nreload "));
	ck_assert_ptr_nonnull(strstr(answer, "\nstatus "));
}
END_TEST

/* srv_op_state, srv_admin_state, srv_check_health of HAProxy. */
static const struct {
	const char *name;
	struct health health;
	uint32_t admin, addr_count, slowstart;
	int left;
	unsigned op, shown_admin, check_health;
} states[] = {
	{ "checking", { HEALTH_CHECKING, 0 }, 0, 1, 256, 0, 0, 0, 0 },
	{ "down", { HEALTH_DOWN, 0 }, 0, 1, 256, 0, 0, 0, 0 },
	{ "going up", { HEALTH_GOING_UP, 1 }, 0, 1, 256, 0, 0, 0, 1 },
	{ "up", { HEALTH_UP, 0 }, 0, 1, 256, 0, 2, 0, 4 },
	{ "going down", { HEALTH_GOING_DOWN, 2 }, 0, 1, 256, 0, 2, 0, 2 },
	{ "slow start", { HEALTH_UP, 0 }, 0, 1, 255, 0, 1, 0, 4 },
	{ "drain", { HEALTH_UP, 0 }, ADMIN_DRAIN, 1, 256, 0, 3, 8, 4 },
	{ "maintenance", { HEALTH_UP, 0 }, ADMIN_MAINT, 1, 256, 0, 0, 1, 4 },
	{ "left DNS", { HEALTH_UP, 0 }, 0, 1, 256, 1, 3, 0, 4 },
	{ "no address", { HEALTH_UP, 0 }, 0, 0, 256, 0, 0, 0, 4 },
};

START_TEST(state_of_a_server)
{
	unsigned op, admin, health;
	const char *row;

	server.health = states[_i].health;
	server.admin = states[_i].admin;
	server.addr_count = states[_i].addr_count;
	server.slowstart = states[_i].slowstart;
	server.left = states[_i].left;
	row = strstr(ask("show servers state", 1), "\n1 dovecot 1 one ");
	ck_assert_ptr_nonnull(row);
	ck_assert_int_eq(
	    sscanf(row, "\n1 dovecot 1 one %*s %u %u 1 1 %*u %*u %*u %u ", &op, &admin, &health),
	    3);
	ck_assert_msg(op == states[_i].op && admin == states[_i].shown_admin &&
		health == states[_i].check_health,
	    "%s: %s", states[_i].name, row);
}
END_TEST

/* A place of resolve = "all" that no address has yet. */
START_TEST(a_free_place_is_not_shown)
{
	conf_server.slots = 4;
	server.addr_count = 0;
	ck_assert_ptr_null(strstr(ask("show servers state", 1), "dovecot"));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("commands");
	TCase *t = tcase_create("commands");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, each_has_one_handler, 0, CONTROL_COUNT);
	tcase_add_loop_test(t, a_refusal_says_why, 0, sizeof(refusals) / sizeof(refusals[0]));
	tcase_add_test(t, help_lists_what_is_permitted);
	tcase_add_loop_test(t, state_of_a_server, 0, sizeof(states) / sizeof(states[0]));
	tcase_add_test(t, a_free_place_is_not_shown);
	suite_add_tcase(s, t);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
