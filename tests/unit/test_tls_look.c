/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* What the log says of certificates and CRLs that are old, or soon will be. */
#include "worker/tls/ctx.h"
#include "worker/tls/look.h"
#include "worker/tls/tell.h"

#include "common/log.h"
#include "common/tls/key.h"
#include "tests/lib/certs.h"
#include "tests/lib/fork_keeper.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static EVP_PKEY *key, *ca_key;
static X509 *ca;
static struct chan channel;

static const char text[] =
    "frontends = ( { name = \"f\"; bind = \"*:1\"; backend = \"b\"; hostname = \"a.example\";\n"
    "tls = { certificates = \"/c\"; verify = \"required\"; client_ca = \"/c/ca.pem\";\n"
    "  client_crl = \"/c/crl.pem\"; }; } );\n"
    "backends = ( { name = \"b\"; protocol = \"imap\"; servers = \"127.0.0.1:993\";\n"
    "tls = { verify = \"none\"; certificate = \"/c/back.pem\"; }; } );\n";

static void
add(struct bundle_writer *w, enum piece_kind kind, const char *name, char *pem, uint32_t n)
{
	struct piece p = { .kind = kind,
		.name = name,
		.key_name = "/c/k.pem",
		.key = n,
		.flags = n != 0 ? PIECE_FOUND : 0,
		.data = pem,
		.size = strlen(pem) };
	ck_assert_int_eq(bundle_add(w, &p), 0);
	free(pem);
}

static char *
cert(int from, int to)
{
	struct cert_spec spec = { .cn = "a.example", .from_day = from, .to_day = to };
	X509 *x = certs_make(&spec, key, ca, ca_key);
	char *pem = certs_pem(x, NULL);
	X509_free(x);
	return pem;
}

/* clang-format off */
static const struct {
	const char *name;
	int front[2], back[2], crl; /* days: from, to; the CRL is good for ten */
	int missing;                /* a second certificate, whose key is not there */
	const char *says;           /* @N: the date in N days */
} cases[] = {
	{ "all is well", { -1, 90 }, { -1, 90 }, -1, 0, "" },
	{ "two weeks",   { -1, 15 }, { -1, 90 }, -1, 0, "" },
	{ "soon",        { -1, 6 },  { -1, 90 }, -1, 0, "<4>f:2: /c/a.pem: the certificate expires on @6; renew it\n" },
	{ "expired",     { -9, -2 }, { -1, 90 }, -1, 0, "<4>f:2: /c/a.pem: the certificate expired on @-2; renew it\n" },
	{ "not yet",     { 3, 90 },  { -1, 90 }, -1, 0, "<4>f:2: /c/a.pem: the certificate is valid only from @3; is the clock right?\n" },
	{ "ours, soon",  { -1, 90 }, { -1, 2 },  -1, 0, "<4>f:5: /c/back.pem: the certificate expires on @2; renew it\n" },
	{ "old CRL",     { -1, 90 }, { -1, 90 }, -13, 0,
	  "<4>f:2: /c/crl.pem: the CRL expired on @-3; no certificate verifies until there is a new one\n" },
	{ "left out",    { -1, 90 }, { -1, 90 }, -1, 1, "" },
};
/* clang-format on */

/* The words, with the date in. */
static const char *
with_day(const char *says, char buf[300])
{
	const char *at = strchr(says, '@');
	char *end;
	if (!at)
		return says;
	/* The certificates were made a moment ago, maybe before midnight: the test is too short. */
	time_t when = time(NULL) + strtol(at + 1, &end, 10) * 86400;
	struct tm tm;
	char day[16];
	strftime(day, sizeof(day), "%Y-%m-%d", gmtime_r(&when, &tm));
	snprintf(buf, 300, "%.*s%s%s", (int)(at - says), says, day, end);
	return buf;
}

