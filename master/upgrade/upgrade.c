/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Trial and re-execution of a new version.  Master. */
#include "master/upgrade/upgrade.h"

#include "common/clock.h"
#include "common/container.h"
#include "common/log.h"
#include "common/log_escape.h"
#include "master/child/logs.h"
#include "master/child/spawn.h"
#include "master/host/errors.h"
#include "master/life/generation.h"
#include "master/life/status.h"
#include "master/upgrade/saved.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRIAL_MOST 60000 /* milliseconds */
#define TRIAL_FD   3     /* the state, in the trial */

struct upgrade {
	struct master *m;
	struct watch death;
	struct log_pipe log;
	struct timer timer;
	int is_late;
	char to[UPGRADE_VERSION], why[UPGRADE_WHY]; /* as the new program says itself */
};

/* ---- Words ---- */

static void
say_refused(struct master *m, const char *to, const char *why)
{
	struct upgrading *up = &m->up;

	snprintf(up->to, sizeof(up->to), "%s", to);
	snprintf(up->why, sizeof(up->why), "%s", why);
	up->refused = real_ms();
	log_say(LOG_ERR, "upgrade%s%s refused: %s; %s runs on", *to ? " to " : "", to, why,
	    MAILREEVE_VERSION);
	requests_ready(&m->requests, &m->up, 0);
}

void
upgrade_served(struct master *m)
{
	if (!m->up.from[0] || m->up.is_half)
		return;
	log_say(LOG_NOTICE, "upgraded from %s to %s", m->up.from, MAILREEVE_VERSION);
	m->up = (struct upgrading){ .again = m->up.again };
	requests_ready(&m->requests, &m->up, 0);
}

void
upgrade_complete(struct master *m)
{
	if (m->up.is_half)
		m->up = (struct upgrading){ .again = m->up.again };
}

void
upgrade_half(struct master *m, const char *why)
{
	struct upgrading *up = &m->up;
	const struct errors *e = &m->reloads[m->kind].errors;

	if (!up->from[0] || (m->stopping && up->is_half))
		return;
	snprintf(up->to, sizeof(up->to), "%s", MAILREEVE_VERSION);
	if (e->count)
		errors_brief(e, up->why, sizeof(up->why));
	else
		snprintf(up->why, sizeof(up->why), "%s", why);
	up->refused = real_ms();
	up->is_half = 1;
	log_say(LOG_ERR, "upgrade to %s incomplete: %s; the processes of %s go on", up->to, up->why,
	    up->from);
	requests_ready(&m->requests, &m->up, 0);
}

/* What the new program says: its version, and the first of its errors. */
static void
on_line(struct log_pipe *p, const char *line, size_t len)
{
	struct upgrade *u = CONTAINER(p, struct upgrade, log);
	char text[UPGRADE_WHY], *at = text;
	const char *version;
	int level = LOG_ERR;

	log_clean(line, len, text, sizeof(text));
	if (at[0] == '<' && at[1] >= '0' && at[1] <= '7' && at[2] == '>') {
		level = at[1] - '0';
		at += 3;
	}
	while (strncmp(at, "time=", 5) == 0 || strncmp(at, "proc=", 5) == 0)
		at += strcspn(at, " ") + (strchr(at, ' ') != NULL);
	version = strstr(at, UPGRADE_TRIAL);
	if (version)
		snprintf(u->to, sizeof(u->to), "%.*s", (int)sizeof(u->to) - 1,
		    version + strlen(UPGRADE_TRIAL));
	else if (level <= LOG_ERR && !u->why[0])
		snprintf(u->why, sizeof(u->why), "%s", at);
}

/* ---- The trial and what follows ---- */

static void
free_upgrade(struct upgrade *u)
{
	timer_stop(&u->timer);
	watch_set(u->m->loop, &u->death, 0);
	if (u->death.fd != -1)
		close(u->death.fd);
	log_pipe_close(&u->log);
	u->m->upgrade = NULL;
	free(u);
}

static void
flush_log(struct proc *p)
{
	log_pipe_flush(&p->log);
}

/* Become the new program.  Returns only if that fails. */
static void
execute(struct master *m, const char *to)
{
	char why[UPGRADE_WHY], program[] = "mailreeve", c[] = "-c", l[] = "-L", number[16];
	char *conf = strdup(m->opt.conf_path), *libexec = strdup(m->opt.libexec);
	char *argv[] = { program, c, conf, m->opt.libexec_given ? l : NULL, libexec, NULL };
	struct generation *g;
	int fd, error;

	TAILQ_FOREACH(g, &m->generations, link)
	generation_each(g, flush_log);
	snprintf(m->up.from, sizeof(m->up.from), "%s", MAILREEVE_VERSION);
	fd = conf && libexec ? saved_write(m, 1) : -1;
	if (fd != -1) {
		snprintf(number, sizeof(number), "%d", fd);
		setenv(SAVED_ENV, number, 1);
		execv(m->opt.program, argv);
		error = errno;
		unsetenv(SAVED_ENV);
		saved_cancel(m);
		close(fd);
		errno = error;
	}
	m->up.from[0] = '\0';
	snprintf(why, sizeof(why), "%s: %s", m->opt.program, strerror(errno));
	say_refused(m, to, why);
	free(conf);
	free(libexec);
}

