/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* A side with an object of OpenSSL's: peers that send much and no data, sockets that wait. */
#include "worker/record/crypt.h"
#include "worker/record/record.h"
#include "worker/record/start.h"
#include "worker/record/take.h"
#include "worker/side/side.h"
#include "worker/side/ssl.h"

#include <check.h>
#include <fcntl.h>
#include <malloc.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define FLOOD 1000 /* records */

static struct side side;
static struct record peer; /* its keys, so that it can send what OpenSSL would not */
static int peer_fd;

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

static SSL *
object(const SSL_METHOD *method, int version)
{
	SSL_CTX *ctx = SSL_CTX_new(method);
	SSL *ssl;

	ck_assert_ptr_nonnull(ctx);
	SSL_CTX_set_min_proto_version(ctx, version);
	SSL_CTX_set_max_proto_version(ctx, version);
	SSL_CTX_set_num_tickets(ctx, 1);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_cipher_list(ctx, "ECDHE-ECDSA-AES128-GCM-SHA256");
	use_certificate(ctx);
	ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	ck_assert_int_eq(record_watch(ssl), 0);
	return ssl;
}

/* What the object would give back if it had buffers without bytes in them. */
static void
has_no_buffers(void)
{
	size_t before = mallinfo2().uordblks;

	(void)SSL_free_buffers(side.ssl);
	ck_assert_uint_eq(mallinfo2().uordblks, before);
}

/* A handshake in this version on a socket with these flags; then the peer is only its keys. */
static void
shake(int version, int flags)
{
	uint8_t byte;
	SSL *client = object(TLS_client_method(), version);
	SSL *server = object(TLS_server_method(), version);
	int fds[2], done = 0;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | flags, 0, fds), 0);
	peer_fd = fds[1];
	ck_assert_int_eq(fcntl(peer_fd, F_SETFL, O_NONBLOCK), 0);
	side_init(&side, fds[0], NULL);
	SSL_set_accept_state(server);
	ck_assert_int_eq(ssl_start(&side, server), 0);
	SSL_set_connect_state(client);
	ck_assert_int_eq(SSL_set_fd(client, peer_fd), 1);
	for (int i = 0; i < 8 && done != 3; i++)
		done = (ssl_shake(&side) == IO_DONE) << 1 | (SSL_do_handshake(client) == 1);
	ck_assert_int_eq(done, 3);
	ck_assert_int_eq(SSL_read(client, &byte, 1), -1); /* but the ticket */
	ck_assert_int_eq(record_take(client, &peer), 0);
	SSL_free(client);
}

/* Send what the peer has made, one byte after the other, with a step of ours after each. */
static enum io
feed(BIO *made)
{
	enum io io = ssl_shake(&side);
	uint8_t byte;

	while (io == IO_WAIT && BIO_read(made, &byte, 1) == 1) {
		has_no_buffers();
		ck_assert_int_eq(send(peer_fd, &byte, 1, 0), 1);
		side_event(&side, EPOLLIN);
		io = ssl_shake(&side);
	}
	return io;
}

static const struct {
	int version, server;
} roles[] = { { TLS1_2_VERSION, 1 }, { TLS1_3_VERSION, 1 }, { TLS1_2_VERSION, 0 },
	{ TLS1_3_VERSION, 0 } };

/* While somebody is waited for, at whatever byte, and when the handshake is done. */
START_TEST(waiting_costs_no_buffers)
{
	const int version = roles[_i].version, server = roles[_i].server;
	SSL *other = object(server ? TLS_client_method() : TLS_server_method(), version);
	SSL *ours = object(server ? TLS_server_method() : TLS_client_method(), version);
	BIO *made = BIO_new(BIO_s_mem()), *sent = BIO_new(BIO_s_mem());
	enum io io = IO_WAIT;
	uint8_t bytes[4096];
	ssize_t n;
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	peer_fd = fds[1];
	side_init(&side, fds[0], NULL);
	(server ? SSL_set_accept_state : SSL_set_connect_state)(ours);
	(server ? SSL_set_connect_state : SSL_set_accept_state)(other);
	ck_assert_int_eq(ssl_start(&side, ours), 0);
	SSL_set_bio(other, sent, made);
	for (int i = 0; i < 8 && io == IO_WAIT; i++) {
		(void)SSL_do_handshake(other);
		io = feed(made);
		while ((n = recv(peer_fd, bytes, sizeof(bytes), 0)) > 0)
			ck_assert_int_eq(BIO_write(sent, bytes, (int)n), n);
	}
	ck_assert_int_eq(io, IO_DONE);
	has_no_buffers();
	SSL_free(other);
	side_close(&side, NULL);
	close(peer_fd);
}
END_TEST

