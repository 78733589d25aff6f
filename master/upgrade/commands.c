/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Who asks for an upgrade waits for its end, which the new program tells.  Master. */
#include "master/upgrade/commands.h"

#include "master/life/generation.h"
#include "master/life/status.h"
#include "master/upgrade/upgrade.h"

static void
fill_upgrade(struct request *r)
{
	const struct master *m = r->of;
	char words[STATUS_UPGRADE];

	if (*status_upgrade(m, words))
		fprintf(r->out, "%s%s\n", CONTROL_ERROR, words);
	else
		fprintf(r->out, "upgraded: version %s, generation %u\n", MAILREEVE_VERSION,
		    m->current ? m->current->id : 0);
}

static void
resume_upgrade(struct request *r)
{
	const struct master *m = r->of;

	request_wait(r, &m->up, 0, fill_upgrade, REQUEST_HOUR);
}

static void
run_upgrade(struct request *r)
{
	resume_upgrade(r);
	upgrade_begin(r->of);
}

const struct command upgrade_commands[1] = {
	{ .name = CONTROL_UPGRADE, .run = run_upgrade, .resume = resume_upgrade },
};
