/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The verdict, its reasons and the table of servers.  Master; reads its own state. */
#include "master/life/status.h"

#include "common/clock.h"
#include "common/control.h"
#include "master/life/counts.h"
#include "master/servers/missing.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SOON       (14 * 86400) /* seconds */
#define NAMES_MOST 5            /* servers that the first line names */

/* The first line while it is made: the worst that was found, and all that was found. */
struct verdict {
	enum control_verdict worst;
	char *text; /* open_memstream's */
	size_t size;
	FILE *f;
};

static void __attribute__((format(printf, 3, 4)))
reason(struct verdict *v, enum control_verdict how_bad, const char *fmt, ...)
{
	va_list ap;

	if (v->worst < how_bad)
		v->worst = how_bad;
	if (ftell(v->f) > 0)
		fputs("; ", v->f);
	va_start(ap, fmt);
	vfprintf(v->f, fmt, ap);
	va_end(ap);
}

const char *
status_time(uint64_t ms, char buf_r[STATUS_TIME])
{
	time_t t = (time_t)(ms / 1000), now = (time_t)(real_ms() / 1000);
	struct tm tm, today;

	localtime_r(&now, &today);
	localtime_r(&t, &tm);
	strftime(buf_r, STATUS_TIME,
	    tm.tm_year == today.tm_year && tm.tm_yday == today.tm_yday ? "%H:%M" : "%F %H:%M", &tm);
	return buf_r;
}

/* ---- Reasons ---- */

static void
look_at_frontends(struct verdict *v, const struct generation *g)
{
	char *missing = missing_servers(&g->servers), *waiting = missing_checks(&g->servers);

	if (missing)
		reason(v, VERDICT_CRITICAL, "no server for frontends %s", missing);
	if (waiting)
		reason(v, VERDICT_WARNING, "still checking the servers of frontends %s", waiting);
	free(missing);
	free(waiting);
}

/* Nobody has taken it out, and it has failed. */
static int
is_down(const struct server *s)
{
	return !server_is_free(s) && !server_serves(s) && s->health.state != HEALTH_CHECKING &&
	    !(s->admin & (ADMIN_MAINT | ADMIN_DRAIN)) && !s->left;
}

static void
look_at_servers(struct verdict *v, const struct generation *g)
{
	char names[NAMES_MOST * (2 * CONF_NAME + ADDR_TEXT + 8)];
	unsigned count = 0;
	size_t n = 0;

	for (uint32_t i = 0; i < g->conf->slot_count; i++) {
		const struct server *s = &g->servers.slots[i];

		if (is_down(s) && count++ < NAMES_MOST)
			n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s/%s",
			    n > 0 ? ", " : "", g->conf->backends[s->conf->backend].name, s->name);
	}
	if (count > NAMES_MOST)
		reason(
		    v, VERDICT_WARNING, "servers down: %s and %u more", names, count - NAMES_MOST);
	else if (count > 0)
		reason(v, VERDICT_WARNING, "server%s down: %s", count > 1 ? "s" : "", names);
}

/* Every certificate that is shown and does not last as long as it takes to notice. */
static void
look_at_certificates(struct verdict *v, const struct generation *g)
{
	uint64_t now = real_ms() / 1000;
	const struct pair *first = NULL;
	size_t count = 0;

	for (size_t i = 0; i < g->pairs.count; i++) {
		const struct pair *p = &g->pairs.items[i];

		if (p->until >= now + SOON)
			continue;
		count++;
		if (!first || p->until < first->until)
			first = p;
	}
	if (!first)
		return;
	if (first->until < now)
		reason(v, VERDICT_WARNING, "certificate %s has expired", first->file);
	else
		reason(v, VERDICT_WARNING, "certificate %s expires in %" PRIu64 " days",
		    first->file, (first->until - now) / 86400);
	if (count == 2)
		fputs(", and one more soon", v->f);
	else if (count > 2)
		fprintf(v->f, ", and %zu more soon", count - 1);
}