static size_t
key_update(uint8_t *out)
{
	return record_keyupdate(&peer, 0, out);
}

/* A ClientHello, as who wants to renegotiate begins. */
static size_t
client_hello(uint8_t *out)
{
	static const uint8_t head[4] = { 1, 0, 0, 64 };

	return record_crypt_seal(&peer, TYPE_HANDSHAKE, head, sizeof(head), out);
}

static const struct {
	const char *name;
	int version;
	size_t (*make)(uint8_t *out);
} floods[] = {
	{ "KeyUpdates", TLS1_3_VERSION, key_update },
	{ "renegotiation", TLS1_2_VERSION, client_hello },
};

static int
unread(void)
{
	int n = 0;

	ck_assert_int_eq(ioctl(side.watch.fd, FIONREAD, &n), 0);
	return n;
}

/* Others must get their turn: a read comes back before it has gone through all of it. */
START_TEST(a_flood_without_data_is_read_in_turns)
{
	static uint8_t out[FLOOD * RECORD_SMALL], in[1 << SIDE_WINDOW_MIN];
	size_t size = 0, n;
	int turns = 0;

	shake(floods[_i].version, SOCK_NONBLOCK);
	for (int i = 0; i < FLOOD; i++)
		size += floods[_i].make(out + size);
	ck_assert_int_eq(send(peer_fd, out, size, 0), (ssize_t)size);
	for (; unread() > 0 && turns < FLOOD; turns++)
		ck_assert_int_eq(side_read(&side, in, sizeof(in), &n), IO_WAIT);
	ck_assert_msg(turns > 4 && turns < FLOOD, "%s: %d turns", floods[_i].name, turns);
	side_close(&side, NULL);
	close(peer_fd);
}
END_TEST

/* Whoever hands it over, or holds a duplicate: a socket that waits makes nobody wait. */
START_TEST(a_waiting_socket_makes_nobody_wait)
{
	static uint8_t bytes[RECORD_PLAIN];
	size_t n, sent = 0;
	enum io io;

	shake(TLS1_3_VERSION, 0);
	ck_assert_int_eq(fcntl(side.watch.fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_eq(side_read(&side, bytes, sizeof(bytes), &n), IO_WAIT);
	has_no_buffers();
	do
		io = side_write(&side, bytes, sizeof(bytes));
	while (io == IO_DONE && ++sent < 10000);
	ck_assert_int_eq(io, IO_WAIT);
	ck_assert_int_eq(side_flush(&side), IO_WAIT);
	side_close(&side, NULL);
	close(peer_fd);
}
END_TEST

/* The end of the stream without a close_notify, and a peer that is gone when it is written to. */
START_TEST(ends_are_told)
{
	static uint8_t bytes[RECORD_PLAIN];
	size_t n;

	shake(TLS1_3_VERSION, SOCK_NONBLOCK);
	ck_assert_int_eq(shutdown(peer_fd, SHUT_WR), 0);
	ck_assert_int_eq(side_read(&side, bytes, sizeof(bytes), &n), IO_CUT);
	side_close(&side, NULL);
	close(peer_fd);
	shake(TLS1_3_VERSION, SOCK_NONBLOCK);
	close(peer_fd);
	ck_assert_int_eq(side_write(&side, bytes, sizeof(bytes)), IO_RESET);
	side_close(&side, NULL);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("side");
	TCase *t = tcase_create("side");
	SRunner *runner = srunner_create(suite);
	int failed;

	if (record_init())
		return 1;
	tcase_add_loop_test(
	    t, a_flood_without_data_is_read_in_turns, 0, sizeof(floods) / sizeof(floods[0]));
	tcase_add_loop_test(t, waiting_costs_no_buffers, 0, sizeof(roles) / sizeof(roles[0]));
	tcase_add_test(t, a_waiting_socket_makes_nobody_wait);
	tcase_add_test(t, ends_are_told);
	suite_add_tcase(suite, t);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
