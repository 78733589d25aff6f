/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Who a server is: handshakes with servers whose certificates are good, odd and forged, and the
 * words that the administrator gets.
 */
#include "common/tls/key.h"
#include "common/tls/verify.h"

#include "tests/lib/certs.h"
#include "tests/lib/fork_keeper.h"
#include "tests/lib/shake.h"

#include <check.h>
#include <openssl/err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static EVP_PKEY *ca_key, *rogue_key, *key, *client_key;
static X509 *ca, *rogue, *middle, *client;
static struct chan channel;
static struct bundle *bundle;

/* What a server shows. */
enum by { BY_CA, BY_ROGUE, BY_ITSELF, BY_MIDDLE };

/* clang-format off */
static const struct {
	const char *name;
	enum by by;
	struct cert_spec cert;
	const char *expected; /* the name that we ask for */
	const char *why;      /* beginning of the words; NULL: it is who it should be.  @N: a date N days from now */
} servers[] = {
	{ "the name",               BY_CA, { .cn = "x", .san = "DNS:mail.example.org" }, "mail.example.org", NULL },
	{ "capital letters",        BY_CA, { .cn = "x", .san = "DNS:MAIL.example.org" }, "mail.Example.org", NULL },
	{ "a final dot",            BY_CA, { .cn = "x", .san = "DNS:mail.example.org" }, "mail.example.org.", NULL },
	{ "the second name",        BY_CA, { .cn = "x", .san = "DNS:a.example,DNS:b.example" }, "b.example", NULL },
	{ "another name",           BY_CA, { .cn = "x", .san = "DNS:dovecot1.example.org" }, "mail.example.org",
	  "certificate is for dovecot1.example.org, not mail.example.org; set server_name" },
	{ "address for a name",     BY_CA, { .cn = "x", .san = "DNS:dovecot1.example.org" }, "10.0.0.1",
	  "certificate is for dovecot1.example.org, not 10.0.0.1; set server_name" },
	{ "two names",              BY_CA, { .cn = "x", .san = "DNS:a.example,DNS:b.example" }, "c.example",
	  "certificate is for a.example, b.example, not c.example; set server_name" },
	{ "many names",             BY_CA, { .cn = "x", .san = "DNS:a.example,DNS:b.example,DNS:c.example,DNS:d.example" }, "e.example",
	  "certificate is for a.example, b.example and 2 more, not e.example; set server_name" },
	{ "an address",             BY_CA, { .cn = "x", .san = "IP:10.0.0.1" }, "10.0.0.1", NULL },
	{ "an IPv6 address",        BY_CA, { .cn = "x", .san = "IP:2001:db8::1" }, "2001:db8:0::1", NULL },
	{ "a link-local address",   BY_CA, { .cn = "x", .san = "IP:fe80::1" }, "fe80::1%lo", NULL },
	{ "another address",        BY_CA, { .cn = "x", .san = "IP:10.0.0.1" }, "10.0.0.2",
	  "certificate is for 10.0.0.1, not 10.0.0.2; set server_name" },
	{ "an address as DNS name", BY_CA, { .cn = "x", .san = "DNS:10.0.0.1" }, "10.0.0.1",
	  "certificate is for 10.0.0.1, not 10.0.0.1; set server_name" },
	{ "an address as CN",       BY_CA, { .cn = "10.0.0.1" }, "10.0.0.1", "certificate is for 10.0.0.1, not 10.0.0.1" },
	{ "wildcard",               BY_CA, { .cn = "x", .san = "DNS:*.example.org" }, "mail.example.org", NULL },
	{ "wildcard, two labels",   BY_CA, { .cn = "x", .san = "DNS:*.example.org" }, "a.mail.example.org", "certificate is for *.example.org" },
	{ "wildcard, no label",     BY_CA, { .cn = "x", .san = "DNS:*.example.org" }, "example.org", "certificate is for *.example.org" },
	{ "wildcard in a label",    BY_CA, { .cn = "x", .san = "DNS:ma*.example.org" }, "mail.example.org", "certificate is for ma*.example.org" },
	{ "wildcard further right", BY_CA, { .cn = "x", .san = "DNS:mail.*.org" }, "mail.example.org", "certificate is for mail.*.org" },
	{ "wildcard alone",         BY_CA, { .cn = "x", .san = "DNS:*" }, "mail", "certificate is for *, not mail" },
	{ "CN without SAN",         BY_CA, { .cn = "mail.example.org" }, "mail.example.org", NULL },
	{ "CN beside a SAN",        BY_CA, { .cn = "mail.example.org", .san = "DNS:other.example.org" }, "mail.example.org",
	  "certificate is for other.example.org, not mail.example.org" },
	{ "NUL in the SAN",         BY_CA, { .cn = "x", .san_raw = "mail.example.org\0.evil.example", .san_raw_size = 30 }, "mail.example.org",
	  "certificate is for mail.example.org?x00.evil.example, not mail.example.org" },
	{ "NUL in the CN",          BY_CA, { .cn = "mail.example.org\0.evil.example", .cn_size = 30 }, "mail.example.org",
	  "certificate is for mail.example.org?x00.evil.example, not mail.example.org" },
	{ "control bytes",          BY_CA, { .cn = "a\033[2Jb\n" }, "mail.example.org", "certificate is for a?x1b[2Jb?x0a, not mail" },
	{ "expired",                BY_CA, { .cn = "x", .san = "DNS:mail.example.org", .from_day = -9, .to_day = -3 }, "mail.example.org",
	  "certificate expired on @-3" },
	{ "not yet valid",          BY_CA, { .cn = "x", .san = "DNS:mail.example.org", .from_day = 3, .to_day = 9 }, "mail.example.org",
	  "certificate is valid only from @3" },
	{ "self-signed",            BY_ITSELF, { .cn = "x", .san = "DNS:mail.example.org" }, "mail.example.org", "self-signed certificate" },
	{ "of another CA",          BY_ROGUE, { .cn = "x", .san = "DNS:mail.example.org" }, "mail.example.org",
	  "certificate is issued by 'Test CA', which is not trusted here; set ca_file" },
	{ "with its issuer",        BY_MIDDLE, { .cn = "x", .san = "DNS:mail.example.org" }, "mail.example.org", NULL },
};
/* clang-format on */

