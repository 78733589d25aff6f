/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Who resumes a session and who does not: other workers, other names, other frontends, renewed
 * certificates, frontends with client certificates, and somebody who has stolen a ticket key.
 */
#include "worker/tls/ctx.h"

#include "common/tls/key.h"
#include "keeper/tickets.h"
#include "tests/lib/certs.h"
#include "tests/lib/fork_keeper.h"
#include "tests/lib/shake.h"

#include <check.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { FRONT, OTHER, NO_TICKETS, OPTIONAL, REQUIRED };

static const char text[] =
    "frontends = (\n"
    "{ name = \"front\"; bind = \"*:1\"; backend = \"b\"; tls = { certificates = \"/c\"; }; },\n"
    "{ name = \"other\"; bind = \"*:2\"; backend = \"b\"; tls = { certificates = \"/c\"; }; },\n"
    "{ name = \"none\"; bind = \"*:3\"; backend = \"b\"; tls = { certificates = \"/c\";\n"
    "  tickets = false; }; },\n"
    "{ name = \"optional\"; bind = \"*:4\"; backend = \"b\"; tls = { certificates = \"/c\";\n"
    "  verify = \"optional\"; client_ca = \"/c/ca.pem\"; }; },\n"
    "{ name = \"required\"; bind = \"*:5\"; backend = \"b\"; tls = { certificates = \"/c\";\n"
    "  verify = \"required\"; client_ca = \"/c/ca.pem\"; }; } );\n"
    "backends = ( { name = \"b\"; protocol = \"imap\"; servers = \"127.0.0.1:143\"; } );\n";
#define FRONTS 5

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

static EVP_PKEY *keys[2], *ca_key;
static X509 *ca, *client;
static struct chan channel;
static struct conf *conf;

/* What a worker has. */
struct end {
	struct bundle *bundle;
	struct tls_ctx *tls;
};

static struct end
worker(const char *san, uint32_t key)
{
	struct cert_spec spec = { .cn = "x", .san = san };
	X509 *x = certs_make(&spec, keys[key], ca, ca_key);
	char *pem = certs_pem(x, NULL), *ca_pem = certs_pem(ca, NULL), err[500];
	struct bundle_writer *w = bundle_new("test");
	struct piece p = { .kind = PIECE_CERT,
		.name = "/c/c.pem",
		.key_name = "/c/k.pem",
		.key = key,
		.data = pem,
		.size = strlen(pem) };
	for (p.owner = 0; p.owner < FRONTS; p.owner++)
		ck_assert_int_eq(bundle_add(w, &p), 0);
	p = (struct piece){ .kind = PIECE_CA,
		.name = "/c/ca.pem",
		.key_name = "",
		.data = ca_pem,
		.size = strlen(ca_pem) };
	ck_assert_int_eq(bundle_add(w, &p), 0);
	int fd = bundle_seal(w);
	bundle_writer_free(&w);
	struct end e = { .bundle = bundle_open(fd) };
	close(fd);
	e.tls = tls_ctx_new(conf, e.bundle, err, sizeof(err));
	ck_assert_msg(e.tls, "%s", err);
	X509_free(x);
	free(pem);
	free(ca_pem);
	return e;
}

static void
end(struct end *e)
{
	tls_ctx_free(&e->tls);
	bundle_close(&e->bundle);
}

/* The session that came last. */
static SSL_SESSION *latest;

static int
on_session(SSL *ssl, SSL_SESSION *s)
{
	(void)ssl;
	SSL_SESSION_free(latest);
	latest = s;
	return 1;
}

static SSL_CTX *
client_ctx(int version)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_min_proto_version(ctx, version);
	SSL_CTX_set_max_proto_version(ctx, version);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, on_session);
	ck_assert_int_eq(SSL_CTX_use_certificate(ctx, client), 1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey(ctx, keys[0]), 1);
	return ctx;
}

/*
 * One handshake with server, offering a session (NULL: none): whether it was resumed.  The new
 * session is in latest, NULL if none came.
 */
