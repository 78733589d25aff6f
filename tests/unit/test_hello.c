/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* ClientHellos as real clients send them, whole, cut at every byte and bent in every way. */
#include "worker/conn/hello.h"

#include <check.h>
#include <openssl/ssl.h>
#include <string.h>

static uint8_t flight[HELLO_MAX];
static size_t flight_size;

/* What OpenSSL sends first, with this SNI (NULL: none). */
static void
make_hello(const char *sni, int max_version)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl;
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());

	SSL_CTX_set_max_proto_version(ctx, max_version);
	ssl = SSL_new(ctx);
	SSL_set_bio(ssl, in, out);
	SSL_set_connect_state(ssl);
	if (sni)
		(void)SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
		    (char *)(uintptr_t)sni);
	(void)SSL_do_handshake(ssl);
	flight_size = (size_t)BIO_read(out, flight, sizeof(flight));
	SSL_free(ssl);
	SSL_CTX_free(ctx);
}

/* The same handshake message in records of n bytes each. */
static size_t
in_records(size_t n, uint8_t *out)
{
	size_t at = 0;

	for (size_t i = 5; i < flight_size; i += n) {
		size_t here = flight_size - i < n ? flight_size - i : n;

		memcpy(out + at, (uint8_t[]){ 22, 3, 1, (uint8_t)(here >> 8), (uint8_t)here }, 5);
		memcpy(out + at + 5, flight + i, here);
		at += 5 + here;
	}
	return at;
}

static const struct {
	const char *sni;
	int version;
} real[] = {
	{ "mail.example.org", TLS1_3_VERSION },
	{ "mail.example.org", TLS1_2_VERSION },
	{ NULL, TLS1_3_VERSION },
	{ "a", TLS1_3_VERSION },
};

START_TEST(real_hello)
{
	char sni[256];

	make_hello(real[_i].sni, real[_i].version);
	ck_assert_int_eq(hello_parse(flight, flight_size, sni), HELLO_WHOLE);
	ck_assert_str_eq(sni, real[_i].sni ? real[_i].sni : "");
	for (size_t n = 0; n < flight_size; n++)
		ck_assert_int_eq(hello_parse(flight, n, sni), HELLO_MORE);
	/* What follows the hello does not matter. */
	ck_assert_int_eq(hello_parse(flight, flight_size + 9, sni), HELLO_WHOLE);
}
END_TEST

START_TEST(many_records)
{
	static uint8_t out[HELLO_MAX * 8];
	char sni[256];
	size_t size;

	make_hello("mail.example.org", TLS1_3_VERSION);
	for (size_t n = 1; n < 600; n++) {
		size = in_records(n, out);
		ck_assert_int_eq(hello_parse(out, size, sni), HELLO_WHOLE);
		ck_assert_str_eq(sni, "mail.example.org");
		ck_assert_int_eq(hello_parse(out, size - 1, sni), HELLO_MORE);
	}
}
END_TEST

/* No bent length may be believed: the parser stays inside what it was given. */
START_TEST(every_byte_changed)
{
	uint8_t bent[HELLO_MAX];
	char sni[256];

	make_hello("mail.example.org", TLS1_3_VERSION);
	for (size_t i = 0; i < flight_size; i++)
		for (int bit = 0; bit < 8; bit++) {
			memcpy(bent, flight, flight_size);
			bent[i] ^= (uint8_t)(1 << bit);
			(void)hello_parse(bent, flight_size, sni);
			ck_assert(memchr(sni, '\0', sizeof(sni)));
		}
}
END_TEST

static const struct {
	const char *name;
	const char *bytes;
	size_t size;
	enum hello_result expect;
} cases[] = {
	{ "nothing", "", 0, HELLO_MORE },
	{ "HTTP", "GET / HTTP/1.1\r\n", 16, HELLO_BAD },
	{ "IMAP", "a001 CAPABILITY\r\n", 17, HELLO_BAD },
	{ "an alert", "\x15\x03\x01\x00\x02\x02\x28", 7, HELLO_BAD },
	{ "SSL 2", "\x80\x2e\x01\x03\x01", 5, HELLO_BAD },
	{ "first byte only", "\x16", 1, HELLO_MORE },
	{ "wrong version", "\x16\x02", 2, HELLO_BAD },
	{ "empty record", "\x16\x03\x01\x00\x00", 5, HELLO_BAD },
	{ "record too large", "\x16\x03\x01\x40\x01", 5, HELLO_BAD },
	{ "a ServerHello", "\x16\x03\x01\x00\x04\x02\x00\x00\x00", 9, HELLO_BAD },
	{ "empty body", "\x16\x03\x01\x00\x04\x01\x00\x00\x00", 9, HELLO_BAD },
	{ "body too large", "\x16\x03\x01\x00\x04\x01\x01\x00\x00", 9, HELLO_BAD },
};

START_TEST(bent)
{
	char sni[256];

	ck_assert_msg(
	    hello_parse((const uint8_t *)cases[_i].bytes, cases[_i].size, sni) == cases[_i].expect,
	    "%s", cases[_i].name);
}
END_TEST

START_TEST(never_whole)
{
	static uint8_t endless[HELLO_MAX];
	char sni[256];

	/* Records of one byte that promise a hello which never comes. */
	for (size_t i = 0; i + 6 <= sizeof(endless); i += 6)
		memcpy(endless + i, "\x16\x03\x01\x00\x01\x01", 6);
	memset(endless + sizeof(endless) / 6 * 6, 0x16, sizeof(endless) % 6);
	ck_assert_int_eq(hello_parse(endless, sizeof(endless), sni), HELLO_BAD);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("hello");
	TCase *t = tcase_create("hello");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, real_hello, 0, sizeof(real) / sizeof(real[0]));
	tcase_add_test(t, many_records);
	tcase_add_test(t, every_byte_changed);
	tcase_add_loop_test(t, bent, 0, sizeof(cases) / sizeof(cases[0]));
	tcase_add_test(t, never_whole);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
