/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * mailreeve, the master: reads the configuration, opens ports, accepts, and starts and ends the
 * processes that do the work.  Runs as root, reads no byte of a client or server, links no TLS.
 */
#include "common/clock.h"
#include "common/container.h"
#include "common/log.h"
#include "master/child/logs.h"
#include "master/child/proc.h"
#include "master/child/spawn.h"
#include "master/control/control.h"
#include "master/door/accept.h"
#include "master/door/inherit.h"
#include "master/door/listen.h"
#include "master/host/needs.h"
#include "master/host/notify.h"
#include "master/host/options.h"
#include "master/host/rlimit.h"
#include "master/host/rootdir.h"
#include "master/host/sandbox.h"
#include "master/life/children.h"
#include "master/life/leave.h"
#include "master/life/manager.h"
#include "master/life/reload.h"
#include "master/life/stop.h"
#include "master/life/succession.h"
#include "master/life/watchdog.h"
#include "master/servers/carry.h"
#include "master/servers/checked.h"
#include "master/upgrade/orphans.h"
#include "master/upgrade/restored.h"
#include "master/upgrade/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define TICK  250  /* milliseconds */
#define STALL 1000 /* a tick that comes so late was our own fault */

/* ---- Signals ---- */

static void
on_hup(struct master *m)
{
	reload_begin(m, RELOAD_FILE);
}

static void
on_term(struct master *m)
{
	stop_begin(m, STOP_DRAIN, m->current ? m->current->conf->timeouts.stop : m->stop_time);
}

static void
on_usr1(struct master *m)
{
	stop_begin(m, STOP_DRAIN, STOP_NO_END);
}

static void
on_int(struct master *m)
{
	stop_begin(m, STOP_NOW, 0);
}

/* URG first: the manager's TERM may have come together with it. */
static const struct {
	int number;
	void (*act)(struct master *m);
} actions[] = {
	{ SIGURG, leave_begin },
	{ SIGHUP, on_hup },
	{ SIGUSR2, upgrade_begin },
	{ SIGUSR1, on_usr1 },
	{ SIGTERM, on_term },
	{ SIGINT, on_int },
	{ SIGQUIT, on_int },
};
#define ACTIONS (sizeof(actions) / sizeof(actions[0]))

static void
on_signal(struct watch *w, uint32_t events)
{
	struct master *m = CONTAINER(w, struct master, signals);
	struct signalfd_siginfo si;
	sigset_t set;

	(void)events;
	sigemptyset(&set);
	while (read(w->fd, &si, sizeof(si)) == sizeof(si))
		sigaddset(&set, (int)si.ssi_signo);
	for (size_t i = 0; i < ACTIONS; i++)
		if (sigismember(&set, actions[i].number) == 1)
			actions[i].act(m);
}

static void
signals_open(struct master *m)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	for (size_t i = 0; i < ACTIONS; i++)
		sigaddset(&set, actions[i].number);
	sigprocmask(SIG_BLOCK, &set, NULL);
	m->signals = (struct watch){ .fn = on_signal };
	m->signals.fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (m->signals.fd == -1 || watch_set(m->loop, &m->signals, EPOLLIN) == -1)
		fatal("cannot watch for signals: %s", strerror(errno));
}

/* ---- Ticks ---- */

/* The longest time that a first check may take. */
static uint64_t
first_checks(const struct conf *conf)
{
	uint64_t most = 0;

	for (size_t i = 0; i < conf->backend_count; i++)
		if (conf->backends[i].check.timeout > most)
			most = conf->backends[i].check.timeout;
	return most;
}

/* Say once that the service is there: ports open, workers up, first checks done. */
static void
say_ready(struct master *m)
{
	struct generation *g = m->current;

	if (m->said_ready || !g || m->reloading)
		return;
	if (!servers_settled(&g->servers) &&
	    loop_now(m->loop) - m->serves_since < first_checks(g->conf))
		return;
	m->said_ready = 1;
	log_say(LOG_NOTICE, "ready");
	upgrade_served(m);
	notify_ready(m->notify);
}

static void
on_tick(struct timer *t)
{
	struct master *m = CONTAINER(t, struct master, tick);
	uint64_t now = loop_now(m->loop);
	int after_stall = now - m->ticked >= STALL;
	struct generation *g, *next;

	m->ticked = now;
	for (g = TAILQ_FIRST(&m->generations); g; g = next) {
		next = TAILQ_NEXT(g, link);
		watchdog_tick(g, after_stall);
	}
	if (m->current)
		checked_tick(&m->current->servers);
	accept_resume(&m->door);
	say_ready(m);
	if (log_lost() > m->lost_told) {
		uint64_t lost = log_lost() - m->lost_told;

		log_say(LOG_WARNING, "%llu log lines dropped: stderr is blocked",
		    (unsigned long long)lost);
		m->lost_told += lost;
	}
	manager_tick(m);
	timer_set(m->loop, t, TICK);
}

/* ---- What life says, and who wants to hear it ---- */

static void
on_reloading(struct master *m)
{
	notify_reloading(m->notify);
}

static void
on_reloaded(struct master *m, enum reload_kind kind, const char *why)
{
	if (!why)
		upgrade_complete(m);
	requests_ready(&m->requests, &m->reloads[kind], m->reloads[kind].begun);
	if (!m->stopping)
		notify_reloaded(m->notify);
	if (why)
		upgrade_half(m, why);
	upgrade_go_on(m);
}

static void
on_applied(struct master *m)
{
	control_open(m, m->current->conf);
}

static void
on_stopping(struct master *m)
{
	notify_stopping(m->notify);
}

static const struct life_events events = {
	.reloading = on_reloading,
	.reloaded = on_reloaded,
	.applied = on_applied,
	.stopping = on_stopping,
};

