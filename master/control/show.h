/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The control socket's commands that show what runs, in words and in HAProxy's formats. */
#ifndef MASTER_CONTROL_SHOW_H
#define MASTER_CONTROL_SHOW_H

#include "master/command/command.h"

/* They work on a struct master. */
extern const struct command show_commands[3];

#endif