const char *
status_upgrade(const struct master *m, char buf_r[STATUS_UPGRADE])
{
	const struct upgrading *up = &m->up;
	char at[STATUS_TIME];

	buf_r[0] = '\0';
	if (up->why[0] && up->is_half)
		snprintf(buf_r, STATUS_UPGRADE,
		    "upgrade to %s incomplete %s: %s; the processes of %s go on", up->to,
		    status_time(up->refused, at), up->why, up->from[0] ? up->from : "before");
	else if (up->why[0])
		snprintf(buf_r, STATUS_UPGRADE, "upgrade%s%s refused %s: %s; %s runs on",
		    up->to[0] ? " to " : "", up->to, status_time(up->refused, at), up->why,
		    MAILREEVE_VERSION);
	return buf_r;
}

static void
look_at_reloads(struct verdict *v, const struct master *m)
{
	static const char *const words[RELOAD_KINDS] = { "reload", "certificates" };
	char brief[ERRORS_LINE], at[STATUS_TIME];

	for (int kind = 0; kind < RELOAD_KINDS; kind++) {
		const struct reload *r = &m->reloads[kind];

		if (r->errors.count > 0)
			reason(v, VERDICT_WARNING, "%s refused %s: %s", words[kind],
			    status_time(r->refused, at),
			    errors_brief(&r->errors, brief, sizeof(brief)));
	}
}

static void
look_at_upgrades(struct verdict *v, const struct master *m)
{
	char words[STATUS_UPGRADE];

	if (*status_upgrade(m, words))
		reason(v, VERDICT_WARNING, "%s", words);
}

static void
print_verdict(const struct master *m, const struct generation *g, FILE *f)
{
	struct server_count c = servers_count(&g->servers, UINT32_MAX);
	struct verdict v = { 0 };

	v.f = open_memstream(&v.text, &v.size);
	if (!v.f)
		return;
	look_at_frontends(&v, g);
	look_at_servers(&v, g);
	look_at_certificates(&v, g);
	look_at_reloads(&v, m);
	look_at_upgrades(&v, m);
	fclose(v.f);
	if (v.worst == VERDICT_OK)
		fprintf(
		    f, "%s%u of %u servers up\n", control_verdict_text(v.worst), c.serving, c.all);
	else
		fprintf(f, "%s%s\n", control_verdict_text(v.worst), v.text);
	free(v.text);
}

/* ---- All of it ---- */

static void
print_instance(const struct master *m, const struct generation *g, FILE *f)
{
	struct server_count c = servers_count(&g->servers, UINT32_MAX);
	uint64_t up = (mono_ms() - m->started_mono) / 1000;
	char at[STATUS_TIME];

	fprintf(f,
	    "%s, up %" PRIu64 " %s, generation %u, %zu connections, %u of %u servers up, config "
	    "%s\n",
	    MAILREEVE_VERSION,
	    up >= 86400    ? up / 86400 :
		up >= 3600 ? up / 3600 :
			     up / 60,
	    up >= 86400    ? "d" :
		up >= 3600 ? "h" :
			     "min",
	    g->id, counts_all(m), c.serving, c.all, status_time(g->made, at));
}

static const char *
admin_word(const struct server *s)
{
	return s->admin & ADMIN_MAINT         ? "maint" :
	    s->admin & ADMIN_DRAIN || s->left ? "drain" :
						"ready";
}

void
status_show(struct master *m, FILE *f)
{
	const struct generation *g = m->current;

	if (!g) {
		fprintf(f, "%sstopping\n", CONTROL_ERROR);
		return;
	}
	print_verdict(m, g, f);
	print_instance(m, g, f);
	fprintf(f, "# server state admin weight connections seconds why\n");
	for (uint32_t i = 0; i < g->conf->slot_count; i++) {
		const struct server *s = &g->servers.slots[i];

		if (!server_is_free(s))
			fprintf(f, "%s/%s %s %s %u %u %" PRIu64 " %s\n",
			    g->conf->backends[s->conf->backend].name, s->name,
			    health_name(s->health.state), admin_word(s), s->conf->weight,
			    servers_active(&g->servers, i) + s->elsewhere,
			    (real_ms() - s->since) / 1000, s->why[0] ? s->why : "-");
	}
}