static int
meet_ssl(SSL *server, const char *sni, int version, SSL_SESSION *offer)
{
	SSL_CTX *ctx = client_ctx(version);
	SSL *ssl = SSL_new(ctx);
	SSL_set_connect_state(ssl);
	if (sni)
		ck_assert_int_eq(shake_set_sni(ssl, sni), 1);
	if (offer)
		ck_assert_int_eq(SSL_set_session(ssl, offer), 1);
	latest = NULL;
	shake_join(ssl, server);
	ck_assert_msg(shake_run(ssl, server) && shake_talk(ssl, server), "%s",
	    ERR_error_string(ERR_peek_error(), NULL));
	int resumed = SSL_session_reused(ssl);
	ck_assert_int_eq(SSL_session_reused(server), resumed);
	/* OpenSSL tells of no new session when one of TLS 1.2 was resumed. */
	if (!latest && resumed)
		latest = SSL_get1_session(ssl);
	SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	return resumed;
}

static int
meet(const struct end *e, uint32_t front, const char *sni, int version, SSL_SESSION *offer)
{
	SSL *server = tls_ctx_accept(e->tls, front);
	int resumed = meet_ssl(server, sni, version, offer);
	SSL_free(server);
	return resumed;
}

START_TEST(every_reconnect_resumes)
{
	/* Each time another worker, and only the session that came last. */
	struct end a = worker("DNS:a.example", 0), b = worker("DNS:a.example", 0);
	SSL_SESSION *s = NULL;
	for (int i = 0; i < 6; i++) {
		int resumed = meet(i % 2 ? &b : &a, FRONT, "a.example", versions[_i], s);
		ck_assert_int_eq(resumed, i > 0);
		ck_assert_ptr_nonnull(latest);
		SSL_SESSION_free(s);
		s = latest;
	}
	SSL_SESSION_free(s);
	end(&a);
	end(&b);
}
END_TEST

/* Many clients keep the session that they were told of, which in TLS 1.2 is the first one. */
START_TEST(one_session_of_tls12_serves_again_and_again)
{
	struct end e = worker("DNS:a.example", 0);
	ck_assert_int_eq(meet(&e, FRONT, "a.example", TLS1_2_VERSION, NULL), 0);
	SSL_SESSION *s = latest;
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(meet(&e, FRONT, "a.example", TLS1_2_VERSION, s), 1);
		SSL_SESSION_free(latest);
	}
	SSL_SESSION_free(s);
	end(&e);
}
END_TEST

/* clang-format off */
static const struct {
	const char *name;
	const char *first, *again; /* names asked for */
	uint32_t front;            /* where it is offered */
	const char *san;           /* of the certificate there */
	uint32_t key;
	int resumes;
} offers[] = {
	{ "the same",              "a.example", "a.example", FRONT, "DNS:a.example,DNS:b.example", 0, 1 },
	{ "in capitals",           "a.example", "A.Example", FRONT, "DNS:a.example,DNS:b.example", 0, 1 },
	{ "no name, twice",        NULL,        NULL,        FRONT, "DNS:a.example,DNS:b.example", 0, 1 },
	{ "another name",          "a.example", "b.example", FRONT, "DNS:a.example,DNS:b.example", 0, 0 },
	{ "a name that is none",   "a.example", "a.example.x", FRONT, "DNS:a.example,DNS:b.example", 0, 0 },
	{ "no name, then one",     NULL,        "a.example", FRONT, "DNS:a.example,DNS:b.example", 0, 0 },
	{ "a name, then none",     "a.example", NULL,        FRONT, "DNS:a.example,DNS:b.example", 0, 0 },
	{ "renewed, another key",  "a.example", "a.example", FRONT, "DNS:a.example,DNS:b.example", 1, 1 },
	{ "in another order",      "a.example", "a.example", FRONT, "DNS:b.example,DNS:a.example", 1, 1 },
	{ "names have changed",    "a.example", "a.example", FRONT, "DNS:a.example,DNS:c.example", 0, 0 },
	{ "another frontend",      "a.example", "a.example", OTHER, "DNS:a.example,DNS:b.example", 0, 0 },
	{ "where there are none",  "a.example", "a.example", NO_TICKETS, "DNS:a.example,DNS:b.example", 0, 0 },
	{ "where clients may show", "a.example", "a.example", OPTIONAL, "DNS:a.example,DNS:b.example", 0, 0 },
	{ "where clients must show", "a.example", "a.example", REQUIRED, "DNS:a.example,DNS:b.example", 0, 0 },
};
/* clang-format on */

