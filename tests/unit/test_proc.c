/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * One child process and its owner: births, messages, lies and deaths of real processes.  The child
 * is this program once more, which finds by its slot what it is to do; one is /bin/true.
 */
#include "master/child/from_child.h"
#include "master/child/proc.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- The child ---- */

enum what { ENDS, ENDS_BADLY, SERVES, FAILS, LIES, TOO_EARLY, HANGS_UP, DIES, DEAF, LAST_WORDS };

static void
say(struct chan *c, enum msg_type type, const void *fixed)
{
	if (chan_tell(c, type, fixed) == -1)
		_exit(9);
}

static void
ready(struct chan *c)
{
	say(c, MSG_READY, &(struct msg_ready){ .version = MSG_VERSION });
}

/* Until the master lets go of it. */
static void
stay(struct chan *c)
{
	char byte;

	(void)fcntl(c->fd, F_SETFL, 0);
	while (read(c->fd, &byte, 1) > 0)
		;
}

static int
child(enum what what)
{
	struct chan c = { FD_CHAN, ROLE_WORKER, ROLE_MASTER };

	switch (what) {
	case ENDS:
		return 0;
	case ENDS_BADLY:
		return 3;
	case SERVES:
		ready(&c);
		stay(&c);
		return 0;
	case FAILS:
		say(&c, MSG_FAILED,
		    &(struct msg_failed){ .contents = 1, .text = "a.conf:1: wrong" });
		return 1;
	case LIES:
		ready(&c);
		say(&c, MSG_TAKEN, &(struct msg_taken){ 1000 });
		stay(&c);
		return 0;
	case TOO_EARLY:
		say(&c, MSG_PONG, &(struct msg_ping){ 1 });
		stay(&c);
		return 0;
	case HANGS_UP:
		close(c.fd);
		pause();
		return 0;
	case DIES:
		ready(&c);
		raise(SIGKILL);
		return 0;
	case DEAF:
		ready(&c);
		pause();
		return 0;
	case LAST_WORDS:
		ready(&c);
		say(&c, MSG_PONG, &(struct msg_ping){ 7 });
		return 0;
	}
	return 9;
}

/* ---- Its owner ---- */

static char happened[256];
static struct loop *loop;
static struct proc p;

static void
note(const char *what)
{
	strncat(happened, what, sizeof(happened) - strlen(happened) - 1);
}

static const char *
on_taken(struct proc *of, const struct msg *m)
{
	const struct msg_taken *taken = m->fixed;

	(void)of;
	return taken->upto == 1000 ? "took connections that it was not given" : NULL;
}

static const char *
on_pong(struct proc *of, const struct msg *m)
{
	(void)of;
	if (((const struct msg_ping *)m->fixed)->cookie == 7)
		note("pong ");
	return NULL;
}

static const struct from_rule rules[MSG_COUNT] = {
	[MSG_READY] = { from_ready, PROC_STARTING },
	[MSG_FAILED] = { from_failed, PROC_STARTING },
	[MSG_PONG] = { on_pong, PROC_SERVING },
	[MSG_TAKEN] = { on_taken, PROC_SERVING },
};

static const char *
receive(struct proc *of, int all, int *gone_r)
{
	return from_child(of, rules, all, gone_r);
}

static int
outfit(struct proc *of, struct outfit *o)
{
	(void)of, (void)o;
	return 0;
}

static void
serves(struct proc *of)
{
	(void)of;
	note("serves ");
}

static void
heard(struct proc *of)
{
	(void)of;
}

static void
complains(struct proc *of, const char *text, int contents)
{
	(void)of;
	note(contents ? "wrong:" : "lacks:");
	note(text);
	note(" ");
}

static void
ending(struct proc *of)
{
	(void)of;
	note("ending ");
}

static void
died(struct proc *of)
{
	ck_assert_int_eq(of->state, PROC_NONE);
	ck_assert_int_eq(of->pidfd, -1);
	note("died");
}

static void
rebirth(struct proc *of)
{
	(void)of;
	note("rebirth");
}

static const struct proc_owner owner = { outfit, receive, serves, heard, complains, ending, died,
	rebirth };

static void
setup(void)
{
	happened[0] = '\0';
	ck_assert_ptr_nonnull(loop = loop_new());
}

static int
start(const char *exe, uint32_t slot)
{
	struct child c = { .role = ROLE_WORKER, .slot = slot, .workers = 1, .root = "" };
	int fd = open(exe, O_RDONLY | O_CLOEXEC), bundle = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int result;

	proc_init(&p, loop, &owner, NULL, ROLE_WORKER, slot);
	result = proc_start(&p, fd, bundle, &c);
	close(fd);
	close(bundle);
	return result;
}

/* Turn the loop until this has happened; a child that never does anything is the alarm's. */
static void
until(const char *what)
{
	while (!strstr(happened, what))
		ck_assert_int_eq(loop_once(loop, -1), 0);
}

