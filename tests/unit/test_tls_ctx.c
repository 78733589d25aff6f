/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The worker's TLS contexts, from the text of a configuration and a bundle to handshakes with
 * clients and servers of every kind.
 */
#include "worker/tls/ctx.h"
#include "worker/tls/facts.h"

#include "common/log.h"
#include "common/tls/key.h"
#include "tests/lib/certs.h"
#include "tests/lib/fork_keeper.h"
#include "tests/lib/shake.h"

#include <check.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The keeper's keys, by number. */
enum { KEY_EC, KEY_RSA, KEY_ED, KEYS };
static EVP_PKEY *keys[KEYS], *ca_key, *rogue_key, *client_key;
static X509 *ca, *rogue;
static struct chan channel;
static pid_t keeper;

/* The certificates of the tests, in the order in which a frontend gets them. */
/* clang-format off */
static const struct {
	const char *file, *san;
	int key;
} files[] = {
	{ "/c/a.pem",    "DNS:a.example,DNS:www.a.example",  KEY_EC },
	{ "/c/b-rsa.pem", "DNS:b.example",                   KEY_RSA },
	{ "/c/b-ec.pem", "DNS:B.example",                    KEY_EC },
	{ "/c/c.pem",    "DNS:*.c.example",                  KEY_EC },
	{ "/c/mail.pem", "DNS:mail.c.example",               KEY_RSA },
	{ "/c/d.pem",    "DNS:d.example",                    KEY_ED },
	{ "/c/e.pem",    "DNS:a.example,DNS:e.example",      KEY_RSA },
};
/* clang-format on */
#define FILES ((int)(sizeof(files) / sizeof(files[0])))

struct fixture {
	struct conf *conf;
	struct bundle *bundle;
	struct tls_ctx *tls;
	char err[2048];
};

static void
add(struct bundle_writer *w, struct piece p, const char *text)
{
	p.data = text;
	p.size = strlen(text);
	p.key_name = p.key_name ? p.key_name : "";
	ck_assert_int_eq(bundle_add(w, &p), 0);
}

static void
add_cert(struct bundle_writer *w, const char *file, const char *san, int key, uint32_t flags)
{
	struct cert_spec spec = { .cn = "x", .san = san };
	X509 *x = certs_make(&spec, keys[key], ca, ca_key);
	char *pem = certs_pem(x, ca, NULL);
	add(w,
	    (struct piece){ .kind = PIECE_CERT,
		.name = file,
		.key = (uint32_t)key,
		.key_name = "/c/key.pem",
		.flags = flags },
	    pem);
	free(pem);
	X509_free(x);
}

/* A configuration of one frontend, imaps, with these lines in its tls, and one server. */
static void
set_conf(struct fixture *f, const char *tls, const char *back_tls)
{
	char text[2048];
	struct problems p = { 0 };
	snprintf(text, sizeof(text),
	    "frontends = ( { name = \"imaps\"; bind = \"*:993\"; backend = \"b\";\n"
	    "tls = { certificates = \"/c\"; %s };\n"
	    "} );\n"
	    "backends = ( { name = \"b\"; protocol = \"imap\"; servers = \"10.0.0.1:993\";\n"
	    "tls = { ca_file = \"/c/ca.pem\"; server_name = \"a.example\"; %s };\n"
	    "} );\n",
	    tls, back_tls);
	f->conf = conf_parse(text, "f", "/", &p);
	ck_assert_msg(f->conf, "%s", p.count > 0 ? p.items[0].text : "");
	problems_clear(&p);
}

static void
add_lists(struct bundle_writer *w)
{
	char *ca_pem = certs_pem(ca, NULL);
	X509_CRL *crl = certs_crl(ca, ca_key, 7, -1);
	char *crl_pem = certs_crl_pem(crl);
	add(w, (struct piece){ .kind = PIECE_CA, .name = "/c/ca.pem" }, ca_pem);
	add(w, (struct piece){ .kind = PIECE_CRL, .name = "/c/crl.pem" }, crl_pem);
	free(ca_pem);
	free(crl_pem);
	X509_CRL_free(crl);
}

static void
seal(struct fixture *f, struct bundle_writer *w)
{
	int fd = bundle_seal(w);
	bundle_writer_free(&w);
	f->bundle = bundle_open(fd);
	close(fd);
	ck_assert_ptr_nonnull(f->bundle);
}

static void
open_ctx(struct fixture *f)
{
	f->tls = tls_ctx_new(f->conf, f->bundle, f->err, sizeof(f->err));
}

