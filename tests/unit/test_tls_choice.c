/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Which of several certificates for one name is shown, which without a name, and what is said. */
#include "worker/tls/ctx.h"
#include "worker/tls/look.h"

#include "common/log.h"
#include "common/tls/key.h"
#include "tests/lib/certs.h"
#include "tests/lib/fork_keeper.h"
#include "tests/lib/shake.h"

#include <check.h>
#include <openssl/err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { KEY_EC, KEY_RSA, KEYS };
static EVP_PKEY *keys[KEYS], *ca_key;
static X509 *ca;
static struct chan channel;

#define EC_ONLY  "ecdsa_secp256r1_sha256"
#define RSA_ONLY "rsa_pss_rsae_sha256"

/* clang-format off */
static const struct {
	const char *name;
	struct { const char *san; int key, from, to; } files[3]; /* /c/0.pem, /c/1.pem, ... */
	const char *hostname, *sni, *sigalgs;
	int shown; /* which file; -1: none */
	const char *says[2]; /* lines of the log in part, all there are */
} cases[] = {
	{ "an expired one first", { { "DNS:a.example", KEY_EC, -9, -2 }, { "DNS:a.example", KEY_EC, -1, 30 } },
	  "a.example", "a.example", NULL, 1,
	  { "/c/0.pem is not shown for a.example, but /c/1.pem: this one expired on " } },
	{ "an expired one last", { { "DNS:a.example", KEY_EC, -1, 30 }, { "DNS:a.example", KEY_EC, -9, -2 } },
	  "a.example", "a.example", NULL, 0,
	  { "/c/1.pem is not shown for a.example, but /c/0.pem: this one expired on " } },
	{ "one that is not valid yet", { { "DNS:a.example", KEY_EC, 2, 90 }, { "DNS:a.example", KEY_EC, -1, 30 } },
	  "a.example", "a.example", NULL, 1,
	  { "/c/0.pem is not shown for a.example, but /c/1.pem: this one is not valid yet\n" } },
	{ "the later end", { { "DNS:a.example", KEY_EC, -1, 30 }, { "DNS:a.example", KEY_EC, -1, 60 } },
	  "a.example", "a.example", NULL, 1,
	  { "/c/0.pem is not shown for a.example, but /c/1.pem: it is valid longer\n" } },
	{ "the order of the list", { { "DNS:a.example", KEY_EC, -1, 30 }, { "DNS:a.example", KEY_EC, -1, 30 } },
	  "a.example", "a.example", NULL, 0,
	  { "/c/1.pem is not shown for a.example, but /c/0.pem: it stands before this one\n" } },
	{ "one name of two", { { "DNS:a.example,DNS:b.example", KEY_EC, -1, 30 }, { "DNS:b.example", KEY_EC, -1, 60 } },
	  "a.example", "b.example", NULL, 1,
	  { "/c/0.pem is not shown for b.example, but /c/1.pem: it is valid longer\n" } },
	{ "the other name of two", { { "DNS:a.example,DNS:b.example", KEY_EC, -1, 30 }, { "DNS:b.example", KEY_EC, -1, 60 } },
	  "a.example", "a.example", NULL, 0,
	  { "/c/0.pem is not shown for b.example, but /c/1.pem: it is valid longer\n" } },
	{ "of each kind one", { { "DNS:a.example", KEY_RSA, -1, 30 }, { "DNS:a.example", KEY_EC, -1, 60 } },
	  "a.example", "a.example", RSA_ONLY, 0, { NULL } },
	{ "an expired one of the kind that clients like", { { "DNS:a.example", KEY_EC, -9, -2 }, { "DNS:a.example", KEY_RSA, -1, 30 } },
	  "a.example", "a.example", NULL, 1,
	  { "/c/0.pem is not shown for a.example, but /c/1.pem: this one expired on " } },
	{ "an expired RSA one, for who can do no other", { { "DNS:a.example", KEY_EC, -1, 30 }, { "DNS:a.example", KEY_RSA, -9, -2 } },
	  "a.example", "a.example", RSA_ONLY, 1, { "/c/1.pem: the certificate expired" } },
	{ "an expired exact name and a good wildcard", { { "DNS:a.b.example", KEY_EC, -9, -2 }, { "DNS:*.b.example", KEY_EC, -1, 30 } },
	  "x.b.example", "a.b.example", NULL, 1,
	  { "/c/0.pem is not shown for a.b.example, but /c/1.pem: this one expired on " } },
	{ "the default: what covers hostname", { { "DNS:a.example", KEY_EC, -1, 90 }, { "DNS:mail.example", KEY_EC, -1, 30 } },
	  "Mail.Example", NULL, NULL, 1, { NULL } },
	{ "the default for a name that is not known", { { "DNS:a.example", KEY_EC, -1, 90 }, { "DNS:mail.example", KEY_EC, -1, 30 } },
	  "mail.example", "z.example", NULL, 1, { NULL } },
	{ "the default: a wildcard", { { "DNS:a.example", KEY_EC, -1, 90 }, { "DNS:*.mail.example", KEY_EC, -1, 30 } },
	  "mx.mail.example", NULL, NULL, 1, { NULL } },
	{ "the default: the first", { { "DNS:a.example", KEY_EC, -1, 90 }, { "DNS:mail.example", KEY_EC, -1, 90 } },
	  "other.example", NULL, NULL, 0,
	  { "f:2: no certificate covers hostname \"other.example\": clients that name no host get the first, /c/0.pem (a.example); " } },
	{ "the default: of each kind one", { { "DNS:a.example", KEY_EC, -1, 90 }, { "DNS:mail.example", KEY_EC, -1, 90 },
	  { "DNS:mail.example", KEY_RSA, -1, 90 } }, "mail.example", NULL, RSA_ONLY, 2, { NULL } },
	{ "a kind that the default has not", { { "DNS:mail.example", KEY_EC, -1, 90 } }, "mail.example", NULL, RSA_ONLY, -1, { NULL } },
};
/* clang-format on */