static SSL_CTX *
server_ctx(enum by by, const struct cert_spec *spec)
{
	X509 *issuers[] = { ca, rogue, NULL, middle };
	EVP_PKEY *issuer_keys[] = { ca_key, rogue_key, NULL, ca_key };
	X509 *leaf = certs_make(spec, key, issuers[by], issuer_keys[by]);
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	ck_assert_int_eq(SSL_CTX_use_certificate(ctx, leaf), 1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey(ctx, key), 1);
	if (by == BY_MIDDLE)
		SSL_CTX_add1_chain_cert(ctx, middle);
	X509_free(leaf);
	return ctx;
}

/* A handshake with that server; "" or why it failed. */
static const char *
meet(SSL_CTX *sctx, const struct conf_back_tls *t, const char *expected)
{
	static const struct conf_backend none;
	static char why[REASON_WORDS];
	struct finding found;
	char err[200] = "";
	SSL_CTX *cctx = tls_back_ctx(t, bundle, err, sizeof(err));
	ck_assert_msg(cctx, "%s", err);
	SSL *server = SSL_new(sctx), *ssl = SSL_new(cctx);
	SSL_set_accept_state(server);
	SSL_set_connect_state(ssl);
	ck_assert_int_eq(tls_back_expect(ssl, t, expected), 0);
	shake_join(ssl, server);
	why[0] = '\0';
	if (!shake_run(ssl, server)) {
		tls_back_why(ssl, expected, &found);
		reason_words(&none, &found, why, sizeof(why));
		ck_assert_uint_eq(ERR_peek_error(), 0);
		ck_assert_str_ne(why, "");
	}
	SSL_free(ssl);
	SSL_free(server);
	SSL_CTX_free(cctx);
	return why;
}

/* The words, with @N turned into the day that it means. */
static const char *
with_day(const char *why)
{
	static char buf[300];
	const char *at = strchr(why, '@');
	if (!at)
		return why;
	time_t when = time(NULL) + strtol(at + 1, NULL, 10) * 86400;
	struct tm tm;
	char day[16];
	strftime(day, sizeof(day), "%Y-%m-%d", gmtime_r(&when, &tm));
	snprintf(buf, sizeof(buf), "%.*s%s", (int)(at - why), why, day);
	return buf;
}

