/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Memory behind a descriptor, for what the processes share: bundle, board and tallies. */
#ifndef COMMON_MEMFD_H
#define COMMON_MEMFD_H

#include <stddef.h>

/*
 * A new one of this size, all zero, that can be sealed and never executed, close-on-exec, and that
 * no other user could open again through /proc.  name shows in /proc/PID/maps.  -1 with errno.
 */
int memfd_new(const char *name, size_t size);

/*
 * Open it again so that it can only be read, whatever its seals permit.  Needs /proc.  A mapping
 * made through the result can not be made writable later, which one through the original could.
 */
int memfd_reader(int fd);

#endif
