/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Trial and re-execution of a new version.  Master. */
#include "upgrade.h"

#include "../common/log.h"
#include "generation.h"
#include "logs.h"
#include "saved.h"
#include "spawn.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRIAL_MOST 60000 /* milliseconds */
#define TRIAL_FD   3     /* the state, in the trial */

struct upgrade {
	struct master *m;
	struct watch death;
	struct log_pipe log;
	struct timer timer;
};

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
execute(struct master *m)
{
	char program[] = "mailreeve", c[] = "-c", l[] = "-L", number[16];
	char *conf = strdup(m->conf_path), *libexec = strdup(m->libexec);
	char *argv[] = { program, c, conf, m->libexec_given ? l : NULL, libexec, NULL };
	struct generation *g;
	int fd, error;

	TAILQ_FOREACH(g, &m->generations, link)
	generation_each(g, flush_log);
	fd = conf && libexec ? saved_write(m, 1) : -1;
	if (fd != -1) {
		snprintf(number, sizeof(number), "%d", fd);
		setenv(SAVED_ENV, number, 1);
		execv(m->program, argv);
		error = errno;
		unsetenv(SAVED_ENV);
		saved_cancel(m);
		close(fd);
		errno = error;
	}
	log_say(LOG_ERR, "not upgraded, %s: %s", m->program, strerror(errno));
	free(conf);
	free(libexec);
}

static void
on_trial_end(struct watch *w, uint32_t events)
{
	struct upgrade *u = CONTAINER(w, struct upgrade, death);
	struct master *m = u->m;
	siginfo_t si = { 0 };
	int good;

	(void)events;
	if (waitid(P_PIDFD, (id_t)w->fd, &si, WEXITED | WNOHANG) == -1)
		return;
	good = si.si_code == CLD_EXITED && si.si_status == 0;
	free_upgrade(u);
	if (!good)
		log_say(LOG_ERR, "not upgraded: %s failed its trial (%s %d), this version goes on",
		    m->program, si.si_code == CLD_EXITED ? "status" : "signal", si.si_status);
	else if (m->building)
		m->upgrade_again = 1;
	else if (!m->stopping)
		execute(m);
}

static void
on_trial_timeout(struct timer *t)
{
	struct upgrade *u = CONTAINER(t, struct upgrade, timer);

	log_say(LOG_ERR, "the trial of the new program takes too long");
	syscall(SYS_pidfd_send_signal, u->death.fd, SIGKILL, NULL, 0);
}

/* Start the trial: `mailreeve -t` of the new program, which also looks at our state. */
static int
try(struct upgrade *u)
{
	char program[] = "mailreeve", t[] = "-t", c[] = "-c", l[] = "-L";
	char *conf = strdup(u->m->conf_path), *libexec = strdup(u->m->libexec);
	char *argv[] = { program, t, c, conf, u->m->libexec_given ? l : NULL, libexec, NULL };
	char env[] = SAVED_ENV "=3";
	char *envp[] = { env, NULL };
	int fds[TRIAL_FD + 1] = { -1, -1, -1, -1 };
	int result = -1;
	pid_t pid;

	fds[FD_LOG] = log_pipe_open(&u->log, u->m->loop);
	fds[TRIAL_FD] = saved_write(u->m, 0);
	if (conf && libexec && fds[FD_LOG] != -1 && fds[TRIAL_FD] != -1)
		result =
		    spawn_path(u->m->program, argv, envp, fds, TRIAL_FD + 1, &pid, &u->death.fd);
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
	struct upgrade *u;

	if (m->upgrade || m->stopping)
		return;
	if (m->building || !m->current) {
		m->upgrade_again = 1;
		return;
	}
	u = calloc(1, sizeof(*u));
	if (!u)
		return;
	u->m = m;
	u->death = (struct watch){ .fn = on_trial_end, .fd = -1 };
	u->log.watch.fd = -1;
	u->timer.fn = on_trial_timeout;
	m->upgrade = u;
	if (try(u) == -1) {
		log_say(LOG_ERR, "not upgraded, %s: %s", m->program, strerror(errno));
		free_upgrade(u);
		return;
	}
	timer_set(m->loop, &u->timer, TRIAL_MOST);
}
