/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Looking whether sockets and the state directory could be made.  Master; only looks. */
#include "master/host/places.h"

#include "common/control.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One place: the key that names it, and what may be there already. */
struct place {
	const char *key, *path;
	const char *fallback; /* the default, which is not looked at; NULL */
	int line;
	mode_t type;
	const char *word; /* for that type */
};

/* The directory in which it is to be. */
static void
parent_of(const char *path, char dir_r[PATH_MAX])
{
	char *slash;

	snprintf(dir_r, PATH_MAX, "%s", path);
	for (slash = strrchr(dir_r, '/'); slash && slash > dir_r && !slash[1];
	     slash = strrchr(dir_r, '/'))
		*slash = '\0';
	if (slash)
		slash[slash == dir_r] = '\0';
}

static void
check_parent(const struct conf *conf, const struct place *w, struct problems *p)
{
	char dir[PATH_MAX];
	struct stat st;

	parent_of(w->path, dir);
	if (stat(dir, &st) == -1 && errno == ENOENT)
		conf_problem(conf, p, PROBLEM_ERROR, w->line,
		    "%s = \"%s\": there is no directory %s; create it: mkdir -p %s", w->key,
		    w->path, dir, dir);
	else if (stat(dir, &st) == 0 && !S_ISDIR(st.st_mode))
		conf_problem(conf, p, PROBLEM_ERROR, w->line,
		    "%s = \"%s\": %s is not a directory; name another path", w->key, w->path, dir);
	else if (access(dir, W_OK | X_OK) == -1)
		conf_problem(conf, p, PROBLEM_ERROR, w->line,
		    "%s = \"%s\": nothing can be made in %s (%s); name another path", w->key,
		    w->path, dir, strerror(errno));
}

static void
check_place(const struct conf *conf, const struct place *w, struct problems *p)
{
	struct stat st;

	if (!w->path || (w->fallback && strcmp(w->path, w->fallback) == 0))
		return;
	if (stat(w->path, &st) == -1)
		check_parent(conf, w, p);
	else if ((st.st_mode & S_IFMT) != w->type)
		conf_problem(conf, p, PROBLEM_ERROR, w->line,
		    "%s = \"%s\" is there already and is not a %s; remove it, or name another path",
		    w->key, w->path, w->word);
}

void
places_check(const struct conf *conf, struct problems *p)
{
	const struct conf_control *c = &conf->control;
	const struct place places[] = {
		{ "socket", c->socket, CONTROL_SOCKET, c->line, S_IFSOCK, "socket" },
		{ "monitor_socket", c->monitor_socket, NULL, c->line, S_IFSOCK, "socket" },
		{ "state_directory", conf->state_directory, NULL, conf->state_directory_line,
		    S_IFDIR, "directory" },
	};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (places[i].line > 0)
			check_place(conf, &places[i], p);
}
