/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Whether this OpenSSL reports its secrets and records the way worker/record believes, proven at
 * the start of every worker on handshakes in memory: each suite in each version, the server taken
 * over first, then the client, bytes and KeyUpdates both ways at each step.  A library that has
 * changed fails here, and every connection then keeps its SSL object.
 */
#include "worker/record/selftest.h"

#include "worker/record/record.h"
#include "worker/record/take.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#define SIZE 300 /* several records where fragments are small */

/* One connection in memory; the records stand in for an object once it was taken over. */
struct pair {
	SSL_CTX *server_ctx, *client_ctx;
	SSL *server, *client;
	BIO *to_server, *to_client;
	struct record server_record, client_record;
};

static X509 *
self_signed(EVP_PKEY *key)
{
	X509 *cert = X509_new();
	X509_NAME *name = cert ? X509_get_subject_name(cert) : NULL;

	if (!name ||
	    X509_NAME_add_entry_by_txt(
		name, "CN", MBSTRING_ASC, (const unsigned char *)"self-test", -1, -1, 0) != 1 ||
	    X509_set_issuer_name(cert, name) != 1 || X509_set_version(cert, X509_VERSION_3) != 1 ||
	    !X509_gmtime_adj(X509_getm_notBefore(cert), 0) ||
	    !X509_gmtime_adj(X509_getm_notAfter(cert), 3600) || X509_set_pubkey(cert, key) != 1 ||
	    X509_sign(cert, key, EVP_sha256()) == 0) {
		X509_free(cert);
		return NULL;
	}
	return cert;
}

