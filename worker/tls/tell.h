/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* What the master hears of certificates. */
#ifndef WORKER_TLS_TELL_H
#define WORKER_TLS_TELL_H

#include "common/bundle.h"
#include "common/chan.h"

struct tls_ctx;

/*
 * Tell the master which certificates are shown, for which names, and which were left out, and
 * why.  0, or -1 with errno.
 */
int tls_tell(const struct tls_ctx *t, const struct bundle *b, const struct chan *master);

#endif
