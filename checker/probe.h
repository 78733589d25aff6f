/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Is a server that says nothing a TLS port?  It then waits for the client to begin, as it would
 * for ever; a ClientHello tells it from one that hangs.
 */
#ifndef CHECKER_PROBE_H
#define CHECKER_PROBE_H

#include "checker/wire.h"

/*
 * Begin TLS on a plain wire, or go on with it.  IO_WAIT; IO_DONE: the server speaks TLS; IO_FAILED:
 * it does not, or that cannot be tried.
 */
enum io probe_tls(struct wire *w);

#endif