static SSL_CTX *
context(const SSL_METHOD *method, int version, const char *suite)
{
	SSL_CTX *ctx = SSL_CTX_new(method);
	int ok = ctx && SSL_CTX_set_min_proto_version(ctx, version) == 1 &&
	    SSL_CTX_set_max_proto_version(ctx, version) == 1 &&
	    (version == TLS1_3_VERSION ? SSL_CTX_set_ciphersuites(ctx, suite) :
					 SSL_CTX_set_cipher_list(ctx, suite)) == 1;

	if (!ok) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

/* An object that writes to one memory BIO and reads from the other. */
static SSL *
object(SSL_CTX *ctx, BIO *in, BIO *out)
{
	SSL *ssl = SSL_new(ctx);

	if (!ssl || record_watch(ssl) == -1 || BIO_up_ref(in) != 1 || BIO_up_ref(out) != 1) {
		SSL_free(ssl);
		return NULL;
	}
	SSL_set_bio(ssl, in, out);
	return ssl;
}

static int
open_pair(struct pair *p, int version, const char *suite, X509 *cert, EVP_PKEY *key)
{
	p->server_ctx = context(TLS_server_method(), version, suite);
	p->client_ctx = context(TLS_client_method(), version, suite);
	p->to_server = BIO_new(BIO_s_mem());
	p->to_client = BIO_new(BIO_s_mem());
	if (!p->server_ctx || !p->client_ctx || !p->to_server || !p->to_client ||
	    SSL_CTX_use_certificate(p->server_ctx, cert) != 1 ||
	    SSL_CTX_use_PrivateKey(p->server_ctx, key) != 1)
		return -1;
	/* an empty BIO is "later", not the end */
	BIO_set_mem_eof_return(p->to_server, -1);
	BIO_set_mem_eof_return(p->to_client, -1);
	p->server = object(p->server_ctx, p->to_server, p->to_client);
	p->client = object(p->client_ctx, p->to_client, p->to_server);
	if (!p->server || !p->client)
		return -1;
	SSL_set_accept_state(p->server);
	SSL_set_connect_state(p->client);
	for (int i = 0; i < 8; i++) {
		int done = SSL_do_handshake(p->client) == 1;

		done &= SSL_do_handshake(p->server) == 1;
		if (done)
			return 0;
	}
	return -1;
}

static void
close_pair(struct pair *p)
{
	record_wipe(&p->server_record);
	record_wipe(&p->client_record);
	SSL_free(p->server);
	SSL_free(p->client);
	BIO_free(p->to_server);
	BIO_free(p->to_client);
	SSL_CTX_free(p->server_ctx);
	SSL_CTX_free(p->client_ctx);
}

/* Read from a BIO through an object or, when there is none, a record until so many are here. */
static size_t
take_in(SSL *ssl, struct record *r, BIO *bio, uint8_t *out, size_t size)
{
	uint8_t buf[4096];
	struct record_in in;
	size_t done = 0, at = 0;
	int n;

	if (ssl) {
		while (done < size && SSL_read_ex(ssl, out + done, size - done, &at) == 1)
			done += at;
		return done;
	}
	n = BIO_read(bio, buf, sizeof(buf));
	for (record_pass(r); n > 0 && at < (size_t)n; at += in.used)
		switch (record_open(r, buf + at, (size_t)n - at, &in)) {
		case RECORD_DATA:
			if (in.len > size - done)
				return 0;
			memcpy(out + done, in.data, in.len);
			done += in.len;
			break;
		case RECORD_HANDLED:
			break;
		default:
			return 0;
		}
	return done;
}

static int
put_out(SSL *ssl, struct record *r, BIO *bio, const uint8_t *p, size_t n)
{
	uint8_t buf[4096];
	size_t taken = 0;
	ssize_t len;

	if (ssl)
		return SSL_write_ex(ssl, p, n, &taken) == 1 && taken == n ? 0 : -1;
	len = record_seal(r, p, n, 100, buf, sizeof(buf), &taken);
	return len > 0 && taken == n && BIO_write(bio, buf, (int)len) == len ? 0 : -1;
}

/* Bytes both ways, as often as key changes need to show. */
static int
exchange(struct pair *p)
{
	uint8_t sent[SIZE], got[SIZE];

	for (size_t i = 0; i < SIZE; i++)
		sent[i] = (uint8_t)(i * 7);
	for (int i = 0; i < 2; i++) {
		if (put_out(p->client, &p->client_record, p->to_server, sent, SIZE) == -1 ||
		    take_in(p->server, &p->server_record, p->to_server, got, SIZE) != SIZE ||
		    memcmp(sent, got, SIZE) != 0)
			return -1;
		if (put_out(p->server, &p->server_record, p->to_client, sent, SIZE) == -1 ||
		    take_in(p->client, &p->client_record, p->to_client, got, SIZE) != SIZE ||
		    memcmp(sent, got, SIZE) != 0)
			return -1;
	}
	return 0;
}

/* Take new keys, and ask the other side to. */
static int
change_keys(struct record *r, BIO *bio)
{
	uint8_t buf[RECORD_SMALL];
	size_t n;

	if (r->v12)
		return 0;
	n = record_keyupdate(r, 1, buf);
	return n && BIO_write(bio, buf, (int)n) == (int)n ? 0 : -1;
}

/* Take one side over and let go of its object. */
static int
take(SSL **ssl, struct record *r)
{
	if (record_take(*ssl, r) == -1)
		return -1;
	SSL_free(*ssl);
	*ssl = NULL;
	return 0;
}

static const char *
prove(struct pair *p, int version, const char *suite, X509 *cert, EVP_PKEY *key)
{
	if (open_pair(p, version, suite, cert, key) == -1)
		return "handshake";
	if (take(&p->server, &p->server_record) == -1)
		return "taking over a server";
	if (exchange(p) == -1)
		return "records of a server";
	/* the client's object has counted the records of the exchange meanwhile */
	if (take(&p->client, &p->client_record) == -1)
		return "taking over a client";
	if (exchange(p) == -1)
		return "records of a client";
	if (change_keys(&p->server_record, p->to_client) == -1 ||
	    change_keys(&p->client_record, p->to_server) == -1 || exchange(p) == -1)
		return "KeyUpdate";
	return NULL;
}

/* A KeyUpdate that OpenSSL answers: the one thing that the pairs above do not show. */
static const char *
prove_update(int version, const char *suite, X509 *cert, EVP_PKEY *key)
{
	struct pair p = { 0 };
	const char *why = NULL;

	if (open_pair(&p, version, suite, cert, key) == -1 ||
	    take(&p.server, &p.server_record) == -1 ||
	    change_keys(&p.server_record, p.to_client) == -1 || exchange(&p) == -1)
		why = "KeyUpdate with OpenSSL";
	close_pair(&p);
	return why;
}

static const char *
prove_all(X509 *cert, EVP_PKEY *key)
{
	static const struct {
		int version;
		const char *suite;
	} all[] = {
		{ TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256" },
		{ TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384" },
		{ TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256" },
		{ TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256" },
		{ TLS1_2_VERSION, "ECDHE-ECDSA-AES256-GCM-SHA384" },
		{ TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305" },
	};
	static char text[128];
	const char *why = NULL;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]) && !why; i++) {
		struct pair p = { 0 };

		why = prove(&p, all[i].version, all[i].suite, cert, key);
		close_pair(&p);
		if (!why && all[i].version == TLS1_3_VERSION)
			why = prove_update(all[i].version, all[i].suite, cert, key);
		if (why) {
			snprintf(text, sizeof(text), "%s, %s", why, all[i].suite);
			why = text;
		}
	}
	return why;
}

const char *
record_selftest(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = key ? self_signed(key) : NULL;
	const char *why = cert ? prove_all(cert, key) : "no certificate for the self-test";

	X509_free(cert);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return why;
}
