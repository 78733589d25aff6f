/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Whether a new generation would lose a certificate that is in use; and workers' lies about them. */
#include "master/bundle/pairs.h"

#include "common/bundle.h"
#include "common/log.h"
#include "master/life/judge.h"
#include "master/life/say.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- The master's neighbours, played ---- */

static char complaint[2048], said[2048];

const struct shown *
generation_shown(const struct generation *g, struct shown *s_r)
{
	if (!g)
		return NULL;
	*s_r = (struct shown){ .conf = g->conf, .bundles = g->bundles, .pairs = &g->pairs };
	return s_r;
}

void
generation_complain(struct generation *g, const char *text)
{
	(void)g;
	snprintf(complaint, sizeof(complaint), "%s", text);
}

void
say(struct master *m, enum problem_kind kind, const char *text)
{
	(void)m;
	ck_assert_int_eq(kind, PROBLEM_LEFT_OUT);
	snprintf(said, sizeof(said), "%s", text);
}

/* ---- Two generations of one frontend or two ---- */

static struct master m;
static struct generation before, after;
static struct shown seen;

static struct conf *
conf_of(const char *certificates)
{
	struct problems p = { 0 };
	struct conf *conf;
	char text[1024];

	snprintf(text, sizeof(text),
	    "frontends = ( { name = \"f\"; bind = \"*:1\"; backend = \"b\";\n"
	    "tls = { certificates = [ %s ]; }; } );\n"
	    "backends = ( { name = \"b\"; servers = \"127.0.0.1:143\"; } );\n",
	    certificates);
	conf = conf_parse(text, "f", "/", &p);
	ck_assert_ptr_nonnull(conf);
	problems_clear(&p);
	return conf;
}

/* A generation whose worker's bundle has these files, divided by blanks. */
static void
generation_of(struct generation *g, const char *certificates, const char *files)
{
	struct bundle_writer *w = bundle_new("test");
	char name[64];
	int n;

	*g = (struct generation){ .m = &m, .conf = conf_of(certificates), .state = GEN_BUILDING };
	ck_assert_int_eq(
	    bundle_add(w,
		&(struct piece){
		    .kind = PIECE_CONF, .name = "f", .key_name = "", .data = "", .size = 0 }),
	    0);
	for (; sscanf(files, " %63s%n", name, &n) == 1; files += n)
		ck_assert_int_eq(bundle_add(w,
				     &(struct piece){ .kind = PIECE_CERT,
					 .name = name,
					 .key_name = "/k",
					 .data = "x",
					 .size = 1 }),
		    0);
	g->bundles[HELPER_WORKER] = bundle_seal(w);
	bundle_writer_free(&w);
}

static void
generation_end(struct generation *g)
{
	pairs_free(&g->pairs);
	conf_free(&g->conf);
	close(g->bundles[HELPER_WORKER]);
}

static const char *
shown(struct generation *g, uint32_t piece, uint8_t print, const char *names)
{
	struct msg_cert c = { .piece = piece,
		.kind = CERT_SHOWN,
		.until = 1803081600, /* 2027-02-20 */
		.print = { print },
		.key = "EC P-256" };

	return judge_take(g, &c, names, strlen(names));
}

static const char *
left_out(struct generation *g, uint32_t piece)
{
	struct msg_cert c = { .piece = piece, .kind = CERT_LEFT_OUT };

	return judge_take(g, &c, "/c/x: it is bad", 15);
}

/* ---- What would be lost ---- */

