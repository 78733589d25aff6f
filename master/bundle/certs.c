/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Certbot's directories, Kubernetes' secrets, and plain files beside each other.  Master; reads
 * directories that the configuration names, opens no file in them.
 */
#include "master/bundle/certs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One search: its caller's callback, and the directory of the moment. */
struct search {
	certs_add *add;
	void *context;
	char *why;
};

static int
is_at(int dir, const char *name, mode_t type)
{
	struct stat st;

	return fstatat(dir, name, &st, 0) == 0 && (st.st_mode & S_IFMT) == type;
}

/* Whether there is an entry of that name, be it a link to nothing. */
static int
is_there(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* dir/name; a path that is too long comes out cut and will not be found. */
static const char *
join(char path_r[PATH_MAX], const char *dir, const char *name)
{
	size_t n = strlen(dir);

	if ((size_t)snprintf(path_r, PATH_MAX, "%s%s%s", dir, n && dir[n - 1] == '/' ? "" : "/",
		name) >= PATH_MAX)
		path_r[0] = '\0';
	return path_r;
}

/* The name with .key in place of .pem or .crt; 0 where it ends in neither. */
static int
key_name(const char *name, char key_r[PATH_MAX])
{
	size_t n = strlen(name);

	if (n <= 4 || n >= PATH_MAX ||
	    (strcmp(name + n - 4, ".pem") != 0 && strcmp(name + n - 4, ".crt") != 0))
		return 0;
	snprintf(key_r, PATH_MAX, "%.*s.key", (int)(n - 4), name);
	return 1;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a directory, sorted, dot names left out; the list and the names are malloc's. */
static int
list(int fd, char ***names_r, size_t *count_r)
{
	int again = dup(fd);
	DIR *d = again == -1 ? NULL : fdopendir(again);
	char **names = NULL;
	size_t count = 0;
	struct dirent *e;
	int rc = 0;

	*names_r = NULL;
	*count_r = 0;
	if (!d) {
		if (again != -1)
			close(again);
		return -1;
	}
	while ((e = readdir(d)) != NULL) {
		char **more;

		if (e->d_name[0] == '.')
			continue;
		more = reallocarray(names, count + 1, sizeof(*names));
		if (more)
			names = more;
		if (!more || (names[count] = strdup(e->d_name)) == NULL) {
			rc = -1;
			break;
		}
		count++;
	}
	closedir(d);
	if (count > 0)
		qsort(names, count, sizeof(*names), by_name);
	*names_r = names;
	*count_r = count;
	return rc;
}

static int search_dir(struct search *s, const char *path, int depth);

static void
search_entry(struct search *s, int fd, const char *path, const char *name, int depth)
{
	char cert[PATH_MAX], key[PATH_MAX], other[PATH_MAX];

	if (is_at(fd, name, S_IFDIR)) {
		if (depth == 0 && search_dir(s, join(cert, path, name), 1) == -1)
			s->add(s->context, cert, NULL, 1);
		return;
	}
	/* Also what is no file at all, or a link to nothing: that is worth an error. */
	if (!key_name(name, other))
		return;
	join(cert, path, name);
	if (!is_there(fd, other))
		snprintf(other, sizeof(other), "%s.key", name); /* HAProxy's way */
	if (is_there(fd, other))
		s->add(s->context, cert, join(key, path, other), 1);
	else
		s->add(s->context, cert, "", 1);
}

static int
search_dir(struct search *s, const char *path, int depth)
{
	char cert[PATH_MAX], key[PATH_MAX], **names;
	struct stat st;
	size_t count;
	int fd = file_open(path, 1, &st, s->why), rc;

	if (fd == -1)
		return -1;
	/* Also where one of them turns out to be a link to nothing: that is worth an error. */
	if (is_there(fd, "fullchain.pem") && is_there(fd, "privkey.pem")) {
		s->add(s->context, join(cert, path, "fullchain.pem"),
		    join(key, path, "privkey.pem"), depth > 0);
		close(fd);
		return 0;
	}
	if ((rc = list(fd, &names, &count)) == -1)
		(void)snprintf(s->why, FILE_WHY, "%s cannot be listed: %s", path, strerror(errno));
	for (size_t i = 0; i < count; i++) {
		if (rc == 0)
			search_entry(s, fd, path, names[i], depth);
		free(names[i]);
	}
	free(names);
	close(fd);
	return rc;
}

int
certs_find(const char *path, certs_add *add, void *context, char why_r[FILE_WHY])
{
	struct search s = { add, context, why_r };
	char key[PATH_MAX];
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return search_dir(&s, path, 0);
	if (!key_name(path, key) || !file_exists(key))
		snprintf(key, sizeof(key), "%s.key", path); /* HAProxy's way */
	if (strlen(path) + 4 < sizeof(key) && file_exists(key))
		add(context, path, key, 0);
	else
		add(context, path, "", 0);
	return 0;
}
