/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* User names to numbers.  Master, before anything is started with them. */
#include "master/host/ids.h"

#include "master/host/helper.h"
#include "master/host/unixsock.h"

#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A whole decimal number that is a user id; -1 otherwise. */
static int
parse_number(const char *s, uid_t *uid_r)
{
	unsigned long n;
	char *end;

	if (!isdigit((unsigned char)*s))
		return -1;
	errno = 0;
	n = strtoul(s, &end, 10);
	/* (uid_t)-1 means "leave it" to the system calls that we need. */
	if (*end || errno || n >= UINT32_MAX)
		return -1;
	*uid_r = (uid_t)n;
	return 0;
}

static void
find_one(const struct conf *conf, int line, const char *key, const char *user, struct problems *p,
    struct identity *id_r)
{
	const struct passwd *pw = getpwnam(user);
	uid_t uid;

	if (!pw && parse_number(user, &uid) == 0) {
		pw = getpwuid(uid);
		*id_r = (struct identity){ uid, pw ? pw->pw_gid : (gid_t)uid };
	} else if (pw) {
		*id_r = (struct identity){ pw->pw_uid, pw->pw_gid };
	} else {
		p->outside++;
		conf_problem(conf, p, PROBLEM_ERROR, line,
		    "%s \"%s\" does not exist; create it: useradd --system --no-create-home "
		    "--home-dir /nonexistent --shell /usr/sbin/nologin %s",
		    key, user, user);
		return;
	}
	if (id_r->uid == 0 || id_r->gid == 0)
		conf_problem(conf, p, PROBLEM_ERROR, line,
		    "%s \"%s\" is root or in root's group; name another", key, user);
}

void
ids_find_groups(const struct conf *conf, struct problems *p)
{
	const char *const keys[] = { "group", "monitor_group" };
	const char *const groups[] = { conf->control.group, conf->control.monitor_group };
	gid_t gid;

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (groups[i] && unixsock_group(groups[i], &gid) == -1) {
			p->outside++;
			conf_problem(conf, p, PROBLEM_ERROR, conf->control.line,
			    "%s \"%s\" does not exist; create it: groupadd --system %s", keys[i],
			    groups[i], groups[i]);
		}
}

void
ids_find(const struct conf *conf, int drop, struct problems *p, struct identity *ids_r)
{
	static const char *const keys[HELPER_COUNT] = { "user", "checker_user", "keeper_user" };
	const char *const users[HELPER_COUNT] = { conf->user, conf->checker_user,
		conf->keeper_user };
	const int lines[HELPER_COUNT] = { conf->user_line, conf->checker_user_line,
		conf->keeper_user_line };

	for (int i = 0; i < HELPER_COUNT; i++)
		if (drop)
			find_one(conf, lines[i], keys[i], users[i], p, &ids_r[i]);
		else
			ids_r[i] = (struct identity){ geteuid(), getegid() };
	for (int i = 0; drop && p->errors == 0 && i < HELPER_COUNT; i++)
		for (int j = 0; j < i; j++)
			if (ids_r[i].uid == ids_r[j].uid)
				conf_problem(conf, p, PROBLEM_ERROR,
				    lines[i] > 0 ? lines[i] : lines[j],
				    "%s \"%s\" and %s \"%s\" are the same user; name another: "
				    "processes of one user can disturb each other",
				    keys[j], users[j], keys[i], users[i]);
}