START_TEST(who_resumes)
{
	struct end from = worker("DNS:a.example,DNS:b.example", 0),
		   to = worker(offers[_i].san, offers[_i].key);
	for (int v = 0; v < 2; v++) {
		ck_assert_int_eq(meet(&from, FRONT, offers[_i].first, versions[v], NULL), 0);
		SSL_SESSION *s = latest;
		ck_assert_ptr_nonnull(s);
		int resumed = meet(&to, offers[_i].front, offers[_i].again, versions[v], s);
		ck_assert_msg(resumed == offers[_i].resumes, "%s: %d", offers[_i].name, resumed);
		SSL_SESSION_free(s);
		SSL_SESSION_free(latest);
	}
	end(&from);
	end(&to);
}
END_TEST

START_TEST(who_gives_tickets)
{
	struct end e = worker("DNS:a.example", 0);
	for (uint32_t front = 0; front < FRONTS; front++)
		for (int v = 0; v < 2; v++) {
			ck_assert_int_eq(meet(&e, front, "a.example", versions[v], NULL), 0);
			int has = latest && SSL_SESSION_has_ticket(latest);
			ck_assert_msg(has == (front <= OTHER), "frontend %u", front);
			/* Nor anything else to be remembered by. */
			if (!has)
				ck_assert(!latest || !SSL_SESSION_is_resumable(latest));
			SSL_SESSION_free(latest);
		}
	end(&e);
}
END_TEST

/* The same session with one bit of its ticket changed. */
static SSL_SESSION *
damaged(SSL_SESSION *s)
{
	const unsigned char *ticket;
	size_t size;
	unsigned char *der = NULL;
	SSL_SESSION_get0_ticket(s, &ticket, &size);
	int n = i2d_SSL_SESSION(s, &der);
	ck_assert_int_gt(n, 0);
	unsigned char *at = memmem(der, (size_t)n, ticket, size);
	ck_assert_ptr_nonnull(at);
	at[size / 2] ^= 1;
	const unsigned char *p = der;
	SSL_SESSION *bad = d2i_SSL_SESSION(NULL, &p, n);
	OPENSSL_free(der);
	return bad;
}

START_TEST(a_damaged_ticket)
{
	struct end e = worker("DNS:a.example", 0);
	ck_assert_int_eq(meet(&e, FRONT, "a.example", versions[_i], NULL), 0);
	SSL_SESSION *s = latest, *bad = damaged(s);
	ck_assert_int_eq(meet(&e, FRONT, "a.example", versions[_i], bad), 0);
	SSL_SESSION_free(s);
	SSL_SESSION_free(bad);
	SSL_SESSION_free(latest);
	end(&e);
}
END_TEST

/* A thief with the ticket keys */

static int
forge_key(SSL *ssl, unsigned char name[16], unsigned char *iv, EVP_CIPHER_CTX *cipher,
    EVP_MAC_CTX *mac, int making)
{
	struct tickets t;
	const struct piece seed = {
		.kind = PIECE_SEED, .name = "seed", .data = FORK_KEEPER_SEED, .size = 32
	};
	struct msg_ticket_key k[TICKET_KEYS];
	char err[100], digest[] = "SHA256";
	uint32_t left;
	(void)ssl;
	if (!making)
		return 0;
	ck_assert_int_eq(tickets_open(&t, &seed, err, sizeof(err)), 0);
	ck_assert_int_eq(tickets_keys(&t, (uint64_t)time(NULL), k, &left), 0);
	tickets_close(&t);
	const OSSL_PARAM params[] = {
		OSSL_PARAM_octet_string(OSSL_MAC_PARAM_KEY, k[TICKET_NOW].mac, 32),
		OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_END,
	};
	memcpy(name, k[TICKET_NOW].name, 16);
	memset(iv, 1, 16);
	ck_assert_int_eq(
	    EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, k[TICKET_NOW].cipher, iv), 1);
	ck_assert_int_eq(EVP_MAC_CTX_set_params(mac, params), 1);
	return 1;
}

