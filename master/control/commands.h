/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* All commands of the control socket: the arrays that the folders bring. */
#ifndef MASTER_CONTROL_COMMANDS_H
#define MASTER_CONTROL_COMMANDS_H

#include "master/command/command.h"

struct master;

#define COMMANDS_SETS 4
void commands_list(struct master *m, struct command_set sets_r[COMMANDS_SETS]);

#endif
