/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Runs in the checker on a server's bytes; all that is learned from them is that they are TLS. */
#include "checker/probe.h"

#include "checker/tls.h"

enum wire_io
probe_tls(struct wire *w)
{
	SSL *ssl;
	enum wire_io io;

	if (!w->ssl) {
		ssl = tls_probe();
		if (!ssl || wire_tls(w, ssl) != WIRE_DONE)
			return WIRE_FAILED;
	}
	io = wire_handshake(w);
	if (io == WIRE_DONE)
		wire_finish(w);
	return io == WIRE_END ? WIRE_FAILED : io;
}
