/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * TLS towards servers, in worker and checker: contexts, the name that is expected, and words for
 * the administrator when a server is not who it should be.  Matching of names is OpenSSL's:
 * subjectAltName first, one wildcard as the whole left-most label, IP addresses as such, the
 * common name only where there is no DNS name, lengths and not NULs end a name.
 */
#include "common/tls/verify.h"

#include "common/tls/pem.h"
#include "common/tls/why.h"

#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static int
trust(SSL_CTX *ctx, const struct conf_back_tls *t, const struct bundle *b, char *err_r,
    size_t err_size)
{
	const char *name = t->ca_file ? t->ca_file : BUNDLE_SYSTEM_CA;
	const struct piece *ca = bundle_find(b, PIECE_CA, name);
	const struct piece *crl = t->crl ? bundle_find(b, PIECE_CRL, t->crl) : NULL;
	if (!ca) {
		snprintf(err_r, err_size,
		    t->ca_file ? "%s: not in the bundle" :
				 "no ca_file, and this system has no CA certificates (%s): install "
				 "ca-certificates or set ca_file",
		    name);
		return -1;
	}
	if (t->crl && !crl) {
		snprintf(err_r, err_size, "%s: not in the bundle", t->crl);
		return -1;
	}
	X509_STORE *store = pem_store(ca, crl, err_r, err_size);
	if (!store)
		return -1;
	SSL_CTX_set_cert_store(ctx, store);
	why_verify(ctx, SSL_VERIFY_PEER);
	return 0;
}

/* Our own certificate, for servers that ask. */
static int
introduce(SSL_CTX *ctx, const struct conf_back_tls *t, const struct bundle *b, char *err_r,
    size_t err_size)
{
	const struct piece *p = bundle_find(b, PIECE_BACKCERT, t->certificate);
	if (!p) {
		snprintf(err_r, err_size, "%s: not in the bundle", t->certificate);
		return -1;
	}
	STACK_OF(X509) *chain = pem_chain(p, err_r, err_size);
	if (!chain)
		return -1;
	int r = pem_check_key(p, chain, err_r, err_size);
	if (r == 0 && pem_use(ctx, chain) == -1) {
		snprintf(err_r, err_size, "%s: OpenSSL does not take it: %s", p->name,
		    ERR_reason_error_string(ERR_peek_error()));
		r = -1;
	}
	sk_X509_pop_free(chain, X509_free);
	return r;
}

SSL_CTX *
tls_back_ctx(const struct conf_back_tls *t, const struct bundle *b, char *err_r, size_t err_size)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	if (!ctx || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1) {
		snprintf(err_r, err_size, "out of memory");
		SSL_CTX_free(ctx);
		return NULL;
	}
	SSL_CTX_set_security_level(ctx, 2);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	int ok = (t->verify == VERIFY_NONE || trust(ctx, t, b, err_r, err_size) == 0) &&
	    (!t->certificate || introduce(ctx, t, b, err_r, err_size) == 0);
	ERR_clear_error();
	if (ok)
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

const char *
tls_back_name(const struct conf_back_tls *t, const struct conf_server *s, char buf[ADDR_TEXT])
{
	if (s->server_name)
		return s->server_name;
	if (t->server_name)
		return t->server_name;
	if (s->host)
		return s->host;
	return addr_ip_text(&s->addr, buf);
}

static int
is_ip(const char *name)
{
	struct in6_addr a;
	return inet_pton(AF_INET, name, &a) == 1 || inet_pton(AF_INET6, name, &a) == 1;
}

int
tls_back_expect(SSL *ssl, const struct conf_back_tls *t, const char *name)
{
	char plain[256];
	/* "host." and "fe80::1%eth0" are ways to write what certificates call host and fe80::1. */
	int n = snprintf(plain, sizeof(plain), "%s", name);
	if (n <= 0 || (size_t)n >= sizeof(plain))
		return -1;
	if (plain[n - 1] == '.')
		plain[n - 1] = '\0';
	if (strchr(plain, ':'))
		plain[strcspn(plain, "%")] = '\0';
	int ip = is_ip(plain);
	if (!ip && SSL_set_tlsext_host_name(ssl, plain) != 1)
		return -1;
	if (t->verify != VERIFY_REQUIRED)
		return 0;
	if (ip)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), plain) == 1 ? 0 : -1;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set1_host(ssl, plain) == 1 ? 0 : -1;
}

/* What is wrong with its certificate; the finding's text is in words. */
static enum reason
certificate_reason(SSL *ssl, const char *name, char *text, size_t size)
{
	long verdict = SSL_get_verify_result(ssl);

	(void)snprintf(text, size, "%s", why_certificate(ssl));
	switch (verdict) {
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		(void)snprintf(text, size, "%s, not %s", why_certificate(ssl), name);
		return REASON_TLS_NAME;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		return REASON_TLS_SELF;
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		return REASON_TLS_ISSUER;
	default:
		return REASON_TLS;
	}
}

static enum reason
handshake_reason(int reason, char *text, size_t size)
{
	switch (reason) {
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_PACKET_LENGTH_TOO_LONG:
		return REASON_NOT_TLS;
	case SSL_R_UNEXPECTED_EOF_WHILE_READING:
		return REASON_TLS_CLOSED;
	case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
		return REASON_TLS_ASKS;
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
		(void)snprintf(text, size, "speaks no TLS 1.2 or newer");
		break;
	default:
		if (text[0] == '\0')
			(void)snprintf(text, size, "TLS handshake failed");
	}
	return REASON_TLS;
}

void
tls_back_why(SSL *ssl, const char *name, struct finding *f_r)
{
	char text[512];
	int error = why_error(text, sizeof(text));
	enum reason reason;

	if (why_certificate(ssl))
		reason = certificate_reason(ssl, name, text, sizeof(text));
	else
		reason = handshake_reason(error, text, sizeof(text));
	/* The log has the whole of it in double quotes. */
	for (char *p = text; *p != '\0'; p++)
		if (*p == '"')
			*p = '\'';
	reason_set(f_r, reason, 0, text);
}

int32_t
tls_days_left(SSL *ssl)
{
	X509 *cert = SSL_get0_peer_certificate(ssl);
	int days, seconds;
	if (!cert || ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(cert)) != 1)
		return INT32_MIN;
	/* An hour ago is minus one day, not none. */
	return seconds < 0 && days == 0 ? -1 : days;
}