START_TEST(who_a_server_is)
{
	struct conf_back_tls t = { .on = 1, .verify = VERIFY_REQUIRED, .ca_file = "ca.pem" };
	SSL_CTX *ctx = server_ctx(servers[_i].by, &servers[_i].cert);
	const char *why = meet(ctx, &t, servers[_i].expected);
	if (!servers[_i].why) {
		ck_assert_msg(*why == '\0', "%s: %s", servers[_i].name, why);
	} else {
		const char *words = with_day(servers[_i].why);
		ck_assert_msg(
		    strncmp(why, words, strlen(words)) == 0, "%s: %s", servers[_i].name, why);
	}
	/* Of the chain alone: whatever is wrong but the name. */
	int by_name = strncmp(why, "certificate is for", 18) == 0;
	char words[300];
	snprintf(words, sizeof(words), "%s", by_name ? "" : why);
	t.verify = VERIFY_CHAIN;
	ck_assert_str_eq(meet(ctx, &t, servers[_i].expected), words);
	/* Whoever does not want to know is not told. */
	t.verify = VERIFY_NONE;
	ck_assert_str_eq(meet(ctx, &t, servers[_i].expected), "");
	SSL_CTX_free(ctx);
}
END_TEST

/* clang-format off */
static const struct {
	const char *name, *crl;
	long serial;
	const char *why;
} crls[] = {
	{ "not on the list",   "crl.pem",     1, NULL },
	{ "on the list",       "crl.pem",     7, "certificate is revoked" },
	{ "an old list",       "old.pem",     1, "the CRL of 'Test CA' has expired" },
	{ "another CA's list", "another.pem", 1, "no CRL of 'Test CA'" },
};
/* clang-format on */

START_TEST(revoked)
{
	struct conf_back_tls t = {
		.on = 1, .verify = VERIFY_REQUIRED, .ca_file = "ca.pem", .crl = crls[_i].crl
	};
	struct cert_spec spec = { .san = "DNS:a.example", .serial = crls[_i].serial };
	SSL_CTX *ctx = server_ctx(BY_CA, &spec);
	const char *why = meet(ctx, &t, "a.example");
	ck_assert_msg(!crls[_i].why ? *why == '\0' : strcmp(why, crls[_i].why) == 0, "%s: %s",
	    crls[_i].name, why);
	SSL_CTX_free(ctx);
}
END_TEST

START_TEST(not_tls_at_all)
{
	static const char *const greetings[] = { "* OK Dovecot ready.\r\n",
		"220 mail.example.org ESMTP Postfix\r\n", "+OK ready\r\n", "HTTP/1.1 400 Bad\r\n" };
	struct conf_back_tls t = { .on = 1, .verify = VERIFY_NONE };
	struct finding found;
	char err[200];
	SSL_CTX *ctx = tls_back_ctx(&t, bundle, err, sizeof(err));
	SSL *ssl = SSL_new(ctx);
	BIO *in = BIO_new_mem_buf(greetings[_i], -1);
	SSL_set_bio(ssl, in, BIO_new(BIO_s_mem()));
	SSL_set_connect_state(ssl);
	ck_assert_int_ne(SSL_do_handshake(ssl), 1);
	tls_back_why(ssl, "a.example", &found);
	ck_assert_uint_eq(found.reason, REASON_NOT_TLS);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
}
END_TEST

START_TEST(an_old_server)
{
	struct conf_back_tls t = { .on = 1, .verify = VERIFY_NONE };
	SSL_CTX *ctx = server_ctx(BY_CA, &(struct cert_spec){ .san = "DNS:a.example" });
	SSL_CTX_set_security_level(ctx, 0);
	SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
	SSL_CTX_set_max_proto_version(ctx, TLS1_1_VERSION);
	ck_assert_str_eq(meet(ctx, &t, "a.example"), "speaks no TLS 1.2 or newer");
	SSL_CTX_free(ctx);
}
END_TEST

