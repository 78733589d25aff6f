/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Everything that the checker may report.  It talks to servers and to DNS, so its bytes are as
 * good as theirs: every field of a record is checked before anything is done with it.
 */
#include "master/life/from_checker.h"

#include "common/container.h"
#include "common/log.h"
#include "common/mail/reason.h"
#include "master/child/from_child.h"
#include "master/servers/checked.h"
#include "master/servers/resolved.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define REPORTS_PER_PASS 32
#define CHECK_MS_MOST    (24u * 3600 * 1000)
#define DAYS_MOST        (100 * 366)

static const struct from_rule table[MSG_COUNT] = {
	[MSG_READY] = { from_ready, PROC_STARTING },
	[MSG_FAILED] = { from_failed, PROC_STARTING },
	[MSG_PONG] = { from_pong, PROC_SERVING },
};

static int
is_clean_text(const char *s, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (s[i] == '\0')
			return 1;
		if (s[i] < ' ' || s[i] > '~')
			return 0;
	}
	return 0;
}

/* The server that a slot belongs to. */
static const struct conf_server *
server_of(const struct conf *conf, uint32_t slot)
{
	for (size_t i = 0; i < conf->server_count; i++)
		if (slot - conf->servers[i].slot < conf->servers[i].slots)
			return &conf->servers[i];
	return NULL;
}

static const char *
result_wrong(const struct report *r, const struct conf *conf)
{
	const struct conf_server *s = server_of(conf, r->server);

	if (!s || !conf_is_checked(conf, s))
		return "reported a check of a server that has none";
	switch ((enum check_status)r->status) {
	case CHECK_SOCKERR:
	case CHECK_L4OK:
	case CHECK_L4TOUT:
	case CHECK_L4CON:
	case CHECK_L6OK:
	case CHECK_L6TOUT:
	case CHECK_L6RSP:
	case CHECK_L7TOUT:
	case CHECK_L7RSP:
	case CHECK_L7OK:
	case CHECK_L7STS:
		break;
	case CHECK_UNKNOWN:
	case CHECK_INI:
	default:
		return "reported a check with an unknown status";
	}
	if (r->ok > 1 || r->ms > CHECK_MS_MOST)
		return "reported a check with a number out of range";
	return NULL;
}

static const char *
addresses_wrong(const struct report *r, const struct conf *conf)
{
	const struct conf_server *s = server_of(conf, r->server);

	if (!s || s->slot != r->server || !s->host)
		return "reported addresses of a server without a name";
	if (r->count > REPORT_ADDRS)
		return "reported more addresses than fit";
	for (uint32_t i = 0; i < r->count; i++)
		if ((r->addrs[i].family != ADDR_V4 && r->addrs[i].family != ADDR_V6) ||
		    r->addrs[i].wildcard || r->addrs[i].port != s->addr.port)
			return "reported an invalid address";
	return NULL;
}

const char *
report_wrong(const struct report *r, const struct conf *conf)
{
	if (r->server >= conf->slot_count)
		return "reported on a server that does not exist";
	if (!is_clean_text(r->found.text, sizeof(r->found.text)))
		return "reported an invalid text";
	if ((r->found.reason && !reason_known(r->found.reason)) || r->found.with & ~WITH_ALL)
		return "reported a reason that does not exist";
	switch ((enum report_type)r->type) {
	case REPORT_RESULT:
		return result_wrong(r, conf);
	case REPORT_ADDRESSES:
		return addresses_wrong(r, conf);
	case REPORT_CERT_DAYS:
		return r->days < -DAYS_MOST || r->days > DAYS_MOST ?
		    "reported a number of days out of range" :
		    NULL;
	default:
		return "sent an unknown kind of report";
	}
}

static void
take(struct generation *g, const struct report *r)
{
	switch ((enum report_type)r->type) {
	case REPORT_RESULT:
		checked_result(&g->servers, r->server, r);
		break;
	case REPORT_ADDRESSES:
		resolved_addresses(&g->servers, r->server, r);
		break;
	case REPORT_CERT_DAYS:
		checked_days(&g->servers, r->server, r->days);
		break;
	}
}

/*
 * The pipe of a checker from before an upgrade: records of another size cannot be told apart.  Its
 * generation is about to be replaced, and the next checker finds out the same and more.
 */
static void
pass_over(struct generation *g)
{
	if (!g->report_strange)
		log_say(LOG_NOTICE,
		    "checker: generation %u is of another version: its reports are ignored "
		    "until "
		    "the upgrade is complete",
		    g->id);
	g->report_strange = 1;
}

const char *
reports_read(struct generation *g, int all, int *gone_r)
{
	struct report reports[REPORTS_PER_PASS];
	const char *wrong;
	ssize_t n;

	*gone_r = 0;
	do {
		/* Records are written whole, so whole ones are read. */
		n = read(g->report.fd, reports, sizeof(reports));
		if (n == 0)
			*gone_r = 1;
		if (n == -1 && errno != EAGAIN && errno != EINTR)
			*gone_r = 1;
		if (n <= 0)
			return NULL;
		if (g->report_size != sizeof(struct report)) {
			pass_over(g);
			continue;
		}
		if ((size_t)n % sizeof(struct report) != 0)
			return "wrote half a report";
		for (size_t i = 0; i < (size_t)n / sizeof(struct report); i++) {
			wrong = report_wrong(&reports[i], g->conf);
			if (wrong)
				return wrong;
			/* An older generation's checker has been told to end. */
			if (g->state != GEN_OLD)
				take(g, &reports[i]);
		}
	} while (all);
	return NULL;
}

static void
on_report(struct watch *w, uint32_t events)
{
	struct generation *g = CONTAINER(w, struct generation, report);
	const char *reason;
	int gone;

	(void)events;
	reason = reports_read(g, 0, &gone);
	if (reason)
		proc_kill(&g->checker, reason);
	if (reason || gone)
		watch_set(g->m->loop, w, 0);
}

int
reports_open(struct generation *g, int fd)
{
	g->report = (struct watch){ .fn = on_report, .fd = fd };
	return watch_set(g->m->loop, &g->report, EPOLLIN);
}

void
reports_close(struct generation *g)
{
	if (g->report.fd == -1)
		return;
	watch_set(g->m->loop, &g->report, 0);
	close(g->report.fd);
	g->report.fd = -1;
}

const char *
from_checker(struct proc *p, int all, int *gone_r)
{
	/* Its last words: what it has found is no less true. */
	if (all && gen_of(p)->report.fd != -1)
		(void)reports_read(gen_of(p), 1, gone_r);
	return from_child(p, table, all, gone_r);
}
