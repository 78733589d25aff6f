/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* What the board says of a server's addresses.  Only read here; only the master writes it. */
#ifndef CHECKER_PLACES_H
#define CHECKER_PLACES_H

#include "common/addr.h"
#include "common/board.h"
#include "common/conf.h"
#include "common/msg.h"

#include <stddef.h>

/* The addresses that the server has at present; returns how many. */
size_t
places_read(const struct board *b, const struct conf_server *s, struct addr had_r[REPORT_ADDRS]);

/*
 * Whether checks fail at one of these addresses of the server: it may have moved.
 */
int places_unwell(
    const struct board *b, const struct conf_server *s, const struct addr *addrs, size_t count);

#endif