/* With the first n of the files; the contexts must come to be. */
static struct fixture
fixture(const char *tls, int n)
{
	struct fixture f = { 0 };
	struct bundle_writer *w = bundle_new("test");
	set_conf(&f, tls, "");
	for (int i = 0; i < n; i++)
		add_cert(w, files[i].file, files[i].san, files[i].key, 0);
	add_lists(w);
	seal(&f, w);
	open_ctx(&f);
	ck_assert_msg(f.tls, "%s", f.err);
	return f;
}

static void
done(struct fixture *f)
{
	tls_ctx_free(&f->tls);
	ck_assert_ptr_null(f->tls);
	bundle_close(&f->bundle);
	conf_free(&f->conf);
}

/* Clients */

/* A client that believes everything. */
static SSL_CTX *
client_ctx(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_security_level(ctx, 0);
	return ctx;
}

static SSL *
start(struct fixture *f, SSL_CTX *cctx, const char *sni, SSL **client_r)
{
	SSL *server = tls_ctx_accept(f->tls, 0);
	ck_assert_ptr_nonnull(server);
	*client_r = SSL_new(cctx);
	SSL_set_connect_state(*client_r);
	if (sni)
		ck_assert_int_eq(shake_set_sni(*client_r, sni), 1);
	shake_join(*client_r, server);
	return server;
}

/* The names of the certificate that the server showed: the file's, or "". */
static const char *
shown(SSL *client)
{
	static char names[256];
	X509 *x = SSL_get0_peer_certificate(client);
	GENERAL_NAMES *sans = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	names[0] = '\0';
	for (int i = 0; i < sk_GENERAL_NAME_num(sans); i++) {
		ASN1_STRING *s = sk_GENERAL_NAME_value(sans, i)->d.dNSName;
		size_t len = strlen(names);
		snprintf(names + len, sizeof(names) - len, "%sDNS:%s", i > 0 ? "," : "",
		    (const char *)ASN1_STRING_get0_data(s));
	}
	GENERAL_NAMES_free(sans);
	return names;
}

/* clang-format off */
static const struct {
	const char *name, *sni, *sigalgs;
	int file; /* which must be shown; -1: the handshake fails */
} choices[] = {
	{ "no name",                       NULL,              NULL,                  0 },
	{ "unknown name",                  "z.example",       NULL,                  0 },
	{ "not a name",                    "a..b",            NULL,                  0 },
	{ "the first name",                "a.example",       NULL,                  0 },
	{ "the second name",               "www.a.example",   NULL,                  0 },
	{ "capital letters",               "WWW.A.EXAMPLE",   NULL,                  0 },
	{ "a final dot",                   "www.a.example.",  NULL,                  0 },
	{ "two types, client takes both",  "b.example",       NULL,                  2 },
	{ "two types, client takes RSA",   "b.example",       "rsa_pss_rsae_sha256", 1 },
	{ "two types, client takes ECDSA", "b.example",       "ecdsa_secp256r1_sha256", 2 },
	{ "wildcard",                      "x.c.example",     NULL,                  3 },
	{ "wildcard, two labels",          "x.y.c.example",   NULL,                  0 },
	{ "wildcard, no label",            "c.example",       NULL,                  0 },
	{ "the asterisk itself",           "*.c.example",     NULL,                  0 },
	{ "exact before wildcard",         "mail.c.example",  "rsa_pss_rsae_sha256", 4 },
	{ "wildcard lends its type",       "mail.c.example",  "ecdsa_secp256r1_sha256", 3 },
	{ "Ed25519",                       "d.example",       NULL,                  5 },
	{ "a type that is not there",      "d.example",       "rsa_pss_rsae_sha256", -1 },
	{ "default has another type",      NULL,              "rsa_pss_rsae_sha256", 6 },
	{ "second certificate, own name",  "e.example",       NULL,                  6 },
};
/* clang-format on */

START_TEST(which_certificate)
{
	struct fixture f = fixture("", FILES);
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	for (int v = 0; v < 2; v++) {
		SSL_CTX *cctx = client_ctx();
		SSL *client, *server;
		SSL_CTX_set_max_proto_version(cctx, versions[v]);
		if (choices[_i].sigalgs)
			ck_assert_int_eq(shake_set_sigalgs(cctx, choices[_i].sigalgs), 1);
		server = start(&f, cctx, choices[_i].sni, &client);
		int ok = shake_run(client, server);
		ck_assert_msg(ok == (choices[_i].file >= 0), "%s: %d", choices[_i].name, ok);
		if (ok) {
			struct tls_facts facts;
			ck_assert_str_eq(shown(client), files[choices[_i].file].san);
			tls_facts_read(server, &facts);
			ck_assert_msg(strncasecmp(files[choices[_i].file].san + 4, facts.cert_name,
					  strlen(facts.cert_name)) == 0,
			    "%s: %s", choices[_i].name, facts.cert_name);
			ck_assert_pstr_eq(facts.sni, choices[_i].sni);
		}
		ERR_clear_error();
		SSL_free(client);
		SSL_free(server);
		SSL_CTX_free(cctx);
	}
	done(&f);
}
END_TEST

