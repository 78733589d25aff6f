/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Opening files that the configuration names, and finding the certificates of a directory. */
#include "master/bundle/certs.h"
#include "master/bundle/files.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char top[64];

static const char *
at(const char *name)
{
	static char path[4][PATH_MAX];
	static int n;

	n = (n + 1) % 4;
	snprintf(path[n], sizeof(path[n]), "%s%s%s", top, *name ? "/" : "", name);
	return path[n];
}

static void
put(const char *name, const char *text, mode_t mode)
{
	int fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

static void
dir(const char *name, mode_t mode)
{
	ck_assert_int_eq(mkdir(at(name), 0700), 0);
	ck_assert_int_eq(chmod(at(name), mode), 0);
}

static void
setup(void)
{
	snprintf(top, sizeof(top), "/tmp/mailreeve-test.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(top));
}

static void
teardown(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", top);
	ck_assert_int_eq(system(command), 0);
}

static ssize_t
read_it(const char *name, char *buf, size_t size, char *why)
{
	struct stat st;

	why[0] = '\0';
	return file_read(at(name), buf, size, &st, why);
}

START_TEST(reads_a_file)
{
	char buf[16], why[FILE_WHY];

	put("a", "hello", 0600);
	ck_assert_int_eq(read_it("a", buf, sizeof(buf), why), 5);
	ck_assert_str_eq(buf, "hello");
	ck_assert_int_eq(read_it("a", buf, 6, why), 5);
	put("empty", "", 0600);
	ck_assert_int_eq(read_it("empty", buf, sizeof(buf), why), 0);
	ck_assert_str_eq(buf, "");
}
END_TEST

START_TEST(reads_no_more_than_there_is_room_for)
{
	char buf[16], why[FILE_WHY];

	put("a", "hello", 0600);
	ck_assert_int_eq(read_it("a", buf, 5, why), -1);
	ck_assert_ptr_nonnull(strstr(why, "larger than 4 bytes"));
}
END_TEST

START_TEST(follows_links_of_trusted_directories)
{
	char buf[16], why[FILE_WHY];

	/* As certbot has it: live/x/cert.pem -> ../../archive/x/cert1.pem */
	dir("archive", 0755);
	dir("archive/x", 0755);
	dir("live", 0755);
	dir("live/x", 0755);
	put("archive/x/cert1.pem", "cert", 0600);
	ck_assert_int_eq(symlink("../../archive/x/cert1.pem", at("live/x/cert.pem")), 0);
	ck_assert_int_eq(read_it("live/x/cert.pem", buf, sizeof(buf), why), 4);
	ck_assert_int_eq(symlink(at("live"), at("there")), 0);
	ck_assert_int_eq(read_it("there/x/cert.pem", buf, sizeof(buf), why), 4);
	ck_assert_int_eq(read_it("live/../live/./x//cert.pem", buf, sizeof(buf), why), 4);
}
END_TEST

START_TEST(follows_no_link_of_others)
{
	char buf[16], why[FILE_WHY];

	put("secret", "secret", 0600);
	dir("open", 0777);
	ck_assert_int_eq(symlink("../secret", at("open/cert.pem")), 0);
	ck_assert_int_eq(read_it("open/cert.pem", buf, sizeof(buf), why), -1);
	ck_assert_ptr_nonnull(strstr(why, "not followed"));
	/* A plain file there is what the administrator has named. */
	put("open/plain.pem", "plain", 0600);
	ck_assert_int_eq(read_it("open/plain.pem", buf, sizeof(buf), why), 5);
	/* A sticky directory keeps others from replacing our own link. */
	ck_assert_int_eq(chmod(at("open"), 01777), 0);
	ck_assert_int_eq(read_it("open/cert.pem", buf, sizeof(buf), why), 6);
}
END_TEST

START_TEST(follows_links_only_so_far)
{
	char buf[16], why[FILE_WHY];

	ck_assert_int_eq(symlink("b", at("a")), 0);
	ck_assert_int_eq(symlink("a", at("b")), 0);
	ck_assert_int_eq(read_it("a", buf, sizeof(buf), why), -1);
	ck_assert_ptr_nonnull(strstr(why, "too many symbolic links"));
}
END_TEST

START_TEST(opens_regular_files_only)
{
	char buf[16], why[FILE_WHY];
	struct stat st;

	ck_assert_int_eq(mkfifo(at("fifo"), 0600), 0);
	ck_assert_int_eq(read_it("fifo", buf, sizeof(buf), why), -1);
	ck_assert_ptr_nonnull(strstr(why, "not a regular file"));
	ck_assert_int_eq(file_read("/dev/zero", buf, sizeof(buf), &st, why), -1);
	ck_assert_ptr_nonnull(strstr(why, "not a regular file"));
	ck_assert_int_eq(read_it("", buf, sizeof(buf), why), -1);
	ck_assert_int_eq(read_it("none", buf, sizeof(buf), why), -1);
	ck_assert_ptr_nonnull(strstr(why, "/none: No such file or directory"));
	put("file", "x", 0600);
	ck_assert_int_eq(read_it("file/x", buf, sizeof(buf), why), -1);
	ck_assert_ptr_nonnull(strstr(why, "Not a directory"));
	ck_assert_int_eq(file_read("relative", buf, sizeof(buf), &st, why), -1);
	ck_assert_int_eq(file_open(at("file"), 1, &st, why), -1);
}
END_TEST

START_TEST(says_how_to_let_us_read)
{
	struct stat st = { .st_uid = 0, .st_mode = S_IFREG | 0600 };
	char why[FILE_WHY];

	file_forbidden("/etc/x/key.pem", &st, why);
	if (geteuid() == 0)
		ck_assert_str_eq(why,
		    "/etc/x/key.pem belongs to \"root\", mode 0600; the master has no right to "
		    "override that: chgrp root, chmod 0640");
	else
		ck_assert_str_eq(why,
		    "/etc/x/key.pem belongs to \"root\", mode 0600: this user may not read it");
}
END_TEST

/* ---- Certificates of files and directories ---- */

static char found[4096];

static void
note(void *context, const char *cert, const char *key, int is_found)
{
	size_t n = strlen(found), skip = strlen(top) + 1;

	(void)context;
	snprintf(found + n, sizeof(found) - n, "%s%s+%s%s", n ? " " : "", cert + skip,
	    !key     ? " cannot be searched" :
		*key ? key + skip :
		       "",
	    is_found ? "?" : "");
}

static const struct {
	const char *name;
	const char *files; /* to be made, with their directories; blanks between; `@`: a link */
	const char *path;
	const char *found; /* certificate+key, `?` where it was found in a directory */
} searches[] = {
	{ "one file", "a.pem", "a.pem", "a.pem+" },
	{ "a file with its key", "a.pem a.key", "a.pem", "a.pem+a.key" },
	{ "a .crt with its key", "a.crt a.key", "a.crt", "a.crt+a.key" },
	{ "HAProxy's name for the key", "a.pem a.pem.key", "a.pem", "a.pem+a.pem.key" },
	{ "both names for the key", "a.pem a.pem.key a.key", "a.pem", "a.pem+a.key" },
	{ "HAProxy's name in a directory", "d/a.pem d/a.pem.key d/b.crt d/b.crt.key", "d",
	    "d/a.pem+d/a.pem.key? d/b.crt+d/b.crt.key?" },
	{ "another name", "a.cer a.key", "a.cer", "a.cer+" },
	{ "a file that is not there", "", "a.pem", "a.pem+" },
	{ "certbot's own directory", "x/fullchain.pem x/privkey.pem x/cert.pem x/chain.pem", "x",
	    "x/fullchain.pem+x/privkey.pem" },
	{ "certbot's live directory",
	    "live/b/fullchain.pem live/b/privkey.pem live/a/fullchain.pem live/a/privkey.pem "
	    "live/README",
	    "live",
	    "live/a/fullchain.pem+live/a/privkey.pem? live/b/fullchain.pem+live/b/privkey.pem?" },
	{ "a Kubernetes secret", "s/..data/tls.crt s/tls.crt s/tls.key s/ca.crt", "s",
	    "s/ca.crt+? s/tls.crt+s/tls.key?" },
	{ "pairs, in order", "d/b.pem d/b.key d/a.crt d/a.key d/.hidden.pem d/notes.txt", "d",
	    "d/a.crt+d/a.key? d/b.pem+d/b.key?" },
	{ "no deeper than one level", "d/e/f/a.pem d/e/f/a.key d/e/b.pem d/e/b.key", "d",
	    "d/e/b.pem+d/e/b.key?" },
	{ "an empty directory", "d/", "d", "" },
	{ "certbot's, with a link to nothing", "x/fullchain.pem x/privkey.pem@ x/cert.pem", "x",
	    "x/fullchain.pem+x/privkey.pem" },
	{ "a certificate that is a link to nothing", "d/a.crt@ d/a.key d/b.pem@", "d",
	    "d/a.crt+d/a.key? d/b.pem+?" },
	{ "a key that is a link to nothing", "d/a.crt d/a.key@", "d", "d/a.crt+d/a.key?" },
};

static void
make_all(const char *files)
{
	char command[1024];

	snprintf(command, sizeof(command),
	    "cd '%s' && for f in %s; do case $f in */) mkdir -p $f;; "
	    "*@) mkdir -p $(dirname $f) && ln -s nothing ${f%%@};; *) mkdir -p $(dirname $f) && : "
	    ">$f;; esac; done",
	    top, files);
	if (*files)
		ck_assert_int_eq(system(command), 0);
}

static int refuse; /* calls until one fails; 0: none does */

DIR *__real_fdopendir(int fd);
DIR *__wrap_fdopendir(int fd);
void *__real_reallocarray(void *p, size_t n, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);

DIR *
__wrap_fdopendir(int fd)
{
	return refuse == 1 ? (errno = ENOMEM, NULL) : __real_fdopendir(fd);
}

void *
__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return refuse == 2 ? (errno = ENOMEM, NULL) : __real_reallocarray(p, n, size);
}

/* A directory that cannot be listed is an error, not an empty one, and leaves no descriptor. */
START_TEST(says_that_it_cannot_list)
{
	char why[FILE_WHY] = "";
	int before = dup(0), after;

	close(before);
	make_all("d/a.pem d/a.key");
	for (refuse = 1; refuse <= 2; refuse++) {
		found[0] = '\0';
		ck_assert_int_eq(certs_find(at("d"), note, NULL, why), -1);
		ck_assert_str_eq(found, "");
		ck_assert_ptr_nonnull(strstr(why, "cannot be listed: Cannot allocate memory"));
	}
	refuse = 0;
	after = dup(0);
	close(after);
	ck_assert_int_eq(after, before);
}
END_TEST

/* ... and one that cannot be searched is named, and does not hide the others. */
START_TEST(names_what_it_cannot_search)
{
	char why[FILE_WHY] = "";

	make_all("other/a.pem other/a.key d/c.pem d/c.key");
	ck_assert_int_eq(symlink("../other", at("d/b")), 0);
	ck_assert_int_eq(chmod(at("d"), 0777), 0);
	found[0] = '\0';
	ck_assert_int_eq(certs_find(at("d"), note, NULL, why), 0);
	ck_assert_str_eq(found, "d/b+ cannot be searched? d/c.pem+d/c.key?");
	ck_assert_ptr_nonnull(strstr(why, "/d/b: a symbolic link in a directory that others may"));
}
END_TEST

START_TEST(finds_certificates)
{
	char why[FILE_WHY];

	make_all(searches[_i].files);
	found[0] = '\0';
	ck_assert_int_eq(certs_find(at(searches[_i].path), note, NULL, why), 0);
	ck_assert_msg(strcmp(found, searches[_i].found) == 0, "%s: %s", searches[_i].name, found);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("files");
	TCase *t = tcase_create("files");
	SRunner *r = srunner_create(s);
	int failed;

	umask(022);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, reads_a_file);
	tcase_add_test(t, says_that_it_cannot_list);
	tcase_add_test(t, names_what_it_cannot_search);
	tcase_add_test(t, reads_no_more_than_there_is_room_for);
	tcase_add_test(t, follows_links_of_trusted_directories);
	tcase_add_test(t, follows_no_link_of_others);
	tcase_add_test(t, follows_links_only_so_far);
	tcase_add_test(t, opens_regular_files_only);
	tcase_add_test(t, says_how_to_let_us_read);
	tcase_add_loop_test(
	    t, finds_certificates, 0, (int)(sizeof(searches) / sizeof(searches[0])));
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
