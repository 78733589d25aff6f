/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Reading a ClientHello that is not for us, in front of a server that ends TLS itself: is it one,
 * and which name does it ask for?  RFC 8446 section 4.1.2, RFC 6066 section 3.
 */
#ifndef WORKER_CONN_HELLO_H
#define WORKER_CONN_HELLO_H

#include <stddef.h>
#include <stdint.h>

/* More than any client sends, post-quantum key shares included; RFC 8446 would allow 16 MiB. */
#define HELLO_MAX 16384

/* The bytes as they came, to be passed on unchanged. */
struct hello {
	size_t size;
	uint8_t bytes[HELLO_MAX];
};

enum hello_result {
	HELLO_WHOLE, /* *sni_r holds the name, or "" */
	HELLO_MORE,  /* so far it is one */
	HELLO_BAD,   /* not a ClientHello, or longer than HELLO_MAX */
};

/*
 * Look at the first size bytes of a connection: one or more TLS handshake records whose content
 * begins with a ClientHello.  A name that is longer than 255 bytes or has a NUL in it is none.
 */
/*@ requires \valid_read(bytes + (0 .. size - 1)) && \valid(sni_r + (0 .. 255));
    requires \separated(bytes + (0 .. size - 1), sni_r + (0 .. 255));
    assigns sni_r[0 .. 255];
    ensures \result == HELLO_WHOLE || \result == HELLO_MORE || \result == HELLO_BAD;
    ensures \result == HELLO_WHOLE ==> \exists integer n; 0 <= n <= 255 && sni_r[n] == 0;
*/
enum hello_result hello_parse(const uint8_t *bytes, size_t size, char sni_r[256]);

#endif
