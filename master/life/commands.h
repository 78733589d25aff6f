/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The control socket's commands about what runs: reload and status. */
#ifndef MASTER_LIFE_COMMANDS_H
#define MASTER_LIFE_COMMANDS_H

#include "master/command/command.h"

/* They work on a struct master; a reload waits for its struct reload, and the number `begun`. */
extern const struct command life_commands[3];

#endif