START_TEST(our_certificate)
{
	struct conf_back_tls t = {
		.on = 1, .verify = VERIFY_REQUIRED, .ca_file = "ca.pem", .certificate = "client.pem"
	};
	EVP_PKEY *keys[] = { key, client_key };
	pid_t pid = fork_keeper(keys, 2, &channel);
	X509_STORE *store = X509_STORE_new();
	X509_STORE_add_cert(store, ca);
	SSL_CTX *ctx = server_ctx(BY_CA, &(struct cert_spec){ .san = "DNS:a.example" });
	SSL_CTX_set_cert_store(ctx, store);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	ck_assert_str_eq(meet(ctx, &t, "a.example"), "");
	t.certificate = NULL;
	SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION); /* 1.3 tells us only later */
	ck_assert_str_ne(meet(ctx, &t, "a.example"), "");
	SSL_CTX_free(ctx);
	ck_assert(fork_keeper_end(pid, &channel));
}
END_TEST

/* clang-format off */
static const struct {
	const char *name;
	struct conf_back_tls t;
	const char *error;
} settings[] = {
	{ "no such CA",       { .verify = VERIFY_REQUIRED, .ca_file = "none.pem" }, "none.pem: not in the bundle" },
	{ "no system CA",     { .verify = VERIFY_REQUIRED }, "no ca_file, and this system has no CA certificates" },
	{ "CA without any",   { .verify = VERIFY_REQUIRED, .ca_file = "text.pem" }, "text.pem: no certificate in it" },
	{ "broken CA",        { .verify = VERIFY_REQUIRED, .ca_file = "broken.pem" }, "broken.pem: certificate 2 in it cannot be read" },
	{ "CRL without any",  { .verify = VERIFY_REQUIRED, .ca_file = "ca.pem", .crl = "text.pem" }, "text.pem: no CRL in it (PEM is needed)" },
	{ "CRL not there",    { .verify = VERIFY_REQUIRED, .ca_file = "ca.pem", .crl = "none.pem" }, "none.pem: not in the bundle" },
	{ "another's key",    { .verify = VERIFY_NONE, .certificate = "wrong.pem" }, "client.key (RSA 2048) does not belong to wrong.pem (EC P-256)" },
	{ "another's, inside", { .verify = VERIFY_NONE, .certificate = "both.pem" },
	  "both.pem: its private key (EC P-256) does not belong to its first certificate (RSA 2048)" },
	{ "key not there",    { .verify = VERIFY_NONE, .certificate = "keyless.pem" }, "keyless.pem: the keeper does not answer for its key: No such file or directory" },
};
/* clang-format on */

START_TEST(settings_that_cannot_be)
{
	EVP_PKEY *keys[] = { key, client_key };
	pid_t pid = fork_keeper(keys, 2, &channel);
	char err[200] = "";
	SSL_CTX *ctx = tls_back_ctx(&settings[_i].t, bundle, err, sizeof(err));
	ck_assert_msg(!ctx, "%s", settings[_i].name);
	ck_assert_msg(strncmp(err, settings[_i].error, strlen(settings[_i].error)) == 0, "%s: %s",
	    settings[_i].name, err);
	ck_assert(fork_keeper_end(pid, &channel));
}
END_TEST

START_TEST(the_name_to_expect)
{
	char buf[ADDR_TEXT];
	struct conf_back_tls t = { .on = 1 };
	struct conf_server s = { .name = "d1" };
	ck_assert_int_eq(addr_parse("10.0.0.1:993", 0, &s.addr), 0);
	ck_assert_str_eq(tls_back_name(&t, &s, buf), "10.0.0.1");
	s.host = "d1.example.org";
	ck_assert_str_eq(tls_back_name(&t, &s, buf), "d1.example.org");
	t.server_name = "mail.example.org";
	ck_assert_str_eq(tls_back_name(&t, &s, buf), "mail.example.org");
	s.server_name = "own.example.org";
	ck_assert_str_eq(tls_back_name(&t, &s, buf), "own.example.org");
}
END_TEST

START_TEST(what_goes_out_as_sni)
{
	static const struct {
		const char *expected, *sni;
	} names[] = { { "mail.example.org", "mail.example.org" },
		{ "mail.example.org.", "mail.example.org" }, { "10.0.0.1", NULL },
		{ "2001:db8::1", NULL }, { "fe80::1%lo", NULL } };
	struct conf_back_tls t = { .on = 1, .verify = VERIFY_NONE };
	char err[200];
	SSL_CTX *ctx = tls_back_ctx(&t, bundle, err, sizeof(err));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		SSL *ssl = SSL_new(ctx);
		SSL_set_connect_state(ssl);
		ck_assert_int_eq(tls_back_expect(ssl, &t, names[i].expected), 0);
		const char *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
		ck_assert_msg(!sni ? !names[i].sni : names[i].sni && strcmp(sni, names[i].sni) == 0,
		    "%s: %s", names[i].expected, sni);
		SSL_free(ssl);
	}
	SSL_CTX_free(ctx);
}
END_TEST

