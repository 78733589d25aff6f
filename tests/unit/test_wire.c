/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The socket of a check, and a server that sends much in TLS and never a byte of data. */
#include "checker/wire.h"

#include <check.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <unistd.h>

#define FLOOD 200 /* KeyUpdates */

static struct wire wire;
static SSL *server;

static void
use_certificate(SSL_CTX *ctx)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();

	ck_assert(key && cert);
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 36000);
	X509_set_pubkey(cert, key);
	ck_assert_int_gt(X509_sign(cert, key, EVP_sha256()), 0);
	ck_assert_int_eq(SSL_CTX_use_certificate(ctx, cert), 1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey(ctx, key), 1);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void
setup(void)
{
	SSL_CTX *here = SSL_CTX_new(TLS_client_method()), *there = SSL_CTX_new(TLS_server_method());
	int fds[2], done = 0;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	use_certificate(there);
	server = SSL_new(there);
	ck_assert_int_eq(SSL_set_fd(server, fds[1]), 1);
	SSL_set_accept_state(server);
	wire = (struct wire){ .fd = fds[0] };
	ck_assert_int_eq(wire_tls(&wire, SSL_new(here)), WIRE_DONE);
	for (int i = 0; i < 8 && done != 3; i++)
		done = (wire_handshake(&wire) == WIRE_DONE) | (SSL_do_handshake(server) == 1) << 1;
	ck_assert_int_eq(done, 3);
	SSL_CTX_free(here);
	SSL_CTX_free(there);
}

/* Other checks must get their turn: a read comes back before it has gone through all of it. */
START_TEST(a_flood_without_data_is_read_in_turns)
{
	size_t n = 0;
	int turns = 0;
	enum wire_io io;
	char byte;

	for (int i = 0; i < FLOOD; i++) {
		ck_assert_int_eq(SSL_key_update(server, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
		ck_assert_int_eq(SSL_do_handshake(server), 1);
	}
	ck_assert_int_eq(SSL_write(server, "x", 1), 1);
	for (; (io = wire_read(&wire, &byte, 1, &n)) == WIRE_WAIT && turns <= 2 * FLOOD; turns++)
		;
	ck_assert_int_eq(io, WIRE_DONE);
	ck_assert_int_eq(byte, 'x');
	ck_assert_int_ge(turns, FLOOD / 10);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("wire");
	TCase *t = tcase_create("floods");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, a_flood_without_data_is_read_in_turns);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
