/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Words for the administrator: of the configuration, and of the files that it names. */
#ifndef MASTER_LIFE_SAY_H
#define MASTER_LIFE_SAY_H

#include "master/life/master.h"

/* An error or a warning; while a reload goes on its answer has the errors as well. */
void say(struct master *m, enum problem_kind kind, const char *text);
void say_all(struct master *m, const struct problems *p);

#endif
