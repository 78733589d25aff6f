/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The start of worker/record in a process. */
#ifndef WORKER_RECORD_START_H
#define WORKER_RECORD_START_H

/*
 * Before anything else in the process uses OpenSSL: memory is wiped when OpenSSL frees it, because
 * its SSL_free leaves secrets behind.  Returns 0, or -1 if it is too late.
 */
int record_wipe_memory(void);

/*
 * Once in a process, before its system calls are restricted: prepare the ciphers, and prove on
 * handshakes in memory that what OpenSSL reports is what this module believes.  If it is, libssl
 * makes its secrets by provider.c from then on, and libcrypto's default properties must not
 * be set elsewhere.  Returns NULL, or in words why not; then record_take always says no and every
 * connection keeps its SSL object.
 */
const char *record_init(void);

#endif
