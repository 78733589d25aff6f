/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What is known of a client's handshake when it is done, or has failed: for the log and the PROXY
 * header.  A common name is given away only if its certificate verified and it is clean text.
 */
#include "worker/tls/facts.h"

#include "common/log.h"
#include "common/log_escape.h"
#include "common/proxy/clean.h"
#include "common/tls/why.h"
#include "worker/tls/certs.h"
#include "worker/tls/hello.h"

#include <openssl/err.h>
#include <openssl/sslerr.h>

#include <stdio.h>
#include <string.h>

/* The one common name of a verified certificate, as UTF-8; "" where there is none or two. */
static void
read_common_name(X509 *cert, char cn_r[64 * 4 + 1])
{
	const X509_NAME *subject = X509_get_subject_name(cert);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	unsigned char *text = NULL;
	if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
		return;
	int n =
	    ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
	if (n > 0 && n <= 64 * 4 && proxy_clean_cn((const char *)text, (size_t)n)) {
		memcpy(cn_r, text, (size_t)n);
		cn_r[n] = '\0';
	}
	if (n >= 0)
		OPENSSL_free(text);
	ERR_clear_error();
}

const char *
tls_facts_sni(SSL *ssl)
{
	const struct tls_hello *hello = tls_hello_of(ssl);

	return hello && hello->has_sni ? hello->sni : NULL;
}

void
tls_facts_read(SSL *ssl, struct tls_facts *f_r)
{
	const struct tls_cert *cert = tls_certs_of(SSL_get_certificate(ssl));
	const unsigned char *alpn;
	unsigned int alpn_size;
	*f_r = (struct tls_facts){
		.version = SSL_get_version(ssl),
		.cipher = SSL_get_cipher_name(ssl),
		.cert_name = cert ? cert->first : NULL,
		.key_alg = cert ? cert->key_alg : NULL,
		.sig_alg = cert ? cert->sig_alg : NULL,
		.sni = tls_facts_sni(ssl),
		.resumed = SSL_session_reused(ssl),
		.verify = X509_V_ERR_UNSPECIFIED,
	};
	SSL_get0_alpn_selected(ssl, &alpn, &alpn_size);
	if (alpn_size > 0 && alpn_size < sizeof(f_r->alpn))
		memcpy(f_r->alpn, alpn, alpn_size);
	X509 *peer = SSL_get0_peer_certificate(ssl);
	if (!peer)
		return;
	f_r->cert_sent = 1;
	f_r->cert_now = !f_r->resumed;
	f_r->verify = (uint32_t)SSL_get_verify_result(ssl);
	if (f_r->verify == X509_V_OK)
		read_common_name(peer, f_r->cn);
}

static const char *
version_name(uint16_t version)
{
	switch (version) {
	case SSL3_VERSION:
		return "SSLv3";
	case TLS1_VERSION:
		return "TLSv1";
	case TLS1_1_VERSION:
		return "TLSv1.1";
	case TLS1_2_VERSION:
		return "TLSv1.2";
	default:
		return "an unknown version";
	}
}

int
tls_facts_why(SSL *ssl, char *buf_r, size_t size)
{
	char text[256], name[256];
	const struct tls_hello *hello = tls_hello_of(ssl);
	const char *certificate = why_certificate(ssl);
	int reason = why_error(text, sizeof(text));
	if (certificate) {
		snprintf(buf_r, size, "client certificate: %s", certificate);
		return TLS_FAULT_CERTIFICATE;
	}
	if (hello && hello->refused) {
		snprintf(buf_r, size, "no certificate for \"%s\" (strict_sni)",
		    log_escape(hello->sni, strlen(hello->sni), name, sizeof(name)));
		return 0;
	}
	switch (reason) {
	case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
		snprintf(buf_r, size, "client certificate: none was sent");
		return TLS_FAULT_CERTIFICATE;
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_VERSION_TOO_LOW:
	case SSL_R_WRONG_SSL_VERSION:
		snprintf(
		    buf_r, size, "client offers %s only", version_name(hello ? hello->version : 0));
		return TLS_FAULT_VERSION;
	case SSL_R_HTTP_REQUEST:
	case SSL_R_HTTPS_PROXY_REQUEST:
		snprintf(buf_r, size, "not TLS: an HTTP request");
		return 0;
	case SSL_R_WRONG_VERSION_NUMBER:
		snprintf(buf_r, size, "not TLS");
		return 0;
	case SSL_R_NO_APPLICATION_PROTOCOL:
		snprintf(buf_r, size, "client's ALPN has no protocol of ours");
		return 0;
	case SSL_R_UNEXPECTED_EOF_WHILE_READING:
		snprintf(buf_r, size, "client closed the connection in the handshake");
		return 0;
	default:
		if (reason > SSL_AD_REASON_OFFSET)
			snprintf(buf_r, size, "client sent %s", text);
		else
			snprintf(buf_r, size, "%s", text[0] != '\0' ? text : "TLS error");
		return reason > SSL_AD_REASON_OFFSET ?
		    TLS_FAULT_ALERT + (reason - SSL_AD_REASON_OFFSET) :
		    0;
	}
}