static int
forge_name(SSL *ssl, void *arg)
{
	unsigned char digest[32];
	(void)arg;
	EVP_Digest("\1a.example", 10, digest, NULL, EVP_sha256(), NULL);
	return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), digest, sizeof(digest));
}

static SSL_TICKET_RETURN
forge_nothing(SSL *ssl, SSL_SESSION *s, const unsigned char *name, size_t size,
    SSL_TICKET_STATUS status, void *arg)
{
	(void)ssl;
	(void)s;
	(void)name;
	(void)size;
	(void)status;
	(void)arg;
	return SSL_TICKET_RETURN_IGNORE_RENEW;
}

static int
believe(int ok, X509_STORE_CTX *store)
{
	(void)ok;
	X509_STORE_CTX_set_error(store, X509_V_OK);
	return 1;
}

/* A session as this frontend would give it to a client whose certificate verified. */
static SSL_SESSION *
forged(const struct end *e, uint32_t front, int version)
{
	unsigned int size;
	SSL *real = tls_ctx_accept(e->tls, front);
	meet_ssl(real, "a.example", version, NULL);
	const unsigned char *context = SSL_SESSION_get0_id_context(SSL_get_session(real), &size);
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	SSL_CTX_use_certificate(ctx, client);
	SSL_CTX_use_PrivateKey(ctx, keys[0]);
	/* The cipher must be the victim's, too. */
	SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256");
	SSL_CTX_set_cipher_list(ctx, "ECDHE-ECDSA-AES128-GCM-SHA256");
	SSL_CTX_set_session_id_context(ctx, context, size);
	SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, forge_key);
	SSL_CTX_set_session_ticket_cb(ctx, forge_name, forge_nothing, NULL);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, believe);
	SSL_SESSION_free(latest);
	SSL_free(real);
	SSL *server = SSL_new(ctx);
	SSL_set_accept_state(server);
	ck_assert_int_eq(meet_ssl(server, "a.example", version, NULL), 0);
	SSL_free(server);
	SSL_CTX_free(ctx);
	ck_assert_ptr_nonnull(latest);
	return latest;
}

START_TEST(a_stolen_ticket_key)
{
	struct end e = worker("DNS:a.example", 0);
	static const uint32_t fronts[] = { FRONT, OPTIONAL, REQUIRED };
	for (int v = 0; v < 2; v++)
		for (int i = 0; i < 3; i++) {
			SSL_SESSION *s = forged(&e, fronts[i], versions[v]);
			int resumed = meet(&e, fronts[i], "a.example", versions[v], s);
			/* Where it gains nothing it works, which shows that it is well made. */
			ck_assert_msg(
			    resumed == (fronts[i] == FRONT), "frontend %u: %d", fronts[i], resumed);
			SSL_SESSION_free(s);
			SSL_SESSION_free(latest);
		}
	end(&e);
}
END_TEST

/* Keys */