static void
reason_of(const struct upgrade *u, const siginfo_t *si, char why_r[UPGRADE_WHY])
{
	if (u->is_late)
		snprintf(why_r, UPGRADE_WHY, "the trial of %s was not over after %d s",
		    u->m->opt.program, TRIAL_MOST / 1000);
	else if (u->why[0])
		snprintf(why_r, UPGRADE_WHY, "%s", u->why);
	else
		snprintf(why_r, UPGRADE_WHY, "the trial of %s ended with %s %d", u->m->opt.program,
		    si->si_code == CLD_EXITED ? "status" : "signal", si->si_status);
}

static void
trial_over(struct upgrade *u, const siginfo_t *si)
{
	struct master *m = u->m;
	int again = m->up.again, good = si->si_code == CLD_EXITED && si->si_status == 0;
	char to[UPGRADE_VERSION], why[UPGRADE_WHY];

	log_pipe_flush(&u->log);
	memcpy(to, u->to, sizeof(to));
	reason_of(u, si, why);
	free_upgrade(u);
	if (m->stopping) {
		say_refused(m, to, "stopping");
	} else if (m->building) {
		m->up.again = 1;
	} else if (again) {
		/* Asked for since: the program may be another one by now. */
		m->up.again = 0;
		upgrade_begin(m);
	} else if (!good) {
		say_refused(m, to, why);
	} else {
		execute(m, to);
	}
}

static void
on_trial_end(struct watch *w, uint32_t events)
{
	siginfo_t si = { 0 };

	(void)events;
	if (waitid(P_PIDFD, (id_t)w->fd, &si, WEXITED | WNOHANG) == -1)
		si.si_code = 0;
	trial_over(CONTAINER(w, struct upgrade, death), &si);
}

static void
on_trial_timeout(struct timer *t)
{
	struct upgrade *u = CONTAINER(t, struct upgrade, timer);

	u->is_late = 1;
	if (spawn_kill(u->death.fd, 0) == -1 && errno != ESRCH)
		trial_over(u, &(siginfo_t){ 0 }); /* without its end */
}

/* Start the trial: `mailreeve -t` of the new program, which also looks at our state. */
static int
try(struct upgrade *u)
{
	char program[] = "mailreeve", t[] = "-t", c[] = "-c", l[] = "-L";
	char *conf = strdup(u->m->opt.conf_path), *libexec = strdup(u->m->opt.libexec);
	char *argv[] = { program, t, c, conf, u->m->opt.libexec_given ? l : NULL, libexec, NULL };
	char env[] = SAVED_ENV "=3";
	char *envp[] = { env, NULL };
	int fds[TRIAL_FD + 1] = { -1, -1, -1, -1 };
	int result = -1;
	pid_t pid;

	fds[FD_LOG] = log_pipe_open(&u->log, u->m->loop, "trial");
	u->log.tap = on_line;
	fds[TRIAL_FD] = saved_write(u->m, 0);
	if (conf && libexec && fds[FD_LOG] != -1 && fds[TRIAL_FD] != -1)
		result = spawn_path(
		    u->m->opt.program, argv, envp, fds, TRIAL_FD + 1, &pid, &u->death.fd);
	if (fds[FD_LOG] != -1)
		close(fds[FD_LOG]);
	if (fds[TRIAL_FD] != -1)
		close(fds[TRIAL_FD]);
	free(conf);
	free(libexec);
	return result == -1 ? -1 : watch_set(u->m->loop, &u->death, EPOLLIN);
}

void
upgrade_begin(struct master *m)
{
	char why[UPGRADE_WHY];
	struct upgrade *u;

	if (m->stopping) {
		say_refused(m, "", "stopping");
		return;
	}
	if (m->upgrade || m->building || !m->current) {
		m->up.again = 1;
		return;
	}
	u = calloc(1, sizeof(*u));
	if (!u) {
		say_refused(m, "", "out of memory");
		return;
	}
	u->m = m;
	u->death = (struct watch){ .fn = on_trial_end, .fd = -1 };
	u->log.watch.fd = -1;
	u->timer.fn = on_trial_timeout;
	m->upgrade = u;
	if (try(u) == -1) {
		snprintf(why, sizeof(why), "%s: %s", m->opt.program, strerror(errno));
		free_upgrade(u);
		say_refused(m, "", why);
		return;
	}
	timer_set(m->loop, &u->timer, TRIAL_MOST);
}

static void
on_later(struct timer *t)
{
	struct master *m = CONTAINER(t, struct master, upgrade_later);

	if (!m->up.again)
		return;
	m->up.again = 0;
	upgrade_begin(m);
}

void
upgrade_go_on(struct master *m)
{
	if (!m->up.again || m->done)
		return;
	m->upgrade_later.fn = on_later;
	timer_set(m->loop, &m->upgrade_later, 0);
}
