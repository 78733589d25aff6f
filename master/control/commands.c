/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Which folder brings commands, and what its commands work on; and the list of them all.  Master. */
#include "master/control/commands.h"

#include "master/control/show.h"
#include "master/life/commands.h"
#include "master/upgrade/commands.h"

#include <string.h>

static void
run_help(struct request *r)
{
	for (int i = 0; i < CONTROL_COUNT; i++)
		if (control_commands[i].reads || !r->reads_only)
			fprintf(r->out, "%-20s %s\n", control_commands[i].words,
			    control_commands[i].help);
}

static const struct command help_commands[1] = { { .name = CONTROL_HELP, .run = run_help } };

void
commands_list(struct master *m, struct command_set sets_r[COMMANDS_SETS])
{
	const struct command_set sets[COMMANDS_SETS] = {
		COMMAND_SET(help_commands, NULL),
		COMMAND_SET(show_commands, m),
		COMMAND_SET(life_commands, m),
		COMMAND_SET(upgrade_commands, m),
	};

	memcpy(sets_r, sets, sizeof(sets));
}
