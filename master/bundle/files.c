/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Paths of the configuration to open files.  Master.  Walks a path component by component, because
 * the directories on the way may belong to somebody who would like root to open something else.
 */
#include "master/bundle/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINKS_MOST 40 /* as many as the kernel follows */

/* A walk: where we stand and what is still to go. */
struct walk {
	const char *path; /* as the caller named it, for messages */
	int dir;          /* O_PATH */
	struct stat dir_st;
	char rest[PATH_MAX * 2];
	int links;
	char *why;
};

static void
fail(struct walk *w, const char *text)
{
	snprintf(w->why, FILE_WHY, "%s: %s", w->path, text);
}

void
file_forbidden(const char *path, const struct stat *st, char why_r[FILE_WHY])
{
	const struct passwd *pw = getpwuid(st->st_uid);
	unsigned mode = st->st_mode & 07777;
	char number[16];

	snprintf(number, sizeof(number), "%u", (unsigned)st->st_uid);
	if (geteuid() != 0)
		snprintf(why_r, FILE_WHY,
		    "%s belongs to \"%s\", mode %04o: this user may not read it", path,
		    pw ? pw->pw_name : number, mode);
	else
		snprintf(why_r, FILE_WHY,
		    "%s belongs to \"%s\", mode %04o; the master has no right to override that: "
		    "chgrp root, chmod %04o",
		    path, pw ? pw->pw_name : number, mode,
		    (mode & 07700) | (S_ISDIR(st->st_mode) ? 0050 : 0040));
}

/* Whether somebody other than root and ourselves may put things into this directory. */
static int
is_writable_by_others(const struct stat *st)
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return 1;
	if (st->st_mode & S_IWOTH)
		return 1;
	return (st->st_mode & S_IWGRP) && st->st_gid != 0 && st->st_gid != getegid();
}

/* ... and whether this link in it could be theirs; a sticky directory protects the owner's. */
static int
is_trusted_link(const struct stat *dir, const struct stat *link)
{
	if (!is_writable_by_others(dir))
		return 1;
	return (dir->st_mode & S_ISVTX) && (link->st_uid == 0 || link->st_uid == geteuid());
}

static int
enter(struct walk *w, int fd, const struct stat *st)
{
	if (w->dir != -1)
		close(w->dir);
	w->dir = fd;
	w->dir_st = *st;
	return 0;
}

static int
enter_root(struct walk *w)
{
	struct stat st;
	int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1 || fstat(fd, &st) == -1) {
		fail(w, strerror(errno));
		return -1;
	}
	return enter(w, fd, &st);
}

/* Put a link's target in front of the rest of the way. */
static int
follow(struct walk *w, int link, const struct stat *st)
{
	char target[PATH_MAX], rest[sizeof(w->rest)];
	ssize_t n;

	if (!is_trusted_link(&w->dir_st, st)) {
		fail(w, "a symbolic link in a directory that others may write to is not followed");
		return -1;
	}
	n = readlinkat(link, "", target, sizeof(target) - 1);
	if (n <= 0 || ++w->links > LINKS_MOST) {
		fail(w, "too many symbolic links");
		return -1;
	}
	target[n] = '\0';
	if ((size_t)snprintf(rest, sizeof(rest), "%s/%s", target, w->rest) >= sizeof(rest)) {
		fail(w, strerror(ENAMETOOLONG));
		return -1;
	}
	memcpy(w->rest, rest, sizeof(rest));
	return target[0] == '/' ? enter_root(w) : 0;
}

/* Cut the next component off the rest of the way: "" at its end. */
static void
next_component(struct walk *w, char name_r[NAME_MAX + 1])
{
	const char *start = w->rest + strspn(w->rest, "/");
	size_t n = strcspn(start, "/");

	snprintf(name_r, NAME_MAX + 1, "%.*s", (int)(n > NAME_MAX ? NAME_MAX : n), start);
	memmove(w->rest, start + n, strlen(start + n) + 1);
}

