/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Runs in the checker on a server's bytes; nothing of what it proves is believed but that it is TLS. */
#include "checker/probe.h"

#include "checker/tls.h"

enum io
probe_tls(struct wire *w)
{
	SSL *ssl;
	enum io io;

	if (w->ssl == NULL) {
		ssl = tls_probe();
		if (ssl == NULL || wire_tls(w, ssl) != IO_DONE)
			return IO_FAILED;
	}
	io = wire_handshake(w);
	if (io == IO_DONE)
		wire_finish(w);
	return io == IO_END ? IO_FAILED : io;
}