/* TLS's number of a group that has no NID, as SSL_get_negotiated_group tells it. */
#define X25519MLKEM768 (0x1000000 | 0x11ec)
#define BEST_GROUP     (-1) /* the first of Mozilla's that the library has */

static int
best_group(SSL_CTX *ctx)
{
	int best = shake_set_groups(ctx, "X25519MLKEM768") == 1 ? X25519MLKEM768 : NID_X25519;

	ERR_clear_error();
	return best;
}

/* clang-format off */
static const struct {
	const char *name, *tls;
	int min, max;           /* the client's versions, 0: any */
	const char *ciphers, *suites, *groups;
	const char *version, *cipher; /* NULL: the handshake fails */
	int group;              /* the server's key share, 0: not looked at */
	const char *why;        /* beginning of the words when it fails */
} policies[] = {
	{ "1.3",                 "", 0, 0, NULL, NULL, NULL, "TLSv1.3", "TLS_AES_128_GCM_SHA256", BEST_GROUP, NULL },
	{ "1.3, 256 bits alone", "", 0, 0, NULL, "TLS_AES_256_GCM_SHA384", NULL, "TLSv1.3", "TLS_AES_256_GCM_SHA384", BEST_GROUP, NULL },
	{ "1.3, ChaCha20 first", "", 0, 0, NULL, "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256", NULL, "TLSv1.3", "TLS_CHACHA20_POLY1305_SHA256", 0, NULL },
	{ "1.3, a P-384 share",  "", 0, 0, NULL, NULL, "P-384:P-256", "TLSv1.3", "TLS_AES_128_GCM_SHA256", NID_secp384r1, NULL },
	{ "1.2",                 "", 0, TLS1_2_VERSION, NULL, NULL, NULL, "TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256", 0, NULL },
	{ "1.2, 256 bits first", "", 0, TLS1_2_VERSION, "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256", NULL, NULL, "TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256", 0, NULL },
	{ "1.2, CBC alone",      "", 0, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA", NULL, NULL, NULL, NULL, 0, "no shared cipher" },
	{ "1.2, static RSA",     "", 0, TLS1_2_VERSION, "AES128-GCM-SHA256", NULL, NULL, NULL, NULL, 0, "no shared cipher" },
	{ "1.1",                 "", TLS1_VERSION, TLS1_1_VERSION, NULL, NULL, NULL, NULL, NULL, 0, "client offers TLSv1.1 only" },
	{ "1.0",                 "", TLS1_VERSION, TLS1_VERSION, NULL, NULL, NULL, NULL, NULL, 0, "client offers TLSv1 only" },
	{ "modern, 1.3",         "policy = \"modern\";", 0, 0, NULL, NULL, NULL, "TLSv1.3", "TLS_AES_128_GCM_SHA256", BEST_GROUP, NULL },
	{ "modern, 1.2",         "policy = \"modern\";", 0, TLS1_2_VERSION, NULL, NULL, NULL, NULL, NULL, 0, "client offers TLSv1.2 only" },
	{ "modern but 1.2",      "policy = \"modern\"; min_version = \"TLSv1.2\";", 0, TLS1_2_VERSION, NULL, NULL, NULL, "TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256", 0, NULL },
	{ "own minimum",         "min_version = \"TLSv1.3\";", 0, TLS1_2_VERSION, NULL, NULL, NULL, NULL, NULL, 0, "client offers TLSv1.2 only" },
	{ "own ciphers",         "ciphers = \"ECDHE-ECDSA-AES256-GCM-SHA384\";", 0, TLS1_2_VERSION, NULL, NULL, NULL, "TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384", 0, NULL },
	{ "own suites",          "ciphersuites = \"TLS_AES_256_GCM_SHA384\";", 0, 0, NULL, NULL, NULL, "TLSv1.3", "TLS_AES_256_GCM_SHA384", 0, NULL },
	{ "own groups",          "curves = \"P-384\";", 0, 0, NULL, NULL, NULL, "TLSv1.3", "TLS_AES_128_GCM_SHA256", NID_secp384r1, NULL },
};
/* clang-format on */

START_TEST(what_is_spoken)
{
	struct fixture f = fixture(policies[_i].tls, 1);
	SSL_CTX *cctx = client_ctx();
	SSL *client, *server;
	char why[200];
	SSL_CTX_set_min_proto_version(cctx, policies[_i].min);
	SSL_CTX_set_max_proto_version(cctx, policies[_i].max);
	if (policies[_i].ciphers)
		ck_assert_int_eq(SSL_CTX_set_cipher_list(cctx, policies[_i].ciphers), 1);
	if (policies[_i].suites)
		ck_assert_int_eq(SSL_CTX_set_ciphersuites(cctx, policies[_i].suites), 1);
	if (policies[_i].groups)
		ck_assert_int_eq(shake_set_groups(cctx, policies[_i].groups), 1);
	server = start(&f, cctx, NULL, &client);
	if (shake_run(client, server)) {
		struct tls_facts facts;
		ck_assert_msg(policies[_i].version, "%s: succeeded", policies[_i].name);
		tls_facts_read(server, &facts);
		ck_assert_str_eq(facts.version, policies[_i].version);
		ck_assert_str_eq(facts.cipher, policies[_i].cipher);
		ck_assert_str_eq(facts.key_alg, "EC256");
		ck_assert_str_eq(facts.sig_alg, "ecdsa-with-SHA256");
		ck_assert_int_eq(facts.cert_sent | facts.cert_now | facts.resumed, 0);
		ck_assert_int_ne(facts.verify, X509_V_OK);
		if (policies[_i].group != 0)
			ck_assert_int_eq(SSL_get_negotiated_group(server),
			    policies[_i].group == BEST_GROUP ? best_group(cctx) :
							       policies[_i].group);
		ck_assert_ptr_null(SSL_get_current_compression(server));
	} else {
		int fault = tls_facts_why(server, why, sizeof(why));
		ck_assert_int_eq(fault,
		    strncmp(why, "client offers", 13) == 0 ? TLS_FAULT_VERSION : TLS_FAULT_OTHER);
		ck_assert_msg(policies[_i].why &&
			strncmp(why, policies[_i].why, strlen(policies[_i].why)) == 0,
		    "%s: %s", policies[_i].name, why);
		ck_assert_uint_eq(ERR_peek_error(), 0);
	}
	SSL_free(client);
	SSL_free(server);
	SSL_CTX_free(cctx);
	done(&f);
}
END_TEST

/* clang-format off */
static const struct {
	const char *name;
	const char *mode; /* of verify */
	const char *crl;
	int sends, by_rogue;
	struct cert_spec cert;
	const char *cn;  /* what is forwarded */
	const char *why; /* beginning of the words when it fails */
} clients[] = {
	{ "required, good",        "required", "", 1, 0, { .cn = "alice" }, "alice", NULL },
	{ "optional, good",        "optional", "", 1, 0, { .cn = "alice" }, "alice", NULL },
	{ "optional, none",        "optional", "", 0, 0, { .cn = "alice" }, "", NULL },
	{ "required, none",        "required", "", 0, 0, { .cn = "alice" }, NULL, "client certificate: none was sent" },
	{ "required, rogue",       "required", "", 1, 1, { .cn = "alice" }, NULL, "client certificate: certificate is issued by \"Client CA\", which is not trusted here" },
	{ "optional, rogue",       "optional", "", 1, 1, { .cn = "alice" }, NULL, "client certificate: certificate is issued by \"Client CA\"" },
	{ "expired",               "required", "", 1, 0, { .cn = "alice", .from_day = -9, .to_day = -2 }, NULL, "client certificate: certificate expired on 20" },
	{ "not on the CRL",        "required", "client_crl = \"/c/crl.pem\";", 1, 0, { .cn = "alice" }, "alice", NULL },
	{ "on the CRL",            "required", "client_crl = \"/c/crl.pem\";", 1, 0, { .cn = "alice", .serial = 7 }, NULL, "client certificate: certificate is revoked" },
	{ "two common names",      "required", "", 1, 0, { .cn = "alice", .cn2 = "admin" }, "", NULL },
	{ "no common name",        "required", "", 1, 0, { .san = "email:a@example.org" }, "", NULL },
	{ "NUL in it",             "required", "", 1, 0, { .cn = "alice\0admin", .cn_size = 11 }, "", NULL },
	{ "newline in it",         "required", "", 1, 0, { .cn = "alice\nadmin" }, "", NULL },
	{ "Latin-1",               "required", "", 1, 0, { .cn = "j\374rgen", .cn_type = V_ASN1_TELETEXSTRING }, "j\303\274rgen", NULL },
	{ "BMPString",             "required", "", 1, 0, { .cn = "\0b\0o\0b", .cn_size = 6, .cn_type = V_ASN1_BMPSTRING }, "bob", NULL },
	{ "BMPString with a NUL",  "required", "", 1, 0, { .cn = "\0b\0\0\0b", .cn_size = 6, .cn_type = V_ASN1_BMPSTRING }, "", NULL },
	{ "64 characters",         "required", "", 1, 0, { .cn = "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd" },
	  "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd", NULL },
	{ "none asked for",        "none", "", 1, 1, { .cn = "alice" }, "", NULL },
};
/* clang-format on */

START_TEST(who_a_client_is)
{
	char tls[256], why[200];
	snprintf(tls, sizeof(tls), "verify = \"%s\"; %s %s", clients[_i].mode,
	    strcmp(clients[_i].mode, "none") != 0 ? "client_ca = \"/c/ca.pem\";" : "",
	    clients[_i].crl);
	struct fixture f = fixture(tls, 1);
	X509 *x = certs_make(&clients[_i].cert, client_key, clients[_i].by_rogue ? rogue : ca,
	    clients[_i].by_rogue ? rogue_key : ca_key);
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	for (int v = 0; v < 2; v++) {
		struct tls_facts facts;
		SSL_CTX *cctx = client_ctx();
		SSL *client, *server;
		SSL_CTX_set_max_proto_version(cctx, versions[v]);
		if (clients[_i].sends) {
			ck_assert_int_eq(SSL_CTX_use_certificate(cctx, x), 1);
			ck_assert_int_eq(SSL_CTX_use_PrivateKey(cctx, client_key), 1);
		}
		server = start(&f, cctx, NULL, &client);
		if (shake_run(client, server)) {
			int asked = clients[_i].sends && strcmp(clients[_i].mode, "none") != 0;
			ck_assert_msg(!clients[_i].why, "%s: succeeded", clients[_i].name);
			tls_facts_read(server, &facts);
			ck_assert_msg(strcmp(facts.cn, clients[_i].cn) == 0, "%s: %s",
			    clients[_i].name, facts.cn);
			ck_assert_int_eq(facts.cert_sent, asked);
			ck_assert_int_eq(facts.cert_now, asked);
			ck_assert_int_eq(facts.verify == X509_V_OK, asked);
			/* Whatever lets a bad one through one day: its name stays here. */
			SSL_set_verify_result(server, X509_V_ERR_CERT_REVOKED);
			tls_facts_read(server, &facts);
			ck_assert_str_eq(facts.cn, "");
			ck_assert_int_ne(facts.verify, X509_V_OK);
		} else {
			ck_assert_int_eq(tls_facts_why(server, why, sizeof(why)), 1);
			ck_assert_msg(clients[_i].why &&
				strncmp(why, clients[_i].why, strlen(clients[_i].why)) == 0,
			    "%s: %s", clients[_i].name, why);
		}
		ERR_clear_error();
		SSL_free(client);
		SSL_free(server);
		SSL_CTX_free(cctx);
	}
	X509_free(x);
	done(&f);
}
END_TEST

/* The longest name that ALPN has room for (RFC 7301 section 3.1). */
#define X51  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X255 X51 X51 X51 X51 X51

/* clang-format off */
static const struct {
	const char *name, *tls;
	const char *offered; /* as ALPN writes it; NULL: not at all */
	const char *chosen;  /* NULL: alert 120 */
} alpns[] = {
	{ "none offered",    "", NULL, "" },
	{ "ours",            "", "\4imap", "imap" },
	{ "ours, second",    "", "\10http/1.1\4imap", "imap" },
	{ "another's",       "", "\10http/1.1", NULL },
	{ "nearly ours",     "", "\5imaps", NULL },
	{ "own list",        "alpn = [ \"x\", \"y\" ];", "\1y\1x", "x" },
	{ "sixteen bytes",   "alpn = \"abcdefghijklmnop\";", "\20abcdefghijklmnop", "abcdefghijklmnop" },
	{ "255 bytes",       "alpn = \"" X255 "\";", "\377" X255, X255 },
	{ "switched off",    "alpn = [];", "\10http/1.1", "" },
};
/* clang-format on */

START_TEST(alpn)
{
	struct fixture f = fixture(alpns[_i].tls, 1);
	SSL_CTX *cctx = client_ctx();
	SSL *client, *server;
	struct tls_facts facts;
	char why[200];
	server = start(&f, cctx, "a.example", &client);
	if (alpns[_i].offered)
		ck_assert_int_eq(
		    SSL_set_alpn_protos(client, (const unsigned char *)alpns[_i].offered,
			(unsigned)strlen(alpns[_i].offered)),
		    0);
	if (shake_run(client, server)) {
		ck_assert_msg(alpns[_i].chosen, "%s: succeeded", alpns[_i].name);
		tls_facts_read(server, &facts);
		ck_assert_str_eq(facts.alpn, alpns[_i].chosen);
	} else {
		ck_assert_ptr_null(alpns[_i].chosen);
		tls_facts_why(server, why, sizeof(why));
		ck_assert_str_eq(why, "client's ALPN has no protocol of ours");
		ck_assert_int_ne(SSL_do_handshake(client), 1);
		ck_assert_int_eq(
		    ERR_GET_REASON(ERR_peek_error()), SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
	}
	ERR_clear_error();
	SSL_free(client);
	SSL_free(server);
	SSL_CTX_free(cctx);
	done(&f);
}
END_TEST

START_TEST(strict_sni)
{
	static const struct {
		const char *sni;
		int ok;
	} names[] = { { NULL, 1 }, { "a.example", 1 }, { "x.c.example", 1 }, { "z.example", 0 },
		{ "a..example", 0 } };
	struct fixture f = fixture("strict_sni = true;", FILES);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		SSL_CTX *cctx = client_ctx();
		SSL *client, *server;
		char why[200], expected[200];
		server = start(&f, cctx, names[i].sni, &client);
		ck_assert_int_eq(shake_run(client, server), names[i].ok);
		if (!names[i].ok) {
			ck_assert_int_eq(tls_facts_why(server, why, sizeof(why)), 0);
			snprintf(expected, sizeof(expected),
			    "no certificate for \"%s\" (strict_sni)", names[i].sni);
			ck_assert_str_eq(why, expected);
			ck_assert_int_ne(SSL_do_handshake(client), 1);
			ck_assert_int_eq(
			    ERR_GET_REASON(ERR_peek_error()), SSL_R_TLSV1_UNRECOGNIZED_NAME);
		}
		ERR_clear_error();
		SSL_free(client);
		SSL_free(server);
		SSL_CTX_free(cctx);
	}
	done(&f);
}
END_TEST

START_TEST(not_tls)
{
	static const struct {
		const char *bytes, *why;
	} talk[] = { { "GET / HTTP/1.1\r\n\r\n", "not TLS: an HTTP request" },
		{ "a1 LOGIN alice secret\r\n", "not TLS" },
		{ "EHLO client.example\r\n", "not TLS" } };
	struct fixture f = fixture("", 1);
	for (size_t i = 0; i < sizeof(talk) / sizeof(talk[0]); i++) {
		char why[200];
		SSL *server = tls_ctx_accept(f.tls, 0);
		SSL_set_bio(server, BIO_new_mem_buf(talk[i].bytes, -1), BIO_new(BIO_s_mem()));
		ck_assert_int_ne(SSL_do_handshake(server), 1);
		ck_assert_int_eq(tls_facts_why(server, why, sizeof(why)), 0);
		ck_assert_str_eq(why, talk[i].why);
		SSL_free(server);
	}
	done(&f);
}
END_TEST

START_TEST(no_renegotiation)
{
	struct fixture f = fixture("", 1);
	SSL_CTX *cctx = client_ctx();
	SSL *client, *server;
	char buf[8];
	SSL_CTX_set_max_proto_version(cctx, TLS1_2_VERSION);
	server = start(&f, cctx, NULL, &client);
	ck_assert(shake_run(client, server) && shake_talk(client, server));
	ck_assert_int_eq(SSL_renegotiate(client), 1);
	SSL_do_handshake(client);
	ck_assert_int_le(SSL_read(server, buf, sizeof(buf)), 0); /* sees the hello, says no */
	ck_assert_int_ne(SSL_do_handshake(client), 1);
	ck_assert_int_eq(ERR_GET_REASON(ERR_peek_error()), SSL_R_NO_RENEGOTIATION);
	ERR_clear_error();
	SSL_free(client);
	SSL_free(server);
	SSL_CTX_free(cctx);
	done(&f);
}
END_TEST

/* What does not start, and what the administrator reads.  @: the certificates that there are. */
/* clang-format off */
static const struct {
	const char *name, *tls, *back;
	int certs; /* 0 none, 1 good, 2 another's key, 3 found and another's key, 4 both */
	const char *err;
} wrong[] = {
	{ "good",             "", "", 1, NULL },
	{ "no certificate",   "", "", 0, "f:2: frontend \"imaps\": it has no certificate" },
	{ "another's key",    "", "", 2, "f:2: /c/privkey.pem (EC P-256) does not belong to /c/fullchain.pem (RSA 2048)" },
	{ "found, another's", "", "", 3, "f:2: frontend \"imaps\": none of its certificates is usable" },
	{ "found beside good", "", "", 4, NULL },
	{ "no ciphers",       "ciphers = \"FOO\";", "", 1, "f:2: ciphers = \"FOO\": OpenSSL knows none of them" },
	{ "static RSA",       "ciphers = \"AES128-GCM-SHA256\";", "", 1,
	  "f:2: ciphers = \"AES128-GCM-SHA256\": AES128-GCM-SHA256 has RSA key exchange, which gives no forward secrecy; leave it out" },
	{ "nobody there",     "ciphers = \"AECDH-AES128-SHA:@SECLEVEL=0\";", "", 1,
	  "f:2: ciphers = \"AECDH-AES128-SHA:@SECLEVEL=0\": AECDH-AES128-SHA has no authentication; leave it out" },
	{ "nothing secret",   "ciphers = \"ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0\";", "", 1,
	  "f:2: ciphers = \"ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0\": ECDHE-ECDSA-NULL-SHA has no encryption; leave it out" },
	{ "no suites",        "ciphersuites = \"FOO\";", "", 1, "f:2: ciphersuites = \"FOO\": not a list of TLS 1.3 suites" },
	{ "no groups",        "curves = \"P-1\";", "", 1, "f:2: curves = \"P-1\": not a list of groups that OpenSSL knows" },
	{ "CA not there",     "verify = \"required\"; client_ca = \"/c/none.pem\";", "", 1, "f:2: /c/none.pem: not in the bundle" },
	{ "CRL for CA",       "verify = \"required\"; client_ca = \"/c/crl.pem\";", "", 1, "f:2: /c/crl.pem: not in the bundle" },
	{ "backend's CRL",    "", "crl = \"/c/none.pem\";", 1, "f:5: /c/none.pem: not in the bundle" },
	{ "several at once",  "curves = \"P-1\";", "crl = \"/c/none.pem\";", 2,
	  "f:2: curves = \"P-1\": not a list of groups that OpenSSL knows (\"X25519:P-256:P-384\")\n"
	  "f:2: /c/privkey.pem (EC P-256) does not belong to /c/fullchain.pem (RSA 2048)\n"
	  "f:5: /c/none.pem: not in the bundle" },
};
/* clang-format on */

static void
add_mismatch(struct bundle_writer *w, uint32_t flags)
{
	X509 *x = certs_make(&(struct cert_spec){ .cn = "x" }, keys[KEY_RSA], ca, ca_key);
	char *pem = certs_pem(x, NULL);
	add(w,
	    (struct piece){ .kind = PIECE_CERT,
		.name = "/c/fullchain.pem",
		.key = KEY_EC,
		.key_name = "/c/privkey.pem",
		.flags = flags },
	    pem);
	free(pem);
	X509_free(x);
}

START_TEST(what_does_not_start)
{
	struct fixture f = { 0 };
	struct bundle_writer *w = bundle_new("test");
	set_conf(&f, wrong[_i].tls, wrong[_i].back);
	if (wrong[_i].certs == 1 || wrong[_i].certs == 4)
		add_cert(w, "/c/a.pem", "DNS:a.example", KEY_EC, 0);
	if (wrong[_i].certs >= 2)
		add_mismatch(w, wrong[_i].certs > 2 ? PIECE_FOUND : 0);
	add_lists(w);
	seal(&f, w);
	open_ctx(&f);
	if (!wrong[_i].err)
		ck_assert_msg(f.tls, "%s: %s", wrong[_i].name, f.err);
	else
		ck_assert_msg(!f.tls && strncmp(f.err, wrong[_i].err, strlen(wrong[_i].err)) == 0,
		    "%s: %s", wrong[_i].name, f.err);
	ck_assert_uint_eq(ERR_peek_error(), 0);
	done(&f);
}
END_TEST

START_TEST(a_short_buffer_for_the_errors)
{
	struct fixture f = { 0 };
	struct bundle_writer *w = bundle_new("test");
	set_conf(&f, "curves = \"P-1\";", "crl = \"/c/none.pem\";");
	add_mismatch(w, 0);
	add_lists(w);
	seal(&f, w);
	for (size_t size = 1; size < 200; size += 7) {
		char *exact = malloc(size);
		ck_assert_ptr_null(tls_ctx_new(f.conf, f.bundle, exact, size));
		ck_assert_uint_lt(strlen(exact), size);
		free(exact);
	}
	done(&f);
}
END_TEST

/* A server that gives a new ticket each time. */
static int
renew(SSL *ssl, unsigned char name[16], unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
    int making)
{
	static const unsigned char key[32] = { 1 };
	unsigned char mac_key[32] = { 2 };
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_octet_string(OSSL_MAC_PARAM_KEY, mac_key, sizeof(mac_key)),
		OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_END,
	};
	(void)ssl;
	if (making) {
		memset(name, 7, 16);
		memset(iv, 9, 16);
	}
	EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key, iv, making);
	EVP_MAC_CTX_set_params(mac, params);
	return making ? 1 : 2;
}

