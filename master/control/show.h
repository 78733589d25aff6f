/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The answers of the control socket that show something: text into a stream. */
#ifndef MASTER_CONTROL_SHOW_H
#define MASTER_CONTROL_SHOW_H

#include "master/life/master.h"

#include <stdio.h>

void show_help(FILE *f, int reads_only);
void show_info(struct master *m, FILE *f);
void show_state(struct master *m, FILE *f);
void show_workers(struct master *m, FILE *f);

#endif
