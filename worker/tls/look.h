/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* What the administrator should know of the files behind TLS. */
#ifndef WORKER_TLS_LOOK_H
#define WORKER_TLS_LOOK_H

#include "common/bundle.h"

struct tls_ctx;

/*
 * Log what the administrator should know: certificates and CRLs that have expired or soon will;
 * the first time, also which of several for one name are not shown.  For one worker of a generation to call,
 * at its start and once a day.
 */
void tls_look(const struct tls_ctx *t, int first);

/* Log what makes clients refuse a chain that is shown: once, for one worker of a generation. */
void tls_look_at_chains(const struct tls_ctx *t, const struct bundle *b);

#endif
