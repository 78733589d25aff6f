/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* A TLS client and a TLS server in memory; see the header. */
#include "tests/lib/tls_pair.h"
#include "worker/record/take.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct tls_suite tls_suites[TLS_SUITES] = {
	{ "TLS_AES_128_GCM_SHA256", TLS1_3_VERSION },
	{ "TLS_AES_256_GCM_SHA384", TLS1_3_VERSION },
	{ "TLS_CHACHA20_POLY1305_SHA256", TLS1_3_VERSION },
	{ "ECDHE-ECDSA-AES128-GCM-SHA256", TLS1_2_VERSION },
	{ "ECDHE-ECDSA-AES256-GCM-SHA384", TLS1_2_VERSION },
	{ "ECDHE-ECDSA-CHACHA20-POLY1305", TLS1_2_VERSION },
};

static void
need(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "tls_pair: %s\n", what);
	ERR_print_errors_fp(stderr);
	abort();
}

static void
use_certificate(SSL_CTX *ctx)
{
	static EVP_PKEY *key;
	static X509 *cert;
	X509_NAME *name;

	if (!cert) {
		key = EVP_EC_gen("P-256");
		cert = X509_new();
		need(key && cert, "key");
		name = X509_get_subject_name(cert);
		X509_NAME_add_entry_by_txt(
		    name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
		X509_set_issuer_name(cert, name);
		X509_set_version(cert, X509_VERSION_3);
		X509_gmtime_adj(X509_getm_notBefore(cert), 0);
		X509_gmtime_adj(X509_getm_notAfter(cert), 36000);
		X509_set_pubkey(cert, key);
		need(X509_sign(cert, key, EVP_sha256()) > 0, "certificate");
	}
	need(SSL_CTX_use_certificate(ctx, cert) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1,
	    "use of the certificate");
}

SSL_CTX *
tls_ctx_for(enum side side, const struct tls_suite *suite)
{
	SSL_CTX *ctx = SSL_CTX_new(side == SERVER ? TLS_server_method() : TLS_client_method());

	/* Short tags are below level 1 from OpenSSL 3.2 on. */
	if (ctx)
		SSL_CTX_set_security_level(ctx, 0);
	need(ctx && SSL_CTX_set_min_proto_version(ctx, suite->version) == 1 &&
		SSL_CTX_set_max_proto_version(ctx, suite->version) == 1,
	    "context");
	need((suite->version == TLS1_3_VERSION ? SSL_CTX_set_ciphersuites(ctx, suite->name) :
						 SSL_CTX_set_cipher_list(ctx, suite->name)) == 1,
	    suite->name);
	if (side == SERVER)
		use_certificate(ctx);
	return ctx;
}

void
tls_pair_start(struct tls_pair *p, SSL_CTX *client, SSL_CTX *server)
{
	SSL_CTX *ctx[2] = { client, server };

	memset(p, 0, sizeof(*p));
	for (int s = CLIENT; s <= SERVER; s++) {
		p->to[s] = BIO_new(BIO_s_mem());
		need(p->to[s] != NULL, "BIO");
		BIO_set_mem_eof_return(p->to[s], -1);
	}
	for (int s = CLIENT; s <= SERVER; s++) {
		p->ssl[s] = SSL_new(ctx[s]);
		need(p->ssl[s] && record_watch(p->ssl[s]) == 0, "object");
		BIO_up_ref(p->to[s]);
		BIO_up_ref(p->to[!s]);
		SSL_set_bio(p->ssl[s], p->to[s], p->to[!s]);
	}
	SSL_set_connect_state(p->ssl[CLIENT]);
	SSL_set_accept_state(p->ssl[SERVER]);
}

int
tls_pair_shake(struct tls_pair *p)
{
	for (int i = 0; i < 8; i++) {
		int done = SSL_do_handshake(p->ssl[CLIENT]) == 1;

		done &= SSL_do_handshake(p->ssl[SERVER]) == 1;
		if (done)
			return 0;
	}
	return -1;
}

void
tls_pair_open(struct tls_pair *p, const struct tls_suite *suite)
{
	SSL_CTX *client = tls_ctx_for(CLIENT, suite), *server = tls_ctx_for(SERVER, suite);

	tls_pair_start(p, client, server);
	SSL_CTX_free(client);
	SSL_CTX_free(server);
	need(tls_pair_shake(p) == 0, "handshake");
}

int
tls_pair_take(struct tls_pair *p, enum side side)
{
	if (record_take(p->ssl[side], &p->rec[side]) == -1)
		return -1;
	SSL_free(p->ssl[side]);
	p->ssl[side] = NULL;
	return 0;
}

void
tls_pair_send(struct tls_pair *p, enum side from, const uint8_t *data, size_t n, size_t fragment)
{
	size_t at = 0, taken, size = record_sealed_size(n, fragment);
	uint8_t *buf;
	ssize_t len;

	if (p->ssl[from]) {
		for (; at < n; at += taken)
			need(SSL_write_ex(p->ssl[from], data + at,
				 n - at < fragment ? n - at : fragment, &taken) == 1,
			    "write");
		return;
	}
	buf = malloc(size);
	need(buf != NULL, "memory");
	len = record_seal(&p->rec[from], data, n, fragment, buf, size, &taken);
	need(len >= 0 && taken == n, "seal");
	tls_pair_inject(p, !from, buf, (size_t)len);
	free(buf);
}

static int
receive_ssl(SSL *ssl, uint8_t *out, size_t size)
{
	size_t done = 0, got;

	while (done < size && SSL_read_ex(ssl, out + done, size - done, &got) == 1)
		done += got;
	if (done)
		return (int)done;
	switch (SSL_get_error(ssl, 0)) {
	case SSL_ERROR_WANT_READ:
		return 0;
	case SSL_ERROR_ZERO_RETURN:
		return -1;
	default:
		return -2;
	}
}

int
tls_pair_receive(struct tls_pair *p, enum side at, uint8_t *out, size_t size)
{
	static uint8_t buf[4 << 20];
	struct record_in in;
	size_t n, done = 0;

	if (p->ssl[at])
		return receive_ssl(p->ssl[at], out, size);
	n = tls_pair_grab(p, at, buf, sizeof(buf));
	record_pass(&p->rec[at]);
	for (size_t i = 0; i < n; i += in.used)
		switch (record_open(&p->rec[at], buf + i, n - i, &in)) {
		case RECORD_DATA:
			need(in.len <= size - done, "room");
			memcpy(out + done, in.data, in.len);
			done += in.len;
			break;
		case RECORD_HANDLED:
			break;
		case RECORD_MORE:
			tls_pair_inject(p, at, buf + i, n - i);
			return (int)done;
		case RECORD_CLOSED:
			return done ? (int)done : -1;
		case RECORD_ALERTED:
		case RECORD_BROKEN:
			return -2;
		}
	return (int)done;
}

size_t
tls_pair_grab(struct tls_pair *p, enum side to, uint8_t *out, size_t size)
{
	int n = BIO_read(p->to[to], out, (int)size);

	return n > 0 ? (size_t)n : 0;
}

void
tls_pair_inject(struct tls_pair *p, enum side to, const uint8_t *in, size_t n)
{
	need(n == 0 || BIO_write(p->to[to], in, (int)n) == (int)n, "BIO_write");
}

void
tls_pair_close(struct tls_pair *p)
{
	for (int s = CLIENT; s <= SERVER; s++) {
		SSL_free(p->ssl[s]);
		BIO_free(p->to[s]);
		record_wipe(&p->rec[s]);
	}
	ERR_clear_error();
}

void
record_mirror(const struct record *r, struct record *mirror_r)
{
	size_t size = (record_size(r) - offsetof(struct record, keys)) / 2;

	*mirror_r = *r;
	for (int way = 0; way < 2; way++) {
		mirror_r->seq[way] = r->seq[!way];
	}
	memcpy(mirror_r->keys, r->keys + size, size);
	memcpy(mirror_r->keys + size, r->keys, size);
	mirror_r->server = !r->server;
}

size_t
record_forge(struct record *peer, uint8_t outer, uint16_t version, const uint8_t *content, size_t n,
    uint8_t *out)
{
	const struct record_keys k = record_keys(peer, RECORD_WRITE);
	const EVP_CIPHER *cipher = peer->suite == SUITE_AES128 ? EVP_aes_128_gcm() :
	    peer->suite == SUITE_AES256                        ? EVP_aes_256_gcm() :
								 EVP_chacha20_poly1305();
	size_t sent = peer->v12 && peer->suite != SUITE_CHACHA ? 8 : 0, body = sent + n + 16;
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	uint8_t seq[8], nonce[12], aad[13];
	int len, ok;

	for (int i = 0; i < 8; i++)
		seq[i] = (uint8_t)(peer->seq[RECORD_WRITE] >> (56 - 8 * i));
	peer->seq[RECORD_WRITE]++;
	out[0] = outer;
	out[1] = (uint8_t)(version >> 8);
	out[2] = (uint8_t)version;
	out[3] = (uint8_t)(body >> 8);
	out[4] = (uint8_t)body;
	memcpy(nonce, k.iv, 12);
	for (int i = 0; i < 8; i++)
		nonce[4 + i] = sent ? seq[i] : nonce[4 + i] ^ seq[i];
	if (sent)
		memcpy(out + 5, seq, 8);
	memcpy(aad, seq, 8);
	memcpy(aad + 8, out, 3);
	aad[11] = (uint8_t)(n >> 8);
	aad[12] = (uint8_t)n;
	ok = c && EVP_EncryptInit_ex(c, cipher, NULL, k.key, nonce) == 1 &&
	    (peer->v12 ? EVP_EncryptUpdate(c, NULL, &len, aad, 13) :
			 EVP_EncryptUpdate(c, NULL, &len, out, 5)) == 1 &&
	    (n == 0 || EVP_EncryptUpdate(c, out + 5 + sent, &len, content, (int)n) == 1) &&
	    EVP_EncryptFinal_ex(c, out + 5 + sent + n, &len) == 1 &&
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, 16, out + 5 + sent + n) == 1;
	EVP_CIPHER_CTX_free(c);
	need(ok, "forging");
	return 5 + body;
}
