/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Is a server that says nothing a TLS port?  Such a server waits for the client to begin; a
 * ClientHello tells it from one that hangs.
 */
#ifndef CHECKER_PROBE_H
#define CHECKER_PROBE_H

#include "checker/wire.h"

/*
 * Begin TLS on a plain wire, or go on with it.  WIRE_WAIT; WIRE_DONE: the server speaks TLS; WIRE_FAILED:
 * it does not, or we could not try.
 */
enum wire_io probe_tls(struct wire *w);

#endif