/* clang-format off */
static const struct {
	const char *name;
	const char *list, *files, *names[2];             /* before: names of each file */
	const char *new_list, *new_files, *new_names[2]; /* NULL: it was left out */
	const char *missing, *lost;                      /* in part; NULL: nothing */
} cases[] = {
	{ "the same", "\"/c\"", "/c/a.pem /c/b.pem", { "a.x\n", "b.x\n" },
	  "\"/c\"", "/c/a.pem /c/b.pem", { "a.x\n", "b.x\n" }, NULL, NULL },
	{ "one more name", "\"/c\"", "/c/a.pem", { "a.x\n" },
	  "\"/c\"", "/c/a.pem", { "a.x\nb.x\n" }, NULL, NULL },
	{ "a file that is gone", "\"/c\"", "/c/a.pem /c/b.pem", { "a.x\n", "b.x\n" },
	  "\"/c\"", "/c/a.pem", { "a.x\n" },
	  "f:2: /c/b.pem is no longer there; keeping the files already loaded; if it is to go, restart the service", "covers b.x" },
	{ "a file that is gone, its directory with an end", "\"/c/\"", "/c/a.pem /c/b.pem", { "a.x\n", "b.x\n" },
	  "\"/c/\"", "/c/a.pem", { "a.x\n" }, "f:2: /c/b.pem is no longer there", "covers b.x" },
	{ "a file that is no longer named", "\"/c/a.pem\", \"/c/b.pem\"", "/c/a.pem /c/b.pem", { "a.x\n", "b.x\n" },
	  "\"/c/a.pem\"", "/c/a.pem", { "a.x\n" }, NULL, NULL },
	{ "a directory that is no longer named", "\"/c\", \"/cd\"", "/c/a.pem /cd/b.pem", { "a.x\n", "b.x\n" },
	  "\"/c\"", "/c/a.pem", { "a.x\n" }, NULL, NULL },
	{ "one is not usable any more", "\"/c\"", "/c/a.pem /c/b.pem", { "a.x\n", "b.x\n" },
	  "\"/c\"", "/c/a.pem /c/b.pem", { "a.x\n", NULL }, NULL, "f:2: /c/x: it is bad; keeping the files already loaded" },
	{ "... though the list is another", "\"/c\"", "/c/a.pem /c/b.pem", { "a.x\n", "b.x\n" },
	  "\"/c\", \"/d.pem\"", "/c/a.pem /c/b.pem", { "a.x\n", NULL }, NULL, "f:2: /c/x: it is bad; keeping the files already loaded" },
	{ "it was not in use", "\"/c\"", "/c/a.pem /c/b.pem", { "a.x\n", NULL },
	  "\"/c\"", "/c/a.pem /c/b.pem", { "a.x\n", NULL }, NULL, NULL },
	{ "a name less", "\"/c\"", "/c/a.pem", { "a.x\nb.x\n" },
	  "\"/c\"", "/c/a.pem", { "a.x\n" }, NULL,
	  "f:2: no certificate covers b.x any more, which /c/a.pem did; keeping the files already loaded; if it is to go, restart the service" },
	{ "a name less, by another list", "\"/c\"", "/c/a.pem", { "a.x\nb.x\n" },
	  "\"/d.pem\"", "/d.pem", { "a.x\n" }, NULL, NULL },
	{ "a name that another file has now", "\"/c\"", "/c/a.pem /c/b.pem", { "a.x\nb.x\n", "c.x\n" },
	  "\"/c\"", "/c/a.pem /c/b.pem", { "a.x\n", "b.x\nc.x\n" }, NULL, NULL },
	{ "a name that a wildcard covers now", "\"/c\"", "/c/a.pem", { "a.x\nb.x\n" },
	  "\"/c\"", "/c/a.pem", { "*.x\n" }, NULL, NULL },
	{ "a wildcard less", "\"/c\"", "/c/a.pem", { "*.x\na.x\n" },
	  "\"/c\"", "/c/a.pem", { "a.x\n" }, NULL, "f:2: no certificate covers *.x any more" },
	{ "two labels are no wildcard's", "\"/c\"", "/c/a.pem", { "a.b.x\n" },
	  "\"/c\"", "/c/a.pem", { "*.x\n" }, NULL, "f:2: no certificate covers a.b.x any more" },
};
/* clang-format on */

static void
tell_all(struct generation *g, const char *const names[2], const char *files)
{
	for (uint32_t i = 0; i < 2 && (i == 0 || strchr(files, ' ')); i++)
		ck_assert_ptr_null(
		    names[i] ? shown(g, i + 1, (uint8_t)i, names[i]) : left_out(g, i + 1));
}

START_TEST(what_is_lost)
{
	struct problems p = { 0 };
	int judged;

	generation_of(&before, cases[_i].list, cases[_i].files);
	tell_all(&before, cases[_i].names, cases[_i].files);
	m.current = &before;
	complaint[0] = said[0] = '\0';
	generation_of(&after, cases[_i].new_list, cases[_i].new_files);
	pairs_missing(
	    generation_shown(&before, &seen), after.conf, after.bundles[HELPER_WORKER], &p);
	ck_assert_uint_eq(p.errors, cases[_i].missing ? 1 : 0);
	if (cases[_i].missing)
		ck_assert_msg(strstr(p.items[0].text, cases[_i].missing), "%s: %s", cases[_i].name,
		    p.items[0].text);
	problems_clear(&p);
	tell_all(&after, cases[_i].new_names, cases[_i].new_files);
	judged = judge_pairs(&after);
	ck_assert_msg(judged == (cases[_i].lost ? -1 : 0), "%s: %s", cases[_i].name, complaint);
	if (cases[_i].lost)
		ck_assert_msg(
		    strstr(complaint, cases[_i].lost), "%s: %s", cases[_i].name, complaint);
	generation_end(&before);
	generation_end(&after);
}
END_TEST