/* ---- Start and end ---- */

static void
helpers_open(struct master *m)
{
	static const char *const names[HELPER_COUNT] = { "mailreeve-worker", "mailreeve-checker",
		"mailreeve-keeper" };

	for (int i = 0; i < HELPER_COUNT; i++) {
		m->helpers[i] = spawn_open(m->opt.libexec, names[i]);
		if (m->helpers[i] == -1)
			fatal("%s/%s: %s; -L names the directory of the helper programs",
			    m->opt.libexec, names[i], strerror(errno));
	}
}

static void
warn_not_root(const struct master *m)
{
	if (m->drop || m->opt.testing)
		return;
	log_say(LOG_WARNING,
	    "not started as root: user, keeper_user and checker_user are ignored, all processes "
	    "run "
	    "as uid %u, without chroot; ports below 1024 may be out of reach",
	    (unsigned)geteuid());
}

static void
init(struct master *m)
{
	struct room room;

	TAILQ_INIT(&m->generations);
	door_init(&m->door, &children_door, 0);
	servers_all_init(&m->servers, &children_servers);
	rlimit_raise(&room, m->opt.testing);
	m->door.taker_most = room.worker_conns;
	m->door.conns.held_most = room.held;
	m->loop = loop_new();
	if (!m->loop)
		fatal("cannot make an event loop: %s", strerror(errno));
	requests_init(&m->requests, m->loop);
	m->door.loop = m->loop;
	m->events = &events;
	memcpy(m->owners, children, sizeof(m->owners));
	reload_init(m);
	m->started_mono = m->ticked = mono_ms();
	m->started_real = real_ms();
	/* Ids go on growing over restarts, of which no two are in one 16th of a second, and a
	 * double holds them exactly. */
	m->door.next_id = m->started_real * 16 / 1000 << 16;
	if (getrandom(m->ticket_seed, sizeof(m->ticket_seed), 0) != sizeof(m->ticket_seed))
		fatal("no random bytes: %s", strerror(errno));
	m->drop = geteuid() == 0;
	for (int i = 0; i < HELPER_COUNT; i++)
		m->tried[i] = m->stored[i] = -1;
	m->tick.fn = on_tick;
	timer_set(m->loop, &m->tick, TICK);
}

/* Go on where the program before this one in the same process has stopped. */
static void
take_over(struct master *m, int saved)
{
	struct generation *g, *next;
	char why[256];

	if (saved == -1)
		return;
	if (m->opt.testing) {
		/* The trial of an upgrade: what we would be given to go on with. */
		if (restored_check(saved, why, sizeof(why)) == -1)
			fatal("%s", why);
		log_say(LOG_INFO, UPGRADE_TRIAL "%s", MAILREEVE_VERSION);
		return;
	}
	if (restored_load(m, saved, why, sizeof(why)) == -1)
		log_say(LOG_ERR, "%s", why);
	control_resume(m);
	if (m->current)
		reload_apply(m);
	if (m->said_ready)
		notify_ready(m->notify);
	/* The log says it again when what this program has started serves. */
	m->said_ready = 0;
	log_say(LOG_NOTICE, "re-executed, version %s", MAILREEVE_VERSION);
	m->force_new = 1;
	for (g = TAILQ_FIRST(&m->generations); g; g = next) {
		next = TAILQ_NEXT(g, link);
		if (g->state == GEN_CURRENT)
			carry_heirs(&g->servers);
		succession_progress(g);
	}
	accept_resume(&m->door);
}

/* Children that are still there when the loop ends: a stop at once, or a failed start. */
static void
end_all(struct master *m)
{
	struct generation *g;

	TAILQ_FOREACH(g, &m->generations, link)
	generation_each(g, proc_end);
}

/* As the configuration will have it, as far as that can be known before it is read. */
static void
open_log(struct master *m)
{
	/* The trial of an upgrade writes for the master that tries it. */
	log_shared();
	log_marked(m->journal || m->opt.testing);
	if (m->opt.testing)
		log_process("trial");
	log_open(
	    m->log_fd, LOG_INFO, !m->opt.testing && logs_wants_json(m->opt.conf_path), !m->journal);
}

int
main(int argc, char **argv)
{
	static struct master m;
	int saved;

	/* 0, 1 and 2 are never anything else's numbers. */
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) == -1)
			(void)open("/dev/null", O_RDWR);
	options_read(argc, argv, &m.opt);
	m.log_fd = logs_stderr(&m.journal);
	saved = restored_take();
	m.plain = m.opt.testing && saved == -1;
	if (m.plain)
		log_plain(STDERR_FILENO);
	else
		open_log(&m);
	init(&m);
	needs_check();
	m.notify = notify_open();
	orphans_take(&m);
	inherit_listeners(&m.door);
	if (saved == -1 && !m.opt.testing)
		reload_open_ports(&m);
	master_sandbox(&m.walls);
	signals_open(&m);
	helpers_open(&m);
	warn_not_root(&m);
	take_over(&m, saved);
	/* Re-executed: the children of before are in it. */
	if (m.drop && !m.rootdir[0])
		rootdir_make(m.rootdir, sizeof(m.rootdir));
	reload_begin(&m, RELOAD_FILE);
	while (!m.done)
		if (loop_once(m.loop, -1) == -1)
			fatal("the event loop failed: %s", strerror(errno));
	if (m.stopping != STOP_LEAVE)
		end_all(&m);
	control_close(&m);
	rootdir_remove(m.rootdir);
	if (m.opt.testing && m.status == 0)
		puts("configuration ok");
	else if (!m.opt.testing && m.status == 0)
		log_say(
		    LOG_NOTICE, m.stopping == STOP_LEAVE ? "left to the next master" : "stopped");
	return m.status;
}
