/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What runs, in words and in HAProxy's formats.  Master.  Reads its own state, the workers'
 * tallies, and /proc for the memory of processes.
 */
#include "master/control/show.h"

#include "common/clock.h"
#include "common/control.h"
#include "common/log.h"
#include "common/tally.h"
#include "master/child/proc.h"
#include "master/host/sandbox.h"
#include "master/life/counts.h"
#include "master/life/generation.h"
#include "master/servers/servers.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* srv_op_state and srv_check_result of HAProxy's management guide, section 9.3. */
enum { OP_STOPPED = 0, OP_STARTING = 1, OP_RUNNING = 2, OP_STOPPING = 3 };
enum { RESULT_UNKNOWN = 0, RESULT_FAILED = 2, RESULT_PASSED = 3 };
enum { ADMIN_FMAINT = 0x01, ADMIN_FDRAIN = 0x08 };
enum { CHECK_CONFIGURED = 0x02, CHECK_ENABLED = 0x04 };

/* Resident memory of a process in KiB, 0 when it cannot be read. */
static unsigned long
memory_of(pid_t pid)
{
	unsigned long pages = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (fscanf(f, "%*u %lu", &pages) != 1)
		pages = 0;
	fclose(f);
	return pages * (unsigned long)sysconf(_SC_PAGESIZE) / 1024;
}

/* Log lines that children could not write, and ours. */
static uint64_t
lines_lost(struct master *m)
{
	uint64_t sum = log_lost();
	struct generation *g;

	TAILQ_FOREACH(g, &m->generations, link)
	for (uint32_t i = 0; i < g->worker_count; i++)
		if (g->workers[i].tally) /* a place may be empty after a crash of ours */
			sum += atomic_load(&g->workers[i].tally->worker->log_lost);
	return sum;
}

/* Whether the file says something else than what runs: 1, 0; -1 when it cannot be read. */
static int
config_differs(const struct master *m)
{
	struct problems p = { 0 };
	char *text = NULL;
	struct conf *conf = conf_load(m->opt.conf_path, &p, &text);
	int differs = -1;

	if (conf && m->current)
		differs = strcmp(text, m->current->text) != 0;
	conf_free(&conf);
	problems_clear(&p);
	free(text);
	return differs;
}

/* A moment as RFC 3339 has it. */
static void
print_time(FILE *f, const char *key, uint64_t ms)
{
	time_t t = (time_t)(ms / 1000);
	char text[32];
	struct tm tm;

	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
	fprintf(f, "%s: %s\n", key, text);
}

static void
print_memory(FILE *f, const struct proc *p)
{
	if (proc_alive(p))
		fprintf(f, "Memory_%s_%u_%d_KB: %lu\n", role_name(p->role), p->slot, (int)p->pid,
		    memory_of(p->pid));
}

static void
run_info(struct request *r)
{
	struct master *m = r->of;
	FILE *f = r->out;
	uint64_t up = (mono_ms() - m->started_mono) / 1000;
	const struct generation *g = m->current;
	const struct errors *e = &m->reloads[RELOAD_FILE].errors;
	int differs = config_differs(m);
	char brief[ERRORS_LINE];

	fprintf(f, "Name: Mailreeve\nVersion: %s\n", MAILREEVE_VERSION);
	fprintf(f, "Nbproc: %u\nPid: %d\n", g ? g->worker_count : 0, (int)getpid());
	fprintf(f, "Uptime: %" PRIu64 "d %" PRIu64 "h%02" PRIu64 "m%02" PRIu64 "s\n", up / 86400,
	    up / 3600 % 24, up / 60 % 60, up % 60);
	fprintf(f, "Uptime_sec: %" PRIu64 "\n", up);
	print_time(f, "Start_time", m->started_real);
	fprintf(f, "CurrConns: %zu\nCumConns: %" PRIu64 "\n", counts_all(m), m->door.accepted);
	fprintf(f, "Conns_parked: %zu\nConns_held: %zu\n", m->door.conns.parked_count,
	    m->door.conns.held_count);
	fprintf(f, "Stopping: %d\n", m->stopping != STOP_NO);
	if (g) {
		fprintf(f, "Generation: %u\n", g->id);
		print_time(f, "Config_loaded", g->made);
	}
	fprintf(f, "Config_file: %s\nConfig_differs: %s\n", m->opt.conf_path,
	    differs == 1     ? "yes" :
		differs == 0 ? "no" :
			       "the file has errors");
	fprintf(f, "Reload_error: %s\n", e->count ? errors_brief(e, brief, sizeof(brief)) : "-");
	fprintf(f, "Log_lines_lost: %" PRIu64 "\n", lines_lost(m));
	master_sandbox_show(&m->walls, f);
	fprintf(f, "Memory_master_KB: %lu\n", memory_of(getpid()));
	TAILQ_FOREACH(g, &m->generations, link)
	{
		for (uint32_t i = 0; i < g->worker_count; i++)
			print_memory(f, &g->workers[i].p);
		print_memory(f, &g->keeper);
		print_memory(f, &g->checker);
	}
}

