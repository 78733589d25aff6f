/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Mozilla's TLS recommendations, version 6.0 (ssl-config.mozilla.org), in OpenSSL's words, with
 * one change: ours is the order of ciphers, so that AES-128-GCM, the fastest, comes first wherever
 * the client has AES instructions.  Runs at the worker's start; touches no byte of a client.
 */
#include "worker/tls/policy.h"

#include <openssl/err.h>
#include <openssl/obj_mac.h>

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define CIPHERS \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:" \
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:" \
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
#define CIPHERSUITES "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

/* Those that the library at hand does not know are left out. */
static const char *const groups[] = { "X25519MLKEM768", "X25519", "P-256", "P-384" };

/* ECDSA before RSA, for it costs less; no SHA-1.  The last line is for clients' certificates. */
#define SIGALGS \
	"ecdsa_secp256r1_sha256:ed25519:ecdsa_secp384r1_sha384:ecdsa_secp521r1_sha512:" \
	"rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:" \
	"RSA+SHA256:RSA+SHA384:RSA+SHA512:" \
	"ed448:rsa_pss_pss_sha256:rsa_pss_pss_sha384:rsa_pss_pss_sha512"

static int
set_versions(SSL_CTX *ctx, const struct conf_front_tls *t)
{
	int least = t->policy == POLICY_MODERN ? TLS1_3_VERSION : TLS1_2_VERSION;
	if (t->min_version)
		least = strcmp(t->min_version, "TLSv1.3") == 0 ? TLS1_3_VERSION : TLS1_2_VERSION;
	return SSL_CTX_set_min_proto_version(ctx, least) == 1;
}

/* No static RSA (no forward secrecy) and nobody anonymous, however the list was written. */
static int
ciphers_are_safe(const SSL_CTX *ctx, const char *list, char *err_r, size_t err_size)
{
	STACK_OF(SSL_CIPHER) *all = SSL_CTX_get_ciphers(ctx);
	for (int i = 0; i < sk_SSL_CIPHER_num(all); i++) {
		const SSL_CIPHER *c = sk_SSL_CIPHER_value(all, i);
		const char *what = NULL;
		if (SSL_CIPHER_get_kx_nid(c) == NID_kx_rsa)
			what = "RSA key exchange, which gives no forward secrecy";
		else if (SSL_CIPHER_get_auth_nid(c) == NID_auth_null)
			what = "no authentication";
		else if (SSL_CIPHER_get_cipher_nid(c) == NID_undef)
			what = "no encryption";
		if (!what)
			continue;
		snprintf(err_r, err_size, "ciphers = \"%s\": %s has %s; leave it out", list,
		    SSL_CIPHER_get_name(c), what);
		return 0;
	}
	return 1;
}

static int
set_ciphers(SSL_CTX *ctx, const struct conf_front_tls *t, char *err_r, size_t err_size)
{
	const char *list = t->ciphers ? t->ciphers : CIPHERS;
	const char *suites = t->ciphersuites ? t->ciphersuites : CIPHERSUITES;
	if (SSL_CTX_set_cipher_list(ctx, list) != 1) {
		snprintf(err_r, err_size, "ciphers = \"%s\": OpenSSL knows none of them", list);
		return 0;
	}
	if (SSL_CTX_set_ciphersuites(ctx, suites) != 1 || suites[0] == '\0') {
		snprintf(err_r, err_size,
		    "ciphersuites = \"%s\": not a list of TLS 1.3 suites "
		    "(\"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384\")",
		    suites);
		return 0;
	}
	return ciphers_are_safe(ctx, list, err_r, err_size);
}

/* OpenSSL's macro casts the const away, which it does not need to. */
static int
use_groups(SSL_CTX *ctx, const char *list)
{
	void *arg;
	memcpy(&arg, &list, sizeof(arg));
	return (int)SSL_CTX_ctrl(ctx, SSL_CTRL_SET_GROUPS_LIST, 0, arg);
}

static int
set_groups(SSL_CTX *ctx, const struct conf_front_tls *t, char *err_r, size_t err_size)
{
	char list[128] = "";
	size_t len = 0;
	if (t->curves) {
		if (use_groups(ctx, t->curves) == 1)
			return 1;
		snprintf(err_r, err_size,
		    "curves = \"%s\": not a list of groups that OpenSSL knows "
		    "(\"X25519:P-256:P-384\")",
		    t->curves);
		return 0;
	}
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (use_groups(ctx, groups[i]) == 1)
			len += (size_t)snprintf(
			    list + len, sizeof(list) - len, "%s%s", len > 0 ? ":" : "", groups[i]);
	ERR_clear_error();
	return use_groups(ctx, list) == 1;
}

SSL_CTX *
tls_policy_ctx(const struct conf_front_tls *t, char *err_r, size_t err_size)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	snprintf(err_r, err_size, "OpenSSL does not accept the TLS settings");
	if (!ctx || !set_versions(ctx, t) || SSL_CTX_set1_sigalgs_list(ctx, SIGALGS) != 1 ||
	    !set_ciphers(ctx, t, err_r, err_size) || !set_groups(ctx, t, err_r, err_size)) {
		ERR_clear_error();
		SSL_CTX_free(ctx);
		return NULL;
	}
	SSL_CTX_set_security_level(ctx, 2);
	/* A client that puts ChaCha20 first has no AES instructions: then it is ours too. */
	SSL_CTX_set_options(ctx,
	    SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA | SSL_OP_NO_RENEGOTIATION |
		SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(ctx,
	    SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
		SSL_MODE_NO_AUTO_CHAIN);
	/* Sessions live in tickets alone: a cache here would be memory that clients can fill. */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	/* Nor a ticket, unless tls_tickets_use allows it. */
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_max_early_data(ctx, 0);
	SSL_CTX_set_verify_depth(ctx, 8);
	return ctx;
}