START_TEST(keys_change_with_the_clock)
{
	static const char seed_a[] = FORK_KEEPER_SEED,
			  seed_b[] = "another seed of thirty-two bytes";
	const uint64_t t0 = 1000 * (uint64_t)TICKET_PERIOD;
	struct msg_ticket_key x[TICKET_KEYS], y[TICKET_KEYS];
	struct tickets a = { 0 }, again = { 0 }, b = { 0 }, none = { 0 };
	struct piece p = { .kind = PIECE_SEED, .name = "f/seed", .data = seed_a, .size = 32 };
	char err[100];
	uint32_t left;
	ck_assert_int_eq(tickets_open(&a, &p, err, sizeof(err)), 0);
	ck_assert_int_eq(tickets_open(&again, &p, err, sizeof(err)), 0);
	p.data = seed_b;
	ck_assert_int_eq(tickets_open(&b, &p, err, sizeof(err)), 0);
	p.size = 31;
	ck_assert_int_eq(tickets_open(&none, &p, err, sizeof(err)), -1);
	ck_assert_str_eq(err, "f/seed: a ticket seed has at least 32 bytes");
	ck_assert_int_eq(tickets_keys(&none, t0, x, &left), -1);

	/* The same all through a period, on every host with this seed. */
	ck_assert_int_eq(tickets_keys(&a, t0, x, &left), 0);
	ck_assert_uint_eq(left, TICKET_PERIOD);
	ck_assert_int_eq(tickets_keys(&again, t0 + TICKET_PERIOD - 1, y, &left), 0);
	ck_assert_uint_eq(left, 1);
	ck_assert_mem_eq(x, y, sizeof(x));
	/* In the next one each moves on by one. */
	ck_assert_int_eq(tickets_keys(&a, t0 + TICKET_PERIOD, y, &left), 0);
	ck_assert_mem_eq(&y[TICKET_BEFORE], &x[TICKET_NOW], sizeof(*x));
	ck_assert_mem_eq(&y[TICKET_NOW], &x[TICKET_NEXT], sizeof(*x));
	ck_assert_mem_ne(&y[TICKET_NEXT], &x[TICKET_NEXT], sizeof(*x));
	/* No part of one key says anything of another's. */
	for (int i = 0; i < TICKET_KEYS; i++)
		for (int k = 0; k < i; k++) {
			ck_assert_mem_ne(x[i].name, x[k].name, sizeof(x->name));
			ck_assert_mem_ne(x[i].cipher, x[k].cipher, sizeof(x->cipher));
			ck_assert_mem_ne(x[i].mac, x[k].mac, sizeof(x->mac));
		}
	ck_assert_int_eq(tickets_keys(&b, t0, y, &left), 0);
	ck_assert_mem_ne(x[TICKET_NOW].cipher, y[TICKET_NOW].cipher, sizeof(x->cipher));
	tickets_close(&a);
	tickets_close(&again);
	tickets_close(&b);
}
END_TEST

int
main(void)
{
	struct problems p = { 0 };
	signal(SIGPIPE, SIG_IGN);
	if (tls_key_init(&channel) == -1)
		return 2;
	conf = conf_parse(text, "f", "/", &p);
	if (!conf)
		return 2;
	problems_clear(&p);
	/* The configuration permits none there; neither does the worker by itself. */
	conf->frontends[OPTIONAL].tls.tickets = conf->frontends[REQUIRED].tls.tickets = 1;
	keys[0] = certs_key("EC P-256");
	keys[1] = certs_key("EC P-256");
	ca_key = certs_key("EC P-256");
	ca = certs_make(&(struct cert_spec){ .cn = "CA", .ca = 1 }, ca_key, NULL, NULL);
	client = certs_make(&(struct cert_spec){ .cn = "alice" }, keys[0], ca, ca_key);
	pid_t keeper = fork_keeper(keys, 2, &channel);

	Suite *suite = suite_create("worker/tls/ticket");
	TCase *t = tcase_create("tls_ticket");
	tcase_add_loop_test(t, every_reconnect_resumes, 0, 2);
	tcase_add_test(t, one_session_of_tls12_serves_again_and_again);
	tcase_add_loop_test(t, who_resumes, 0, sizeof(offers) / sizeof(offers[0]));
	tcase_add_test(t, who_gives_tickets);
	tcase_add_loop_test(t, a_damaged_ticket, 0, 2);
	tcase_add_test(t, a_stolen_ticket_key);
	tcase_add_test(t, keys_change_with_the_clock);
	tcase_set_timeout(t, 30);
	suite_add_tcase(suite, t);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	if (!fork_keeper_end(keeper, &channel))
		failed++;
	conf_free(&conf);
	return failed != 0;
}
