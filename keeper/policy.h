/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Which bytes are the signed part of a TLS handshake.  Pure functions over untrusted bytes.
 */
#ifndef KEEPER_POLICY_H
#define KEEPER_POLICY_H

#include <stddef.h>
#include <stdint.h>

/* The use of a key (enum piece_use) that a purpose of msg_sign needs; 0: no such purpose. */
uint32_t policy_use(uint32_t purpose);

/*
 * Whether these bytes can only be what the purpose says:
 * TLS 1.3, either side: 64 blanks, the side's context string, a NUL, a transcript hash of 32 or 48
 * bytes (RFC 8446 section 4.4.3);
 * TLS 1.2 server: two randoms and ServerECDHParams with a named group and a point of that group's
 * length (RFC 8422 section 5.4);
 * TLS 1.2 client: every handshake message from ClientHello to ClientKeyExchange, whole and in the
 * order of RFC 5246 section 7.3, a request for our certificate among them.
 */
int policy_shape(uint32_t purpose, const uint8_t *tbs, size_t size);

#endif
