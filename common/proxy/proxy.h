/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Writing the PROXY header: who the client is, for the server behind us.
 * Source: HAProxy's proxy-protocol.txt, sections 2.1 (version 1) and 2.2 (version 2).
 *
 * What it decides where the source leaves a choice:
 *  - one end IPv4 and the other IPv6: IPv6 with the IPv4 end as ::ffff:a.b.c.d;
 *  - an end that is not known: LOCAL (version 1: UNKNOWN), and no TLVs;
 *  - the unique id is decimal digits, as conn= in our log, so that receivers can log the same;
 *  - ALPN goes to Dovecot only as "imap" or "pop3" for just that protocol (from 2.4 it closes on
 *    any other), to a generic receiver only as the name that is registered for the protocol (or
 *    as negotiated with protocol tcp), to the others as negotiated;
 *  - names of versions, ciphers and algorithms longer than 64 bytes are not from OpenSSL: not sent.
 */
#ifndef COMMON_PROXY_PROXY_H
#define COMMON_PROXY_PROXY_H

#include "common/addr.h"
#include "common/conf.h"

#include <stddef.h>
#include <stdint.h>

#define PROXY_MAX 4096

/* What is known of the client.  Texts are NULL where there is none; all are NUL-terminated. */
struct proxy_client {
	struct addr peer, local;
	int tls;                 /* TLS ended here */
	const char *tls_version; /* "TLSv1.3", SSL_get_version's spelling */
	const char *cipher;
	const char *sni;     /* as the client sent it: anything may stand in it */
	const char *alpn;    /* negotiated */
	const char *cn;      /* only of a certificate that verified; never set otherwise */
	int cert_sent;       /* a certificate in this session (CERT_SESS) */
	int cert_now;        /* ... and in this very handshake (CERT_CONN) */
	uint32_t verify;     /* X509_V_*: 0 only with a certificate that verified */
	const char *key_alg; /* of our own certificate: "RSA2048", "EC256" */
	const char *sig_alg; /* of our own certificate: "RSA-SHA256" */
	uint64_t unique_id;  /* the connection's id */
};

/* What the receiver gets. */
struct proxy_style {
	enum send_proxy send;
	uint32_t tlvs;          /* enum proxy_tlv, or-ed */
	enum receiver receiver; /* its size budget, and what it cannot stand */
	enum protocol protocol; /* for the ALPN name that this receiver accepts */
};

/*
 * Write the header for this client to buf_r (PROXY_MAX bytes).  Optional TLVs that do not fit the
 * receiver's budget are left out in a fixed order: unique-id, cipher, certificate algorithms,
 * ALPN, authority, at last the CN; values are never cut.  Returns its length; 0 with PROXY_NONE.
 */
size_t proxy_write(const struct proxy_client *c, const struct proxy_style *s, uint8_t *buf_r);

/* The checks' header: LOCAL (no client) in version 2. */
size_t proxy_write_local(uint8_t *buf_r);

/* Largest header that this receiver reads, in bytes. */
size_t proxy_budget(enum receiver r);

#endif
