/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* What the master cannot do without.  Ends it with words where the kernel, or a filter, refuses. */
#ifndef MASTER_HOST_NEEDS_H
#define MASTER_HOST_NEEDS_H

void needs_check(void);

#endif