/* What the master hears: the one that serves, and why the other does not. */
static void
hear_certs(const struct tls_ctx *tls, const struct bundle *b, int missing)
{
	static const char why[] =
	    "/c/b.pem: the keeper does not answer for its key: No such file or directory";
	_Alignas(8) unsigned char room[CHAN_BUF];
	struct chan master, worker;
	struct msg got;
	const struct msg_cert *c;

	ck_assert_int_eq(chan_pair(ROLE_MASTER, ROLE_WORKER, &master, &worker), 0);
	ck_assert_int_eq(tls_tell(tls, b, &worker), 0);
	ck_assert_int_eq(chan_recv(&master, room, sizeof(room), &got), CHAN_MSG);
	c = got.fixed;
	ck_assert(got.type == MSG_CERT && c->piece == 0 && c->kind == CERT_SHOWN);
	ck_assert_uint_gt(c->until, 0);
	ck_assert_str_eq(c->key, "EC P-256");
	ck_assert(got.count == 10 && memcmp(got.items, "a.example\n", 10) == 0);
	if (missing) {
		ck_assert_int_eq(chan_recv(&master, room, sizeof(room), &got), CHAN_MSG);
		c = got.fixed;
		ck_assert(c->piece == 1 && c->kind == CERT_LEFT_OUT);
		ck_assert(got.count == strlen(why) && memcmp(got.items, why, got.count) == 0);
	}
	ck_assert_int_eq(chan_recv(&master, room, sizeof(room), &got), CHAN_AGAIN);
	chan_close(&master);
	chan_close(&worker);
}

START_TEST(what_is_said)
{
	struct problems p = { 0 };
	char err[500], said[1000] = "", buf[300];
	int log[2];
	struct bundle_writer *w = bundle_new("test");
	X509_CRL *crl = certs_crl(ca, ca_key, 0, cases[_i].crl);
	add(w, PIECE_CERT, "/c/a.pem", cert(cases[_i].front[0], cases[_i].front[1]), 0);
	if (cases[_i].missing)
		add(w, PIECE_CERT, "/c/b.pem", cert(-1, 90), 7);
	add(w, PIECE_CA, "/c/ca.pem", certs_pem(ca, NULL), 0);
	add(w, PIECE_CRL, "/c/crl.pem", certs_crl_pem(crl), 0);
	add(w, PIECE_BACKCERT, "/c/back.pem", cert(cases[_i].back[0], cases[_i].back[1]), 0);
	X509_CRL_free(crl);
	int fd = bundle_seal(w);
	bundle_writer_free(&w);
	struct bundle *b = bundle_open(fd);
	struct conf *conf = conf_parse(text, "f", "/", &p);
	ck_assert_msg(conf, "%s", p.count > 0 ? p.items[0].text : "");
	struct tls_ctx *tls = tls_ctx_new(conf, b, err, sizeof(err));
	ck_assert_msg(tls, "%s", err);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, log), 0);
	log_open(log[0], LOG_INFO, 0, 0);
	tls_look(tls, 1);
	ssize_t n = read(log[1], said, sizeof(said) - 1);
	(void)n;
	ck_assert_msg(
	    strcmp(said, with_day(cases[_i].says, buf)) == 0, "%s: %s", cases[_i].name, said);
	/* The next day the same. */
	memset(said, 0, sizeof(said));
	tls_look(tls, 0);
	n = read(log[1], said, sizeof(said) - 1);
	(void)n;
	ck_assert_str_eq(said, with_day(cases[_i].says, buf));
	hear_certs(tls, b, cases[_i].missing);
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
	key = certs_key("EC P-256");
	ca_key = certs_key("EC P-256");
	ca = certs_make(&(struct cert_spec){ .cn = "CA", .ca = 1 }, ca_key, NULL, NULL);
	pid_t keeper = fork_keeper(&key, 1, &channel);

	Suite *suite = suite_create("worker/tls/look");
	TCase *t = tcase_create("tls_look");
	tcase_add_loop_test(t, what_is_said, 0, sizeof(cases) / sizeof(cases[0]));
	suite_add_tcase(suite, t);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	if (!fork_keeper_end(keeper, &channel))
		failed++;
	return failed != 0;
}
