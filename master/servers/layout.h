/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Which slot of the board is whose, in a generation that another version of us has made.  Master. */
#ifndef MASTER_SERVERS_LAYOUT_H
#define MASTER_SERVERS_LAYOUT_H

#include "common/conf.h"

/*
 * Lay conf's servers out as they are on this board: a name with resolve = "all" may have had
 * fewer places there than we give it.  Returns 0, or -1 with errno when no layout fits it.
 */
int layout_fit(struct conf *conf, int board_fd);

#endif
