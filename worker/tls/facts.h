/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* What is known of a client's handshake when it is done, or has failed. */
#ifndef WORKER_TLS_FACTS_H
#define WORKER_TLS_FACTS_H

#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

/* What logs and PROXY headers say of a finished handshake with a client. */
struct tls_facts {
	const char *version; /* "TLSv1.3"; static */
	const char *cipher;  /* static */
	const char
	    *cert_name;      /* first name of the certificate that we showed; lives with tls_ctx */
	const char *key_alg; /* of it: "EC256", "RSA2048"; lives with tls_ctx */
	const char *sig_alg; /* of it: "ecdsa-with-SHA256"; lives with tls_ctx */
	const char *sni;     /* as sent, NULL if none or if a NUL is in it; lives with ssl */
	char alpn[256];      /* "" if none */
	int resumed;
	int cert_sent; /* the client showed a certificate, in this session */
	int cert_now;  /* in this very handshake */
	uint32_t
	    verify; /* X509_V_OK only with a certificate whose chain verified, else 1 or X509_V_* */
	char cn[64 * 4 + 1]; /* only with verify == X509_V_OK, one clean CN (proxy.h); else "" */
};
void tls_facts_read(SSL *ssl, struct tls_facts *f_r);

/* The name that the client asked for, as sent, also before the handshake is done; NULL: none, or not yet. */
const char *tls_facts_sni(SSL *ssl);

/*
 * Why a handshake with a client failed, in words: "no shared cipher", "client offers TLSv1 only",
 * "not TLS: an HTTP request", "client certificate: certificate has expired".  Takes and empties
 * OpenSSL's error queue.  Returns an enum tls_fault, or TLS_FAULT_ALERT and the client's alert.
 */
enum tls_fault {
	TLS_FAULT_OTHER,       /* end=tls-error */
	TLS_FAULT_CERTIFICATE, /* end=client-certificate */
	TLS_FAULT_VERSION,     /* end=tls-version */
	TLS_FAULT_ALERT = 256  /* end=tls-refused */
};
int tls_facts_why(SSL *ssl, char *buf_r, size_t size);

#endif
