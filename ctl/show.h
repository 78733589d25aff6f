/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Answers as people read them.
 */
#ifndef CTL_SHOW_H
#define CTL_SHOW_H

#include "common/control.h"
#include "ctl/answer.h"

#include <stdio.h>

/*
 * Print an answer.  Tables (SHAPE_TABLE and SHAPE_STATUS) are aligned and their heads written in
 * capitals; every other shape is printed as it came, HAProxy's formats with them.
 */
void show_print(FILE *out, enum control_shape shape, const struct answer *a);

/*
 * The next value of a table's row: writes where it begins to *value_r and returns its length, and
 * moves *at behind it.  With last set it is all that is left of the row.  Returns 0 at the end.
 */
size_t show_value(const char **at, int last, const char **value_r);

/* How many columns the head of a table (a line that begins with "# ") names; 0: it is none. */
size_t show_columns(const char *head);

#endif