/* ---- show workers ---- */

static const char *
state_word(enum proc_state s)
{
	switch (s) {
	case PROC_NONE:
		return "none";
	case PROC_STARTING:
		return "starting";
	case PROC_SERVING:
		return "serving";
	case PROC_RETIRING:
		return "retiring";
	case PROC_ENDING:
		return "ending";
	}
	return "-";
}

static void
print_process(FILE *f, const struct proc *p, uint64_t now, const char *conns)
{
	fprintf(f, "%u %s %u %d %s %" PRIu64 " %lu %s\n", gen_of(p)->id, role_name(p->role),
	    p->slot, proc_alive(p) ? (int)p->pid : 0, state_word(p->state),
	    proc_alive(p) ? (now - p->born) / 1000 : 0, proc_alive(p) ? memory_of(p->pid) : 0,
	    conns);
}

static void
run_workers(struct request *r)
{
	const struct master *m = r->of;
	FILE *f = r->out;
	uint64_t now = loop_now(m->loop);
	const struct generation *g;
	char conns[24];

	fprintf(f, "# generation process slot pid state age memory_kb connections\n");
	TAILQ_FOREACH(g, &m->generations, link)
	{
		for (uint32_t i = 0; i < g->worker_count; i++) {
			snprintf(conns, sizeof(conns), "%zu", counts_worker(&g->workers[i]));
			print_process(f, &g->workers[i].p, now, conns);
		}
		print_process(f, &g->keeper, now, "-");
		print_process(f, &g->checker, now, "-");
	}
}

/* ---- Servers ---- */

static int
op_state(const struct server *s)
{
	if (!health_usable(s->health.state) || s->addr_count == 0 || (s->admin & ADMIN_MAINT))
		return OP_STOPPED;
	if (s->admin & ADMIN_DRAIN || s->left)
		return OP_STOPPING;
	return s->slowstart < 256 ? OP_STARTING : OP_RUNNING;
}

/* HAProxy's counter: from 0 to rise - 1 when down, from rise to rise + fall - 1 when up. */
static uint32_t
check_health(const struct server *s, const struct conf_check *c)
{
	switch (s->health.state) {
	case HEALTH_UP:
		return c->rise + c->fall - 1;
	case HEALTH_GOING_DOWN:
		return c->rise + c->fall - 1 - s->health.streak;
	case HEALTH_GOING_UP:
		return s->health.streak;
	case HEALTH_CHECKING:
	case HEALTH_DOWN:
		break;
	}
	return 0;
}

static void
print_state(FILE *f, const struct generation *g, const struct server *s, unsigned id)
{
	const struct conf_backend *b = &g->conf->backends[s->conf->backend];
	int unknown = s->status == CHECK_UNKNOWN || s->status == CHECK_INI;
	int admin = (s->admin & ADMIN_MAINT ? ADMIN_FMAINT : 0) |
	    (s->admin & ADMIN_DRAIN ? ADMIN_FDRAIN : 0);
	char ip[ADDR_TEXT];

	fprintf(f, "%u %s %u %s %s ", s->conf->backend + 1, b->name, id, s->name,
	    s->addr_count ? addr_ip_text(&s->addrs[0], ip) : "-");
	fprintf(f, "%d %d %u %u %" PRIu64 " %u %d %u %d 0 0 0 %s %u - %d %u - - 0\n", op_state(s),
	    admin, s->conf->weight, s->conf->weight, (real_ms() - s->since) / 1000,
	    (unsigned)s->status,
	    unknown       ? RESULT_UNKNOWN :
		s->passed ? RESULT_PASSED :
			    RESULT_FAILED,
	    check_health(s, &b->check),
	    conf_is_checked(g->conf, s->conf) ? CHECK_CONFIGURED | CHECK_ENABLED : 0,
	    s->conf->host ? s->conf->host : "-", s->conf->addr.port, b->tls.on,
	    s->conf->check_port ? s->conf->check_port : b->check.port);
}

static void
run_state(struct request *r)
{
	const struct master *m = r->of;
	FILE *f = r->out;
	const struct generation *g = m->current;
	uint32_t backend = UINT32_MAX;
	unsigned id = 0;

	fprintf(f,
	    "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight "
	    "srv_iweight srv_time_since_last_change srv_check_status srv_check_result "
	    "srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id "
	    "srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr "
	    "srv_agent_port\n");
	for (uint32_t i = 0; g && i < g->conf->slot_count; i++) {
		const struct server *s = &g->servers.slots[i];

		if (s->conf->backend != backend)
			id = 0;
		backend = s->conf->backend;
		id++;
		if (!server_is_free(s))
			print_state(f, g, s, id);
	}
}

const struct command show_commands[3] = {
	{ .name = CONTROL_SHOW_INFO, .run = run_info },
	{ .name = CONTROL_SHOW_STATE, .run = run_state },
	{ .name = CONTROL_SHOW_WORKERS, .run = run_workers },
};