static void
add(struct bundle_writer *w, enum piece_kind kind, const char *name, const char *text, uint32_t n,
    const char *key_name)
{
	struct piece p = { .kind = kind,
		.name = name,
		.key_name = key_name,
		.key = n,
		.data = text,
		.size = strlen(text) };
	if (bundle_add(w, &p) == -1)
		abort();
}

static struct bundle *
make_bundle(void)
{
	struct bundle_writer *w = bundle_new("test");
	char *ca_pem = certs_pem(ca, NULL), broken[8192];
	char *client_pem = certs_pem(client, NULL);
	X509_CRL *lists[] = { certs_crl(ca, ca_key, 7, -1), certs_crl(ca, ca_key, 0, -20),
		certs_crl(client, client_key, 0, -1) };
	const char *list_names[] = { "crl.pem", "old.pem", "another.pem" };
	X509 *wrong = certs_make(&(struct cert_spec){ .cn = "x" }, key, ca, ca_key);
	char *wrong_pem = certs_pem(wrong, NULL);
	snprintf(broken, sizeof(broken), "%s-----BEGIN CERTIFICATE-----\nMIIB!!\n", ca_pem);
	add(w, PIECE_CA, "ca.pem", ca_pem, 0, "");
	add(w, PIECE_CA, "text.pem", "hello", 0, "");
	add(w, PIECE_CA, "broken.pem", broken, 0, "");
	add(w, PIECE_CRL, "text.pem", "hello", 0, "");
	for (int i = 0; i < 3; i++) {
		char *pem = certs_crl_pem(lists[i]);
		add(w, PIECE_CRL, list_names[i], pem, 0, "");
		free(pem);
		X509_CRL_free(lists[i]);
	}
	/* The keeper's keys: 0 is the servers' (EC), 1 the client's (RSA). */
	add(w, PIECE_BACKCERT, "client.pem", client_pem, 1, "client.key");
	add(w, PIECE_BACKCERT, "wrong.pem", wrong_pem, 1, "client.key");
	add(w, PIECE_BACKCERT, "both.pem", client_pem, 0, "both.pem");
	add(w, PIECE_BACKCERT, "keyless.pem", client_pem, 2, "keyless.key");
	free(ca_pem);
	free(client_pem);
	free(wrong_pem);
	X509_free(wrong);
	int fd = bundle_seal(w);
	bundle_writer_free(&w);
	return bundle_open(fd);
}

int
main(void)
{
	struct cert_spec spec = { .cn = "Test CA", .ca = 1 };
	signal(SIGPIPE, SIG_IGN);
	if (tls_key_init(&channel) == -1)
		return 2;
	ca_key = certs_key("EC P-256");
	rogue_key = certs_key("EC P-256");
	key = certs_key("EC P-256");
	client_key = certs_key("RSA 2048");
	ca = certs_make(&spec, ca_key, NULL, NULL);
	rogue = certs_make(&spec, rogue_key, NULL, NULL);
	spec.cn = "Middle CA";
	middle = certs_make(&spec, ca_key, ca, ca_key);
	client = certs_make(&(struct cert_spec){ .cn = "proxy" }, client_key, ca, ca_key);
	bundle = make_bundle();
	if (!bundle)
		return 2;

	Suite *suite = suite_create("tls/verify");
	TCase *t = tcase_create("verify");
	tcase_add_loop_test(t, who_a_server_is, 0, sizeof(servers) / sizeof(servers[0]));
	tcase_add_loop_test(t, revoked, 0, sizeof(crls) / sizeof(crls[0]));
	tcase_add_loop_test(t, not_tls_at_all, 0, 4);
	tcase_add_test(t, an_old_server);
	tcase_add_test(t, our_certificate);
	tcase_add_loop_test(t, settings_that_cannot_be, 0, sizeof(settings) / sizeof(settings[0]));
	tcase_add_test(t, the_name_to_expect);
	tcase_add_test(t, what_goes_out_as_sni);
	suite_add_tcase(suite, t);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