#define CASES (sizeof(cases) / sizeof(cases[0]))

static struct conf *
conf_of(const char *hostname)
{
	char text[512];
	struct problems p = { 0 };
	snprintf(text, sizeof(text),
	    "frontends = ( { name = \"f\"; bind = \"*:1\"; backend = \"b\"; hostname = \"%s\";\n"
	    "tls = { certificates = \"/c\"; }; } );\n"
	    "backends = ( { name = \"b\"; protocol = \"imap\"; servers = \"127.0.0.1:143\"; } );\n",
	    hostname);
	struct conf *conf = conf_parse(text, "f", "/", &p);
	ck_assert_msg(conf, "%s", p.count > 0 ? p.items[0].text : "");
	problems_clear(&p);
	return conf;
}

static struct bundle *
bundle_of(int which)
{
	struct bundle_writer *w = bundle_new("test");
	for (long n = 0; n < 3 && cases[which].files[n].san; n++) {
		struct cert_spec spec = { .cn = "x",
			.san = cases[which].files[n].san,
			.from_day = cases[which].files[n].from,
			.to_day = cases[which].files[n].to,
			.serial = n + 1 };
		int key = cases[which].files[n].key;
		X509 *x = certs_make(&spec, keys[key], ca, ca_key);
		char *pem = certs_pem(x, ca, NULL), name[32];
		snprintf(name, sizeof(name), "/c/%ld.pem", n);
		struct piece p = { .kind = PIECE_CERT,
			.name = name,
			.key = (uint32_t)key,
			.key_name = "/c/key.pem",
			.data = pem,
			.size = strlen(pem) };
		ck_assert_int_eq(bundle_add(w, &p), 0);
		free(pem);
		X509_free(x);
	}
	int fd = bundle_seal(w);
	bundle_writer_free(&w);
	struct bundle *b = bundle_open(fd);
	close(fd);
	ck_assert_ptr_nonnull(b);
	return b;
}

/* What a client is shown: the number of the file, or -1. */
static int
shown(const struct tls_ctx *tls, const char *sni, const char *sigalgs)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	if (sigalgs)
		ck_assert_int_eq(shake_set_sigalgs(ctx, sigalgs), 1);
	SSL *client = SSL_new(ctx), *server = tls_ctx_accept(tls, 0);
	SSL_set_connect_state(client);
	if (sni)
		ck_assert_int_eq(shake_set_sni(client, sni), 1);
	shake_join(client, server);
	int n = -1;
	if (shake_run(client, server))
		n = (int)ASN1_INTEGER_get(
			X509_get0_serialNumber(SSL_get0_peer_certificate(client))) -
		    1;
	ERR_clear_error();
	SSL_free(client);
	SSL_free(server);
	SSL_CTX_free(ctx);
	return n;
}

static void
listen_to(const struct tls_ctx *tls, int first, char said[4096])
{
	int log[2];
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, log), 0);
	log_open(log[0], LOG_INFO, 0, 0);
	tls_look(tls, first);
	ssize_t n = read(log[1], said, 4095);
	said[n > 0 ? n : 0] = '\0';
	close(log[0]);
	close(log[1]);
}

static size_t
count_lines(const char *s)
{
	size_t n = 0;
	for (; *s != '\0'; s++)
		n += *s == '\n';
	return n;
}

START_TEST(which_certificate)
{
	struct conf *conf = conf_of(cases[_i].hostname);
	struct bundle *b = bundle_of(_i);
	char err[500], said[4096];
	size_t lines = 0;
	struct tls_ctx *tls = tls_ctx_new(conf, b, err, sizeof(err));
	ck_assert_msg(tls, "%s", err);
	int n = shown(tls, cases[_i].sni, cases[_i].sigalgs);
	ck_assert_msg(n == cases[_i].shown, "%s: %d", cases[_i].name, n);
	listen_to(tls, 1, said);
	for (; lines < 2 && cases[_i].says[lines]; lines++)
		ck_assert_msg(strstr(said, cases[_i].says[lines]), "%s: %s", cases[_i].name, said);
	ck_assert_msg(count_lines(said) == lines, "%s: %s", cases[_i].name, said);
	/* Once is enough. */
	listen_to(tls, 0, said);
	ck_assert_ptr_null(strstr(said, "not shown"));
	ck_assert_ptr_null(strstr(said, "hostname"));
	tls_ctx_free(&tls);
	conf_free(&conf);
	bundle_close(&b);
}
END_TEST

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);
	if (tls_key_init(&channel) == -1)
		return 2;
	keys[KEY_EC] = certs_key("EC P-256");
	keys[KEY_RSA] = certs_key("RSA 2048");
	ca_key = certs_key("EC P-256");
	ca = certs_make(&(struct cert_spec){ .cn = "CA", .ca = 1 }, ca_key, NULL, NULL);
	pid_t keeper = fork_keeper(keys, KEYS, &channel);

	Suite *suite = suite_create("worker/tls/choice");
	TCase *t = tcase_create("tls_choice");
	tcase_add_loop_test(t, which_certificate, 0, CASES);
	suite_add_tcase(suite, t);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	if (!fork_keeper_end(keeper, &channel))
		failed++;
	return failed != 0;
}