/*
 * serves, ending: 1: it happens, 0: it does not, -1: that hangs on what the kernel tells first, the
 * end of the channel or of the process, or on whether two messages come together.
 */
static const struct {
	const char *name;
	uint32_t what;
	int serves, ending;
	const char *says; /* beside that, or NULL */
} lives[] = {
	{ "ends without a word", ENDS, 0, -1, NULL },
	{ "ends with a status", ENDS_BADLY, 0, -1, NULL },
	{ "says why it cannot", FAILS, 0, -1, "wrong:a.conf:1: wrong " },
	{ "lies", LIES, -1, 1, NULL },
	{ "speaks before its turn", TOO_EARLY, 0, 1, NULL },
	{ "closes its channel and stays", HANGS_UP, 0, 1, NULL },
	{ "is killed", DIES, -1, -1, NULL },
	{ "its last words are heard", LAST_WORDS, -1, -1, "pong " },
};

static void
must_be(const char *name, int expected, const char *what)
{
	if (expected != -1)
		ck_assert_msg(!!strstr(happened, what) == expected, "%s: %s", name, happened);
}

START_TEST(a_life)
{
	const char *name = lives[_i].name;

	ck_assert_int_eq(start("/proc/self/exe", lives[_i].what), 0);
	ck_assert_int_eq(p.state, PROC_STARTING);
	until("died");
	must_be(name, lives[_i].serves, "serves ");
	must_be(name, lives[_i].ending, "ending ");
	ck_assert_msg(
	    !lives[_i].says || strstr(happened, lives[_i].says), "%s: %s", name, happened);
	ck_assert_msg(strcmp(strstr(happened, "died"), "died") == 0, "%s: %s", name, happened);
}
END_TEST

START_TEST(another_program)
{
	ck_assert_int_eq(start("/bin/true", 0), 0);
	until("died");
	must_be("/bin/true", 0, "serves");
}
END_TEST

START_TEST(no_program)
{
	ck_assert_int_eq(start("/dev/null", 0), -1);
	ck_assert_int_eq(p.state, PROC_NONE);
	ck_assert_str_eq(happened, "");
	ck_assert_int_eq(p.chan.fd, -1);
	ck_assert_int_eq(p.log.watch.fd, -1);
}
END_TEST

START_TEST(is_not_needed_any_more)
{
	ck_assert_int_eq(start("/proc/self/exe", SERVES), 0);
	until("serves");
	proc_end(&p);
	ck_assert(!p.wanted);
	ck_assert_int_eq(p.state, PROC_ENDING);
	proc_end(&p); /* once is enough */
	proc_kill(&p, "is asked twice");
	until("died");
	ck_assert_str_eq(happened, "serves ending died");
}
END_TEST

/* One that retires may close its channel: that is no ending of ours. */
START_TEST(retires)
{
	ck_assert_int_eq(start("/proc/self/exe", SERVES), 0);
	until("serves");
	p.state = PROC_RETIRING;
	ck_assert_int_eq(shutdown(p.chan.fd, SHUT_RDWR), 0);
	until("died");
	ck_assert_str_eq(happened, "serves died");
}
END_TEST

START_TEST(does_not_read)
{
	struct msg_ping ping = { 1 };

	ck_assert_int_eq(start("/proc/self/exe", DEAF), 0);
	until("serves");
	while (p.state == PROC_SERVING)
		proc_tell(&p, MSG_PING, &ping);
	until("died");
	ck_assert_str_eq(happened, "serves ending died");
}
END_TEST

START_TEST(the_next_one)
{
	proc_init(&p, loop, &owner, NULL, ROLE_WORKER, 0);
	timer_set(loop, &p.rebirth, 1);
	until("rebirth");
	ck_assert_int_eq(start("/proc/self/exe", SERVES), 0); /* in the same place */
	until("serves");
	proc_end(&p);
	until("died");
}
END_TEST

/* "slot=7", which spawn_child has written. */
static int
slot_of(char **argv)
{
	for (; *argv; argv++)
		if (strncmp(*argv, "slot=", 5) == 0)
			return atoi(*argv + 5);
	return 0;
}

int
main(int argc, char **argv)
{
	Suite *s;
	TCase *t;
	SRunner *r;
	int failed;

	if (argc > 1 && strcmp(argv[0], "mailreeve-worker") == 0)
		return child((enum what)slot_of(argv));
	s = suite_create("proc");
	t = tcase_create("proc");
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_loop_test(t, a_life, 0, (int)(sizeof(lives) / sizeof(lives[0])));
	tcase_add_test(t, another_program);
	tcase_add_test(t, no_program);
	tcase_add_test(t, is_not_needed_any_more);
	tcase_add_test(t, retires);
	tcase_add_test(t, does_not_read);
	tcase_add_test(t, the_next_one);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
