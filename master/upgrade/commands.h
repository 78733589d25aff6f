/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The control socket's command `upgrade`. */
#ifndef MASTER_UPGRADE_COMMANDS_H
#define MASTER_UPGRADE_COMMANDS_H

#include "master/command/command.h"

/* It works on a struct master, and waits for its struct upgrading. */
extern const struct command upgrade_commands[1];

#endif
