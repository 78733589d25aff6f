/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The command line. */
#ifndef MASTER_HOST_OPTIONS_H
#define MASTER_HOST_OPTIONS_H

#include "master/life/master.h"

/* Fill in what the command line says; ends the process after -V and after a wrong one. */
void options_read(int argc, char **argv, struct master *m);

#endif
