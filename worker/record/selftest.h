/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Whether this OpenSSL does what worker/record believes of it. */
#ifndef WORKER_RECORD_SELFTEST_H
#define WORKER_RECORD_SELFTEST_H

/*
 * Handshakes in memory, every suite in each version, taken over and continued; record_take must be
 * permitted.  NULL, or in words what went wrong.
 */
const char *record_selftest(void);

#endif
