/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Bytes from anywhere as they may stand in a log line or on a terminal. */
#ifndef COMMON_LOG_ESCAPE_H
#define COMMON_LOG_ESCAPE_H

#include <stddef.h>

/*
 * Write at most size-1 bytes of n bytes of input to out_r so that they are safe in a log line or
 * on a terminal: printable ASCII but `"` and `\` as it is, all else as \xNN.  Returns out_r.
 */
const char *log_escape(const void *in, size_t n, char *out_r, size_t size);

/* The same for words that stand for themselves: `"` and `\` stay as they are. */
const char *log_clean(const void *in, size_t n, char *out_r, size_t size);

#endif
