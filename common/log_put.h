/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Writing a log line without waiting, also through a descriptor whose open description is not ours
 * alone, so that it cannot be put into non-blocking mode.
 */
#ifndef COMMON_LOG_PUT_H
#define COMMON_LOG_PUT_H

#include <stddef.h>
#include <sys/types.h>

enum log_kind {
	LOG_KIND_PLAIN,  /* a file, or a pipe in non-blocking mode: write() */
	LOG_KIND_SOCKET, /* the journal's */
	LOG_KIND_SHARED, /* a pipe or terminal in blocking mode */
};

enum log_kind log_kind(int fd);

/* As write(); -1 with EAGAIN where it would wait.  At most PIPE_BUF bytes. */
ssize_t log_put(int fd, enum log_kind kind, const char *bytes, size_t len);

#endif
