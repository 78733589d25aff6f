/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Configuration files: includes, relative paths, which line of which file is meant, and the
 * canonical text, which must give a child the same configuration as the file gave the master.
 */
#include "common/arena.h"
#include "common/conf.h"
#include "tests/lib/conf_dump.h"

#include <check.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))
#define FRONT    "frontends = { name = \"f\"; bind = \"*:1\"; backend = \"b\"; };\n"
#define BACK     "backends = { name = \"b\"; servers = \"127.0.0.1:2\"; };\n"

static char dir[] = "/tmp/mailreeve-conf.XXXXXX";

static int signals; /* that come while a file is read */

ssize_t
read(int fd, void *buf, size_t n)
{
	return signals > 0 ? (signals--, errno = EINTR, -1) : syscall(SYS_read, fd, buf, n);
}

/* The same where the compiler knows the size of buf. */
ssize_t __read_chk(int fd, void *buf, size_t n, size_t size);
ssize_t
__read_chk(int fd, void *buf, size_t n, size_t size)
{
	(void)size;
	return read(fd, buf, n);
}

static void
make_dir(void)
{
	char sub[64];

	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(sub, sizeof(sub), "%s/sub", dir);
	ck_assert_int_eq(mkdir(sub, 0700), 0);
}

static void
remove_dir(void)
{
	static const char *const names[] = { "main", "a", "b", "sub/c", "sub" };
	char path[64];

	for (int i = 0; i < COUNT(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		remove(path);
	}
	ck_assert_int_eq(rmdir(dir), 0);
}

static void
put_file(const char *name, const char *text)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

/* conf_load of DIR/main; what it says, a line each, without "DIR/". */
static char *
load(struct conf **c_r, char **text_r)
{
	struct problems p = { 0 };
	char path[64], *all = NULL, *at;
	size_t size = 0;
	FILE *f = open_memstream(&all, &size);

	snprintf(path, sizeof(path), "%s/main", dir);
	*c_r = conf_load(path, &p, text_r);
	ck_assert_int_eq(!*c_r, p.errors > 0);
	if (text_r)
		ck_assert_int_eq(!*text_r, p.errors > 0);
	for (size_t i = 0; i < p.count; i++)
		fprintf(f, "%s\n", p.items[i].text);
	fclose(f);
	problems_clear(&p);
	snprintf(path, sizeof(path), "%s/", dir);
	while ((at = strstr(all, path)) != NULL)
		memmove(at, at + strlen(path), strlen(at + strlen(path)) + 1);
	return all;
}

/* Files a, b and sub/c, a main file, and what is said. */
static const struct includes {
	const char *name, *main, *a, *b, *c, *want;
} includes[] = {
	{ "whole keys", "@include \"a\"\n@include \"b\"\n", FRONT, BACK, NULL, "" },
	{ "without a final newline", "@include \"a\"\n@include \"b\"",
	    "frontends = { name = \"f\"; bind = \"*:1\"; backend = \"b\"; }; workers = 1", BACK,
	    NULL, "" },
	{ "elements of a list",
	    "frontends = (\n  @include \"a\"\n , \n\t@include\t\"sub/c\"\n);\n" BACK,
	    "{ name = \"f\"; bind = \"*:1\"; backend = \"b\"; }", NULL,
	    "{ name = \"g\"; bind = \"*:9\"; backend = \"b\"; }", "" },
	{ "more on the same line", "@include \"a\" workers = 1;\n" BACK, FRONT, NULL, NULL, "" },
	{ "an include of an include starts at the main file", "@include \"sub/c\"\n" FRONT, BACK,
	    NULL, "@include \"a\"\n", "" },
	{ "each error with its own file",
	    "workers = -1;\n@include \"a\"\nworkers2 = 1;\n" FRONT "\n@include \"sub/c\"\n" BACK,
	    "\n# x\nwatch = 1;\n", NULL, "/* x\n*/ user = \"\";\n",
	    "main:1: workers = -1 is out of range; it may be 0 to 1024\n"
	    "a:3: watch = 1 has no unit; write \"1ms\" or \"1s\"\n"
	    "main:3: unknown key \"workers2\" at the top level; did you mean \"workers\"?\n"
	    "sub/c:2: user is empty\n" },
	{ "a reference to another file", "@include \"a\"\n\n@include \"b\"\n",
	    "\nfrontends = { name = \"f\"; bind = \"*:1\"; backend = \"bb\"; };\n",
	    "backends = { name = \"b1\"; servers = \"127.0.0.1:2\"; };\n", NULL,
	    "a:2: frontend \"f\": no backend \"bb\"\n" },
	{ "a near name in another file", "@include \"a\"\n\n@include \"b\"\n",
	    "\nfrontends = { name = \"f\"; bind = \"*:1\"; backend = \"dovcot\"; };\n",
	    "\n\nbackends = { name = \"dovecot\"; servers = \"127.0.0.1:2\"; };\n", NULL,
	    "a:2: frontend \"f\": no backend \"dovcot\"; did you mean \"dovecot\" (b:3)?\n" },
	{ "a syntax error", "@include \"a\"\n" BACK, "\n\nfrontends = = 1;\n", NULL, NULL,
	    "a:3: syntax error at or before \"frontends = = 1;\"\n" },
	{ "none such", FRONT "@include \"z\"\n" BACK, NULL, NULL, NULL,
	    "main:2: cannot include z: No such file or directory\n" },
	{ "a directory", FRONT "@include \"sub\"\n" BACK, NULL, NULL, NULL,
	    "main:2: cannot include sub: not a regular file\n" },
	{ "itself", FRONT BACK "@include \"main\"\n", NULL, NULL, NULL,
	    "main:3: @include in @include, too deep: does a file include itself?\n" },
	{ "only at the start of a line", FRONT BACK "workers = 1; @include \"a\"\n", "", NULL, NULL,
	    "main:3: syntax error at or before \"workers = 1; @include \"a\"\"\n" },
	{ "not in a comment", FRONT BACK "/*\n@include \"z\"\n*/ # @include \"z\"\n", NULL, NULL,
	    NULL, "" },
	{ "unfinished", FRONT BACK "@include \"a\n", NULL, NULL, NULL,
	    "main:3: the text in quotes that begins here does not end on its line\n" },
	{ "an escape in the name", FRONT BACK "@include \"\\a\"\n", "workers = -1;", NULL, NULL,
	    "a:1: workers = -1 is out of range; it may be 0 to 1024\n" },
};

START_TEST(includes_files)
{
	const struct includes *i = &includes[_i];
	struct conf *c;
	char *got;

	make_dir();
	put_file("main", i->main);
	if (i->a)
		put_file("a", i->a);
	if (i->b)
		put_file("b", i->b);
	if (i->c)
		put_file("sub/c", i->c);
	got = load(&c, NULL);
	remove_dir();
	ck_assert_msg(
	    strcmp(got, i->want) == 0, "%s\n gives: %s\n  want: %s", i->name, got, i->want);
	conf_free(&c);
	free(got);
}
END_TEST

START_TEST(signals_while_reading)
{
	struct conf *c;
	char *got;

	make_dir();
	put_file("main", FRONT BACK);
	signals = 3;
	got = load(&c, NULL);
	remove_dir();
	ck_assert_str_eq(got, "");
	ck_assert_int_eq(signals, 0);
	conf_free(&c);
	free(got);
}
END_TEST

/* Files that cannot be read. */
static void
check_unread(const char *path, const char *want)
{
	struct problems p = { 0 };
	char *text;

	ck_assert_ptr_null(conf_load(path, &p, &text));
	ck_assert_ptr_null(text);
	ck_assert_uint_eq(p.count, 1);
	ck_assert_str_eq(p.items[0].text, want);
	problems_clear(&p);
}

START_TEST(files_that_are_none)
{
	check_unread("/nowhere/at/all", "/nowhere/at/all: No such file or directory");
	check_unread("/dev/zero", "/dev/zero: not a regular file");
	check_unread("/tmp", "/tmp: not a regular file");
}
END_TEST

START_TEST(nul_in_a_file)
{
	struct problems p = { 0 };
	char path[64], want[128];
	FILE *f;

	make_dir();
	snprintf(path, sizeof(path), "%s/main", dir);
	snprintf(want, sizeof(want), "%s: there is a NUL byte in it", path);
	f = fopen(path, "w");
	fwrite("workers = 1;\0workers = 2;", 1, 25, f);
	fclose(f);
	check_unread(path, want);
	remove_dir();
	problems_clear(&p);
}
END_TEST

START_TEST(file_that_is_too_long)
{
	char path[64], want[128];

	make_dir();
	put_file("main", "");
	snprintf(path, sizeof(path), "%s/main", dir);
	snprintf(want, sizeof(want), "%s: longer than 8 MiB", path);
	ck_assert_int_eq(truncate(path, 9 << 20), 0);
	check_unread(path, want);
	remove_dir();
}
END_TEST

/* Paths start at the file's directory, also when the file is named without one. */
START_TEST(relative_paths)
{
	static const char text[] =
	    "frontends = { name = \"f\"; bind = \"*:1\"; backend = \"b\";\n"
	    "  tls = { certificates = [ \"sub\", \"/abs\" ]; client_ca = \"../ca\"; }; };\n" BACK;
	struct problems p = { 0 };
	char want[128], *canonical;
	struct conf *c;

	make_dir();
	put_file("main", text);
	ck_assert_int_eq(chdir(dir), 0);
	c = conf_load("main", &p, &canonical);
	ck_assert_ptr_nonnull(c);
	snprintf(want, sizeof(want), "%s/sub", dir);
	ck_assert_str_eq(c->frontends[0].tls.certificates.items[0].path, want);
	ck_assert_str_eq(c->frontends[0].tls.certificates.items[1].path, "/abs");
	snprintf(want, sizeof(want), "%s/../ca", dir);
	ck_assert_str_eq(c->frontends[0].tls.client_ca, want);
	ck_assert_ptr_nonnull(strstr(canonical, want));
	remove_dir();
	conf_free(&c);
	problems_clear(&p);
	free(canonical);
}
END_TEST

/* Configurations of many forms, for properties. */
static const struct good {
	const char *name, *main, *a;
} goods[] = {
	{ "smallest", FRONT BACK, NULL },
	{ "included", "\n\n@include \"a\"\n" FRONT, "\n\n\n\n" BACK },
	{ "everything on a line",
	    "workers=3;frontends=({name=\"f\";bind=[\"*:1\",\"10.0.0.1:2\"];backend=\"b\";tls={"
	    "certificates=[\"x\",\"y\"];tickets=false;alpn=[];};},{name=\"g\";bind=(\"*:3\");"
	    "backend="
	    "\"b\";});" BACK,
	    NULL },
	{ "spread out",
	    "frontends\n=\n(\n{\nname\n=\n\"f\"\n;\nbind\n=\n[\n\"*:1\"\n,\n\"10.0.0.1:2\"\n]\n;\n"
	    "backend\n=\n\"b\"\n;\ntls\n:\n{\ncertificates\n=\n\"x\"\n;\n}\n;\n}\n)\n;\n" BACK,
	    NULL },
	{ "groups in brackets of their kind",
	    FRONT "backends = ( { name = \"b\"; servers = ( \"127.0.0.1:2\", { address = "
		  "\"localhost:3\"; weight = 0x10; max_connections = 5L; } ); bind_address = [ "
		  "\"10.0.0.9\" ]; tls = { ca_file = \"a\"; };\n\n check = { tls = { key = \"k\"; "
		  "certificate = \"c\"; };\n type = \"expect\"; send = "
		  "\"x\\r\\n\\x01\\\"\\\\\\t\"; expect = "
		  "\"é\"; }; } );",
	    NULL },
	{ "passthrough and routes",
	    "frontends = { name = \"f\"; bind = \"[::1]:1\"; backend = \"b\"; tls = { mode = "
	    "\"passthrough\"; };\n"
	    " routes = ( { sni = \"*.Example.org\"; backend = \"b\"; },\n { sni = [ \"a\", \"b\" "
	    "]; backend = "
	    "\"b\"; } ); };\n" BACK,
	    NULL },
	{ "the top",
	    "tls = { verify = \"optional\"; client_ca = \"ca\"; ticket_seed = \"s\"; };\ntimeouts "
	    "= { idle = "
	    "\"1h\"; };\ncontrol = { socket = \"unix:c.sock\"; };\nlog = { connections = false; "
	    "};\n" FRONT BACK,
	    NULL },
};

START_TEST(canonical_text_is_the_same)
{
	struct problems p = { 0 };
	struct conf *c, *again;
	char *said, *text, *was, *is;

	make_dir();
	put_file("main", goods[_i].main);
	if (goods[_i].a)
		put_file("a", goods[_i].a);
	said = load(&c, &text);
	ck_assert_msg(c, "%s: %s", goods[_i].name, said);
	remove_dir();
	was = conf_dump(c);
	again = conf_parse(text, "canonical", NULL, &p);
	ck_assert_msg(again, "%s: %s", goods[_i].name, p.count ? p.items[0].text : "?");
	is = conf_dump(again);
	ck_assert_str_eq(was, is);
	conf_free(&again);
	/* `show config` prints it: it can be loaded as a file, too. */
	make_dir();
	put_file("main", text);
	free(said);
	said = load(&again, NULL);
	ck_assert_msg(again, "%s: %s", goods[_i].name, said);
	remove_dir();
	conf_free(&again);
	conf_free(&c);
	problems_clear(&p);
	free(said);
	free(text);
	free(was);
	free(is);
}
END_TEST

/* Without a directory there is no file system. */
static const struct closed {
	const char *text, *want;
} closed[] = {
	{ FRONT BACK "@include \"/etc/hostname\"\n", "x:3: @include cannot stand here" },
	{ FRONT BACK "state_directory = \"x\";",
	    "x:3: state_directory = \"x\" is not an absolute path" },
};

START_TEST(without_a_directory)
{
	struct problems p = { 0 };

	ck_assert_ptr_null(conf_parse(closed[_i].text, "x", NULL, &p));
	ck_assert_uint_eq(p.count, 1);
	ck_assert_str_eq(p.items[0].text, closed[_i].want);
	problems_clear(&p);
}
END_TEST

/* The comment with the lines, as it should be and as it should not. */
static const struct marks {
	const char *mark, *want;
} marks[] = {
	{ "#lines \"a b\" 7 8 9\n", "a b:9" },
	{ "#lines \"a\" 7 \"b\" 8 9 10 11 12", "b:9" },
	{ "#lines \"a\" 7 8", "x:3" },
	{ "#lines \"a\" 7 8 0\n", "x:3" },
	{ "#lines \"a\" 7 8 -5\n", "x:3" },
	{ "#lines \"a\" 7 8 99999999999999999999\n", "x:3" },
	{ "#lines \"a\" 7 8 x\n", "x:3" },
	{ "#lines 7 8 9\n", "x:3" },
	{ "#lines \"a 7 8 9\n", "x:3" },
	{ "#lines\n", "x:3" },
	{ "#lines \"a\" 7 8 9\n#\n", "x:3" },
	{ "", "x:3" },
};

START_TEST(lines_of_the_file)
{
	struct problems p = { 0 };
	char text[512], want[128];

	snprintf(text, sizeof(text), FRONT BACK "workers = -1;\n%s", marks[_i].mark);
	snprintf(want, sizeof(want), "%s: workers = -1 is out of range; it may be 0 to 1024",
	    marks[_i].want);
	ck_assert_ptr_null(conf_parse(text, "x", NULL, &p));
	ck_assert_uint_eq(p.count, 1);
	ck_assert_str_eq(p.items[0].text, want);
	problems_clear(&p);
}
END_TEST

/* In a file, the comment is one: somebody may have changed what stands above. */
START_TEST(lines_are_a_comment_in_a_file)
{
	struct conf *c;
	char *got;

	make_dir();
	put_file("main", FRONT BACK "workers = -1;\n#lines \"a\" 7 8 9\n");
	got = load(&c, NULL);
	ck_assert_str_eq(got, "main:3: workers = -1 is out of range; it may be 0 to 1024\n");
	remove_dir();
	free(got);
}
END_TEST

START_TEST(where)
{
	struct problems p = { 0 };
	struct conf *c = conf_parse("\n" FRONT "\n" BACK, "x", "/", &p);
	char buf[64];

	ck_assert_str_eq(conf_where(c, c->frontends[0].line, buf, sizeof(buf)), "x:2");
	ck_assert_str_eq(conf_where(c, c->backends[0].line, buf, sizeof(buf)), "x:4");
	ck_assert_str_eq(conf_where(c, 0, buf, sizeof(buf)), "x");
	ck_assert_str_eq(conf_where(c, -1, buf, sizeof(buf)), "x");
	ck_assert_str_eq(conf_where(c, 1000, buf, sizeof(buf)), "x");
	conf_problem(c, &p, 0, c->frontends[0].line, "%d%%", 5);
	ck_assert_str_eq(p.items[0].text, "x:2: 5%");
	ck_assert_uint_eq(p.errors, 0);
	problems_clear(&p);
	conf_free(&c);
}
END_TEST

START_TEST(arena)
{
	struct arena *a = arena_new();
	size_t room = 0;
	int *items = NULL;
	char *big = arena_zalloc(a, 1000, 3);

	for (int i = 0; i < 3000; i++)
		ck_assert_int_eq(big[i], 0);
	ck_assert_uint_eq((uintptr_t)arena_zalloc(a, 1, 1) % sizeof(long double), 0);
	for (int i = 0; i < 100; i++) {
		items = arena_grow(a, items, &room, (size_t)i, sizeof(*items));
		items[i] = i;
	}
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(items[i], i);
	ck_assert_str_eq(arena_strdup(a, "text"), "text");
	ck_assert_str_eq(arena_printf(a, "%s %d", "text", 5), "text 5");
	arena_free(&a);
	ck_assert_ptr_null(a);
	arena_free(&a);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf_text");
	TCase *t = tcase_create("conf_text");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(t, includes_files, 0, COUNT(includes));
	tcase_add_test(t, signals_while_reading);
	tcase_add_test(t, files_that_are_none);
	tcase_add_test(t, nul_in_a_file);
	tcase_add_test(t, file_that_is_too_long);
	tcase_add_test(t, relative_paths);
	tcase_add_loop_test(t, canonical_text_is_the_same, 0, COUNT(goods));
	tcase_add_loop_test(t, without_a_directory, 0, COUNT(closed));
	tcase_add_loop_test(t, lines_of_the_file, 0, COUNT(marks));
	tcase_add_test(t, lines_are_a_comment_in_a_file);
	tcase_add_test(t, where);
	tcase_add_test(t, arena);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
