/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Says in words what OpenSSL says in numbers, for logs and `mailreevectl status`.  Worker and
 * checker; over certificates of anybody in the world, so every byte of them is escaped.
 */
#include "common/tls/why.h"

#include "common/log.h"
#include "common/log_escape.h"

#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TEXT_MAX 256

static int slot = -1; /* of SSL's ex_data: a text (malloc), or NULL */

static void
free_text(void *parent, void *text, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
	(void)parent;
	(void)ad;
	(void)idx;
	(void)argl;
	(void)argp;
	free(text);
}

/* "2026-01-01" */
static const char *
date_text(const ASN1_TIME *t, char buf[16])
{
	struct tm tm;
	if (ASN1_TIME_to_tm(t, &tm) != 1 || strftime(buf, 16, "%Y-%m-%d", &tm) == 0)
		snprintf(buf, 16, "?");
	return buf;
}

/* The last common name of a subject or issuer, else all of it. */
static const char *
subject_text(const X509_NAME *name, char *buf, size_t size)
{
	int at = -1, next;
	while ((next = X509_NAME_get_index_by_NID(name, NID_commonName, at)) >= 0)
		at = next;
	if (at >= 0) {
		const ASN1_STRING *cn = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
		return log_escape(
		    ASN1_STRING_get0_data(cn), (size_t)ASN1_STRING_length(cn), buf, size);
	}
	char line[128] = "";
	X509_NAME_oneline(name, line, sizeof(line));
	return log_escape(line, strlen(line), buf, size);
}

/* One SAN in words; 0 if it is of a kind that names no server. */
static int
san_text(const GENERAL_NAME *name, char *buf, size_t size)
{
	int type;
	const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
	const unsigned char *data = ASN1_STRING_get0_data(value);
	size_t n = (size_t)ASN1_STRING_length(value);
	char ip[INET6_ADDRSTRLEN];
	if (type == GEN_DNS) {
		log_escape(data, n, buf, size);
		return 1;
	}
	if (type != GEN_IPADD || (n != 4 && n != 16) ||
	    !inet_ntop(n == 4 ? AF_INET : AF_INET6, data, ip, sizeof(ip)))
		return 0;
	snprintf(buf, size, "%s", ip);
	return 1;
}

void
why_names(X509 *cert, char *buf_r, size_t size)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	char one[80];
	int shown = 0, more = 0;
	size_t len = 0;
	buf_r[0] = '\0';
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		if ((name->type != GEN_DNS && name->type != GEN_IPADD) ||
		    !san_text(name, one, sizeof(one)))
			continue;
		if (shown == 2 || len + strlen(one) + 32 > size) {
			more++;
			continue;
		}
		len +=
		    (size_t)snprintf(buf_r + len, size - len, "%s%s", shown++ > 0 ? ", " : "", one);
	}
	if (more > 0)
		snprintf(buf_r + len, size - len, " and %d more", more);
	if (shown == 0)
		subject_text(X509_get_subject_name(cert), buf_r, size);
	GENERAL_NAMES_free(names);
}

/* Whose certificate: the peer's own, or one above it. */
static void
whose(X509 *cert, int depth, char *buf, size_t size)
{
	char name[80];
	if (depth == 0 || !cert)
		snprintf(buf, size, "certificate");
	else
		snprintf(buf, size, "CA certificate \"%s\"",
		    subject_text(X509_get_subject_name(cert), name, sizeof(name)));
}

static void
explain(X509 *cert, int depth, int error, char *buf, size_t size)
{
	char who[128], name[160], day[16];
	whose(cert, depth, who, sizeof(who));
	switch (error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		snprintf(
		    buf, size, "%s expired on %s", who, date_text(X509_get0_notAfter(cert), day));
		return;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		snprintf(buf, size, "%s is valid only from %s", who,
		    date_text(X509_get0_notBefore(cert), day));
		return;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		snprintf(buf, size, "self-signed certificate");
		return;
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		snprintf(buf, size, "%s is issued by \"%s\", which is not trusted here", who,
		    subject_text(X509_get_issuer_name(cert), name, sizeof(name)));
		return;
	case X509_V_ERR_CERT_REVOKED:
		snprintf(buf, size, "%s is revoked", who);
		return;
	case X509_V_ERR_UNABLE_TO_GET_CRL:
		snprintf(buf, size, "no CRL of \"%s\"",
		    subject_text(X509_get_issuer_name(cert), name, sizeof(name)));
		return;
	case X509_V_ERR_CRL_HAS_EXPIRED:
		snprintf(buf, size, "the CRL of \"%s\" has expired",
		    subject_text(X509_get_issuer_name(cert), name, sizeof(name)));
		return;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		why_names(cert, name, sizeof(name));
		snprintf(buf, size, "certificate is for %s", name);
		return;
	default:
		snprintf(buf, size, "%s: %s", who, X509_verify_cert_error_string(error));
	}
}

/* OpenSSL's verification calls this for every certificate; the first thing wrong is kept. */
static int
on_verify(int ok, X509_STORE_CTX *store)
{
	if (ok)
		return 1;
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	X509 *cert = X509_STORE_CTX_get_current_cert(store);
	char *text = malloc(TEXT_MAX);
	if (!text)
		return 0;
	if (cert)
		explain(cert, X509_STORE_CTX_get_error_depth(store),
		    X509_STORE_CTX_get_error(store), text, TEXT_MAX);
	else
		snprintf(text, TEXT_MAX, "%s",
		    X509_verify_cert_error_string(X509_STORE_CTX_get_error(store)));
	free(SSL_get_ex_data(ssl, slot));
	if (SSL_set_ex_data(ssl, slot, text) != 1)
		free(text);
	return 0;
}

void
why_verify(SSL_CTX *ctx, int mode)
{
	if (slot == -1)
		slot = SSL_get_ex_new_index(0, NULL, NULL, NULL, free_text);
	SSL_CTX_set_verify(ctx, mode, mode != SSL_VERIFY_NONE ? on_verify : NULL);
}

const char *
why_certificate(SSL *ssl)
{
	return slot != -1 ? SSL_get_ex_data(ssl, slot) : NULL;
}

const char *
why_alert(int alert)
{
	switch (alert) {
	/* Those that OpenSSL 3.0 has no words for. */
	case SSL_AD_MISSING_EXTENSION:
		return "missing extension";
	case SSL_AD_CERTIFICATE_REQUIRED:
		return "certificate required";
	case SSL_AD_NO_APPLICATION_PROTOCOL:
		return "no application protocol";
	default:
		return SSL_alert_desc_string_long(alert);
	}
}

int
why_error(char *buf_r, size_t size)
{
	const char *data = NULL;
	int flags = 0, reason = 0;
	unsigned long e = ERR_get_error_all(NULL, NULL, NULL, &data, &flags);
	buf_r[0] = '\0';
	if (e == 0)
		return 0;
	const char *text = ERR_reason_error_string(e);
	if (ERR_GET_LIB(e) == ERR_LIB_USER && data && (flags & ERR_TXT_STRING) != 0) {
		snprintf(buf_r, size, "%s", data); /* our own words: provider.c */
	} else if (ERR_GET_LIB(e) == ERR_LIB_SSL) {
		reason = ERR_GET_REASON(e);
		if (reason > SSL_AD_REASON_OFFSET)
			snprintf(buf_r, size, "TLS alert \"%s\"",
			    why_alert(reason - SSL_AD_REASON_OFFSET));
		else
			snprintf(buf_r, size, "%s", text ? text : "TLS error");
	} else {
		snprintf(buf_r, size, "%s", text ? text : "TLS error");
	}
	ERR_clear_error();
	return reason;
}