/* At the first start there is nothing to lose. */
START_TEST(left_out_at_the_first_start)
{
	m.current = NULL;
	generation_of(&after, "\"/c\"", "/c/a.pem /c/b.pem");
	ck_assert_ptr_null(shown(&after, 1, 1, "a.x\n"));
	ck_assert_ptr_null(left_out(&after, 2));
	ck_assert_int_eq(judge_pairs(&after), 0);
	ck_assert_str_eq(said, "f:2: /c/x: it is bad; left out");
	ck_assert(pairs_in_use(generation_shown(&after, &seen), "f", "/c/a.pem"));
	ck_assert(!pairs_in_use(generation_shown(&after, &seen), "f", "/c/b.pem"));
	ck_assert(!pairs_in_use(generation_shown(&after, &seen), "g", "/c/a.pem"));
	ck_assert(!pairs_in_use(NULL, "f", "/c/a.pem"));
	generation_end(&after);
}
END_TEST

START_TEST(names_may_come_in_parts)
{
	m.current = NULL;
	generation_of(&after, "\"/c\"", "/c/a.pem");
	ck_assert_ptr_null(shown(&after, 1, 1, "a.x\n"));
	ck_assert_ptr_null(shown(&after, 1, 1, "b.x\n"));
	ck_assert_uint_eq(after.pairs.count, 1);
	ck_assert_str_eq(after.pairs.items[0].names, "a.x\nb.x\n");
	generation_end(&after);
}
END_TEST

START_TEST(lies)
{
	struct msg_cert c = { .piece = 1, .kind = 3 };

	m.current = NULL;
	generation_of(&after, "\"/c\"", "/c/a.pem");
	ck_assert_ptr_nonnull(shown(&after, 0, 1, "a.x\n"));
	ck_assert_ptr_nonnull(shown(&after, 2, 1, "a.x\n"));
	ck_assert_ptr_nonnull(shown(&after, UINT32_MAX, 1, "a.x\n"));
	ck_assert_ptr_nonnull(shown(&after, 1, 1, "a.x"));
	ck_assert_ptr_nonnull(shown(&after, 1, 1, "\n"));
	ck_assert_ptr_nonnull(shown(&after, 1, 1, "a x\n"));
	ck_assert_ptr_nonnull(judge_take(&after, &c, "a.x\n", 4));
	c.kind = CERT_SHOWN;
	ck_assert_ptr_nonnull(judge_take(&after, &c, "a\0x\n", 4));
	memset(c.key, 'x', sizeof(c.key));
	ck_assert_ptr_nonnull(judge_take(&after, &c, "a.x\n", 4));
	generation_end(&after);
	/* As many certificates, in all, as there are pieces ... */
	generation_of(&after, "\"/c\"", "/c/a.pem /c/b.pem");
	ck_assert_ptr_null(shown(&after, 1, 1, ""));
	ck_assert_ptr_null(shown(&after, 2, 1, ""));
	ck_assert_ptr_null(shown(&after, 1, 1, ""));
	ck_assert_ptr_nonnull(shown(&after, 2, 1, ""));
	generation_end(&after);
	/* ... and as many reasons, not more. */
	generation_of(&after, "\"/c\"", "/c/a.pem");
	ck_assert_ptr_null(left_out(&after, 1));
	ck_assert_ptr_null(left_out(&after, 1));
	ck_assert_ptr_nonnull(left_out(&after, 1));
	generation_end(&after);
}
END_TEST

static const char *
told(void)
{
	static char line[4096];
	int log[2];
	ssize_t n;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, log), 0);
	log_open(log[0], LOG_INFO, 0, 0);
	free(judge_tell(&before, &after));
	n = read(log[1], line, sizeof(line) - 1);
	line[n > 0 ? n : 0] = '\0';
	close(log[0]);
	close(log[1]);
	return line;
}

START_TEST(what_is_told)
{
	generation_of(&before, "\"/c\"", "/c/a.pem /c/b.pem");
	generation_of(&after, "\"/c\"", "/c/a.pem /c/b.pem");
	(void)shown(&before, 1, 1, "a.x\n");
	(void)shown(&before, 2, 2, "b.x\n");
	(void)shown(&after, 1, 1, "a.x\n");
	ck_assert_str_eq(told(), "");
	(void)shown(&after, 2, 3, "b.x\nc.x\n");
	ck_assert_str_eq(told(), "<5>certificates taken over: b.x (EC) until 2027-02-20\n");
	generation_end(&before);
	generation_end(&after);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("master/life/pairs");
	TCase *t = tcase_create("pairs");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(t, what_is_lost, 0, (int)(sizeof(cases) / sizeof(cases[0])));
	tcase_add_test(t, left_out_at_the_first_start);
	tcase_add_test(t, names_may_come_in_parts);
	tcase_add_test(t, lies);
	tcase_add_test(t, what_is_told);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