START_TEST(servers)
{
	struct fixture f = fixture("", 1);
	X509 *x = certs_make(&(struct cert_spec){ .san = "DNS:a.example" }, client_key, ca, ca_key);
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	SSL_CTX *sctx = SSL_CTX_new(TLS_server_method());
	ck_assert_int_eq(SSL_CTX_use_certificate(sctx, x), 1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey(sctx, client_key), 1);
	SSL_CTX_set_session_id_context(sctx, (const unsigned char *)"x", 1);
	if (_i)
		SSL_CTX_set_tlsext_ticket_key_evp_cb(sctx, renew);
	for (int v = 0; v < 2; v++) {
		SSL_CTX_set_max_proto_version(sctx, versions[v]);
		for (int i = 0; i < 4; i++) {
			SSL *ssl = tls_ctx_connect(f.tls, 0), *server = SSL_new(sctx);
			SSL_set_accept_state(server);
			shake_join(ssl, server);
			ck_assert(shake_run(ssl, server) && shake_talk(ssl, server));
			if (i == 0)
				ck_assert_str_eq(
				    SSL_get_servername(server, TLSEXT_NAMETYPE_host_name),
				    "a.example");
			ck_assert_int_eq(SSL_get_verify_result(ssl), X509_V_OK);
			/* The first of each version is new, the others know each other. */
			ck_assert_msg(SSL_session_reused(ssl) == (i > 0), "%d %d", v, i);
			SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
			SSL_free(ssl);
			SSL_free(server);
		}
	}
	SSL_CTX_free(sctx);
	X509_free(x);
	done(&f);
}
END_TEST

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);
	log_open(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_ERR, 0, 0);
	if (tls_key_init(&channel) == -1)
		return 2;
	static const char *const kinds[] = { "EC P-256", "RSA 2048", "Ed25519" };
	for (int i = 0; i < KEYS; i++)
		keys[i] = certs_key(kinds[i]);
	ca_key = certs_key("EC P-256");
	rogue_key = certs_key("EC P-256");
	client_key = certs_key("EC P-256");
	ca = certs_make(&(struct cert_spec){ .cn = "Client CA", .ca = 1 }, ca_key, NULL, NULL);
	rogue =
	    certs_make(&(struct cert_spec){ .cn = "Client CA", .ca = 1 }, rogue_key, NULL, NULL);
	/* One keeper for all tests: each is a process that inherits the channel, one at a time. */
	keeper = fork_keeper(keys, KEYS, &channel);

	Suite *suite = suite_create("worker/tls/ctx");
	TCase *t = tcase_create("tls_ctx");
	tcase_add_loop_test(t, which_certificate, 0, sizeof(choices) / sizeof(choices[0]));
	tcase_add_loop_test(t, what_is_spoken, 0, sizeof(policies) / sizeof(policies[0]));
	tcase_add_loop_test(t, who_a_client_is, 0, sizeof(clients) / sizeof(clients[0]));
	tcase_add_loop_test(t, alpn, 0, sizeof(alpns) / sizeof(alpns[0]));
	tcase_add_test(t, strict_sni);
	tcase_add_test(t, not_tls);
	tcase_add_test(t, no_renegotiation);
	tcase_add_loop_test(t, what_does_not_start, 0, sizeof(wrong) / sizeof(wrong[0]));
	tcase_add_test(t, a_short_buffer_for_the_errors);
	tcase_add_loop_test(t, servers, 0, 2);
	tcase_set_timeout(t, 30);
	suite_add_tcase(suite, t);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	if (!fork_keeper_end(keeper, &channel))
		failed++;
	return failed != 0;
}
