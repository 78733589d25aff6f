/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* What the control socket asks of the configuration that runs.  Master. */
#include "master/life/commands.h"

#include "master/life/reload.h"
#include "master/life/status.h"

static void
fill_reload(struct request *r, enum reload_kind kind, const char *done)
{
	const struct master *m = r->of;
	const struct errors *e = &m->reloads[kind].errors;
	const char *taken = m->reloads[kind].taken;

	for (size_t i = 0; i < e->count; i++)
		fprintf(r->out, "%s%s\n", i == 0 ? CONTROL_ERROR : "", e->lines[i]);
	if (e->more > 0)
		fprintf(r->out, "and %zu more; mailreeve -t prints all\n", e->more);
	if (e->count == 0)
		fprintf(r->out, "%s: generation %u%s%s\n", done, m->current ? m->current->id : 0,
		    taken ? ", taken over: " : "", taken ? taken : "");
}

static void
fill_file(struct request *r)
{
	fill_reload(r, RELOAD_FILE, "reloaded");
}

static void
fill_certs(struct request *r)
{
	fill_reload(r, RELOAD_CERTS, "certificates");
}

static void
begin(struct request *r, enum reload_kind kind, void (*fill)(struct request *r))
{
	struct master *m = r->of;
	const struct reload *reload = &m->reloads[kind];

	request_wait(r, reload, reload->begun + 1, fill, REQUEST_HOUR);
	reload_begin(m, kind);
}

static void
run_reload(struct request *r)
{
	begin(r, RELOAD_FILE, fill_file);
}

static void
run_reload_certs(struct request *r)
{
	begin(r, RELOAD_CERTS, fill_certs);
}

static void
run_status(struct request *r)
{
	status_show(r->of, r->out);
}

const struct command life_commands[3] = {
	{ .name = CONTROL_RELOAD_CERTS, .run = run_reload_certs },
	{ .name = CONTROL_RELOAD, .run = run_reload },
	{ .name = CONTROL_STATUS, .run = run_status },
};