/* Open for reading what the O_PATH descriptor fd stands for. */
static int
open_for_real(struct walk *w, int fd, const struct stat *st, int want_dir)
{
	char link[64];
	int real;

	if (want_dir ? !S_ISDIR(st->st_mode) : !S_ISREG(st->st_mode)) {
		fail(w, want_dir ? "not a directory" : "not a regular file");
		return -1;
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	real =
	    open(link, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | (want_dir ? O_DIRECTORY : 0));
	if (real == -1 && errno == EACCES)
		file_forbidden(w->path, st, w->why);
	else if (real == -1 && errno == ENOENT)
		fail(w, "cannot be opened without /proc: mount -t proc proc /proc");
	else if (real == -1)
		fail(w, strerror(errno));
	return real;
}

/* The directory where we stand does not let us in. */
static void
forbidden_dir(struct walk *w)
{
	char link[64], dir[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", w->dir);
	n = readlink(link, dir, sizeof(dir) - 1);
	dir[n > 0 ? n : 0] = '\0';
	file_forbidden(dir, &w->dir_st, w->why);
}

/* One component further.  Returns 1 with *fd_r at the end of the way, 0 to go on, -1. */
static int
step(struct walk *w, int *fd_r, struct stat *st_r)
{
	char name[NAME_MAX + 1];
	int fd;

	next_component(w, name);
	fd = openat(w->dir, name[0] ? name : ".", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 || fstat(fd, st_r) == -1) {
		if (errno == EACCES)
			forbidden_dir(w);
		else
			fail(w, strerror(errno));
		if (fd != -1)
			close(fd);
		return -1;
	}
	if (S_ISLNK(st_r->st_mode)) {
		int result = follow(w, fd, st_r);

		close(fd);
		return result;
	}
	if (w->rest[strspn(w->rest, "/")] == '\0') {
		*fd_r = fd;
		return 1;
	}
	if (!S_ISDIR(st_r->st_mode)) {
		close(fd);
		fail(w, strerror(ENOTDIR));
		return -1;
	}
	return enter(w, fd, st_r);
}

int
file_open(const char *path, int want_dir, struct stat *st_r, char why_r[FILE_WHY])
{
	struct walk w = { .path = path, .dir = -1, .why = why_r };
	int fd = -1, real = -1, result = -1;

	if (path[0] != '/' || strlen(path) >= PATH_MAX)
		fail(&w, "not an absolute path");
	else
		result = enter_root(&w);
	snprintf(w.rest, sizeof(w.rest), "%s", path);
	while (result == 0)
		result = step(&w, &fd, st_r);
	if (result == 1)
		real = open_for_real(&w, fd, st_r, want_dir);
	if (fd != -1)
		close(fd);
	if (w.dir != -1)
		close(w.dir);
	return real;
}

ssize_t
file_read(const char *path, char *buf, size_t size, struct stat *st_r, char why_r[FILE_WHY])
{
	int fd = file_open(path, 0, st_r, why_r);
	size_t len = 0;
	ssize_t n = 1;

	if (fd == -1)
		return -1;
	while (n > 0 && len < size) {
		n = read(fd, buf + len, size - len);
		if (n > 0)
			len += (size_t)n;
		else if (n == -1 && errno == EINTR)
			n = 1;
	}
	if (n == -1)
		snprintf(why_r, FILE_WHY, "%s: %s", path, strerror(errno));
	else if (len == size)
		snprintf(why_r, FILE_WHY, "%s is larger than %zu bytes", path, size - 1);
	close(fd);
	if (n == -1 || len == size)
		return -1;
	buf[len] = '\0';
	return (ssize_t)len;
}

int
file_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

const char *
file_system_ca(void)
{
	static const char *const places[] = { "/etc/ssl/certs/ca-certificates.crt",
		"/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem", "/etc/ssl/ca-bundle.pem" };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (file_exists(places[i]))
			return places[i];
	return places[0];
}
