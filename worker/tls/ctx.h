/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The worker's TLS contexts: certificates, SNI, policy, tickets towards clients; verification,
 * client certificate and resumption towards servers.  Everything comes out of the bundle; the
 * private keys stay with the keeper (common/tls/key.h).
 */
#ifndef WORKER_TLS_CTX_H
#define WORKER_TLS_CTX_H

#include "common/bundle.h"
#include "common/chan.h"
#include "common/conf.h"

#include <openssl/ssl.h>

struct tls_ctx;

/*
 * Contexts for every frontend and backend that has TLS.  tls_key_init comes first.  A piece that
 * was found through a parent directory and is not usable is left out (tls_ctx_tell says so);
 * anything else that is wrong gives NULL and words for the administrator in err_r, several lines
 * if several things are wrong.
 */
struct tls_ctx *
tls_ctx_new(const struct conf *conf, const struct bundle *b, char *err_r, size_t err_size);
void tls_ctx_free(struct tls_ctx **t);

/*
 * Tell the master which certificates are shown, for which names, and which were left out, and
 * why.  0, or -1 with errno.
 */
int tls_ctx_tell(const struct tls_ctx *t, const struct bundle *b, const struct chan *master);

/*
 * Log what the administrator should know: certificates and CRLs that have expired or soon will;
 * the first time, also which of several for one name are not shown.  For one worker of a generation to call,
 * at its start and once a day.
 */
void tls_ctx_look(const struct tls_ctx *t, int first);

/* Log what makes clients refuse a chain that is shown: once, for one worker of a generation. */
void tls_ctx_look_at_chains(const struct tls_ctx *t, const struct bundle *b);

/* A server-side object for a client of this frontend (the caller's), without a descriptor. */
SSL *tls_client_new(const struct tls_ctx *t, uint32_t frontend);

/*
 * A client-side object towards this server (index in conf->servers), which checks its name and
 * offers a session of an earlier connection.  The caller's; without a descriptor.  Whoever frees
 * it before the connection was closed calls SSL_set_shutdown first, else its session is lost.
 */
SSL *tls_server_new(const struct tls_ctx *t, uint32_t server);

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
void tls_client_facts(SSL *ssl, struct tls_facts *f_r);

/* The name it asked for, as sent, also before the handshake is done; NULL: none, or none yet. */
const char *tls_client_sni(SSL *ssl);

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
int tls_client_why(SSL *ssl, char *buf_r, size_t size);

#endif
