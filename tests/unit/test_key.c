/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Handshakes whose private key is in another process: the keeper's own code in a forked child,
 * every kind of key, every scheme, both versions of TLS, as server and as client.
 */
#include "common/tls/key.h"

#include "tests/lib/certs.h"
#include "tests/lib/fork_keeper.h"
#include "tests/lib/shake.h"

#include <check.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const kinds[] = { "RSA 2048", "EC P-256", "EC P-384", "EC P-521", "Ed25519" };
enum { RSA2, P256, P384, P521, ED, KINDS };

static EVP_PKEY *keys[KINDS + 1]; /* the last one is unknown to the keeper */
static X509 *certs[KINDS + 1];
static struct chan channel; /* to the keeper of the moment */

static pid_t
keeper_start(void)
{
	pid_t pid = fork_keeper(keys, KINDS, &channel);
	ck_assert_int_gt(pid, 0);
	return pid;
}

static void
keeper_stop(pid_t pid)
{
	ck_assert(fork_keeper_end(pid, &channel));
}

/* A context with certificate n; its key at the keeper, or here. */
static SSL_CTX *
ctx_new(const SSL_METHOD *method, int version, int n, int remote)
{
	SSL_CTX *ctx = SSL_CTX_new(method);
	SSL_CTX_set_min_proto_version(ctx, version);
	SSL_CTX_set_max_proto_version(ctx, version);
	ck_assert_int_eq(SSL_CTX_use_certificate(ctx, certs[n]), 1);
	EVP_PKEY *key = remote ? tls_key_for(certs[n]) : keys[n];
	ck_assert_ptr_nonnull(key);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey(ctx, key), 1);
	ck_assert_int_eq(SSL_CTX_check_private_key(ctx), 1);
	if (remote)
		EVP_PKEY_free(key);
	return ctx;
}

static int
accept_any(int ok, X509_STORE_CTX *store)
{
	(void)ok;
	(void)store;
	return 1;
}

/*
 * One handshake: both sides show certificate n; one side (server or client) has its key with the
 * keeper, the other at hand.  Returns 1 if it succeeded, and the scheme that signed it.
 */
static int
shake(int version, int n, int as_server, const char *sigalgs, int *type_r, int *digest_r)
{
	SSL_CTX *sctx = ctx_new(TLS_server_method(), version, n, as_server);
	SSL_CTX *cctx = ctx_new(TLS_client_method(), version, n, !as_server);
	SSL_CTX *other = as_server ? cctx : sctx;
	if (sigalgs)
		ck_assert_int_eq(shake_set_sigalgs(other, sigalgs), 1);
	if (!as_server)
		SSL_CTX_set_verify(
		    sctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, accept_any);
	SSL *server = SSL_new(sctx), *client = SSL_new(cctx);
	SSL_set_accept_state(server);
	SSL_set_connect_state(client);
	shake_join(client, server);
	int ok = shake_run(client, server) && shake_talk(client, server);
	*type_r = *digest_r = 0;
	if (ok) {
		SSL *peer = as_server ? client : server;
		ck_assert_int_eq(SSL_get_peer_signature_type_nid(peer, type_r), 1);
		SSL_get_peer_signature_nid(peer, digest_r);
	}
	SSL_free(server);
	SSL_free(client);
	SSL_CTX_free(sctx);
	SSL_CTX_free(cctx);
	return ok;
}

/* clang-format off */
static const struct {
	const char *name;
	int key, version;
	const char *sigalgs; /* that the other side accepts */
	int type, digest;    /* what must have signed; type 0: the handshake must fail */
} shakes[] = {
	{ "RSA-PSS SHA-256, 1.3",  RSA2, TLS1_3_VERSION, "rsa_pss_rsae_sha256", EVP_PKEY_RSA_PSS, NID_sha256 },
	{ "RSA-PSS SHA-384, 1.3",  RSA2, TLS1_3_VERSION, "rsa_pss_rsae_sha384", EVP_PKEY_RSA_PSS, NID_sha384 },
	{ "RSA-PSS SHA-512, 1.3",  RSA2, TLS1_3_VERSION, "rsa_pss_rsae_sha512", EVP_PKEY_RSA_PSS, NID_sha512 },
	{ "PKCS#1 is not in 1.3",  RSA2, TLS1_3_VERSION, "rsa_pkcs1_sha256",    0, 0 },
	{ "P-256, 1.3",            P256, TLS1_3_VERSION, NULL,                  EVP_PKEY_EC,      NID_sha256 },
	{ "P-384, 1.3",            P384, TLS1_3_VERSION, NULL,                  EVP_PKEY_EC,      NID_sha384 },
	{ "P-521, 1.3",            P521, TLS1_3_VERSION, NULL,                  EVP_PKEY_EC,      NID_sha512 },
	{ "Ed25519, 1.3",          ED,   TLS1_3_VERSION, NULL,                  EVP_PKEY_ED25519, 0 },
	{ "RSA-PSS, 1.2",          RSA2, TLS1_2_VERSION, "rsa_pss_rsae_sha256", EVP_PKEY_RSA_PSS, NID_sha256 },
	{ "PKCS#1 SHA-256, 1.2",   RSA2, TLS1_2_VERSION, "rsa_pkcs1_sha256",    EVP_PKEY_RSA,     NID_sha256 },
	{ "PKCS#1 SHA-384, 1.2",   RSA2, TLS1_2_VERSION, "rsa_pkcs1_sha384",    EVP_PKEY_RSA,     NID_sha384 },
	{ "PKCS#1 SHA-512, 1.2",   RSA2, TLS1_2_VERSION, "rsa_pkcs1_sha512",    EVP_PKEY_RSA,     NID_sha512 },
	{ "P-256, 1.2",            P256, TLS1_2_VERSION, "ECDSA+SHA256",        EVP_PKEY_EC,      NID_sha256 },
	{ "P-256 SHA-384, 1.2",    P256, TLS1_2_VERSION, "ECDSA+SHA384",        EVP_PKEY_EC,      NID_sha384 },
	{ "P-384, 1.2",            P384, TLS1_2_VERSION, "ECDSA+SHA384",        EVP_PKEY_EC,      NID_sha384 },
	{ "P-384 SHA-256, 1.2",    P384, TLS1_2_VERSION, "ECDSA+SHA256",        EVP_PKEY_EC,      NID_sha256 },
	{ "P-521, 1.2",            P521, TLS1_2_VERSION, "ECDSA+SHA512",        EVP_PKEY_EC,      NID_sha512 },
	{ "Ed25519, 1.2",          ED,   TLS1_2_VERSION, NULL,                  EVP_PKEY_ED25519, 0 },
	{ "unknown key, 1.3",      KINDS, TLS1_3_VERSION, NULL,                 0, 0 },
	{ "unknown key, 1.2",      KINDS, TLS1_2_VERSION, NULL,                 0, 0 },
};
/* clang-format on */
#define SHAKES ((int)(sizeof(shakes) / sizeof(shakes[0])))

static void
check_shake(int i, int as_server)
{
	int type, digest;
	pid_t pid = keeper_start();
	int ok =
	    shake(shakes[i].version, shakes[i].key, as_server, shakes[i].sigalgs, &type, &digest);
	ck_assert_msg(ok == (shakes[i].type != 0), "%s: handshake %s", shakes[i].name,
	    ok ? "succeeded" : ERR_error_string(ERR_peek_error(), NULL));
	ck_assert_msg(
	    type == shakes[i].type, "%s: signed with %s", shakes[i].name, OBJ_nid2sn(type));
	if (shakes[i].digest != 0)
		ck_assert_msg(digest == shakes[i].digest, "%s: digest %s", shakes[i].name,
		    OBJ_nid2sn(digest));
	ERR_clear_error();
	keeper_stop(pid);
}

START_TEST(every_scheme_as_server)
{
	check_shake(_i, 1);
}
END_TEST

START_TEST(every_scheme_as_client)
{
	check_shake(_i, 0);
}
END_TEST

START_TEST(a_keeper_that_is_gone)
{
	int type, digest;
	pid_t pid = keeper_start();
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	waitpid(pid, NULL, 0);
	ck_assert_int_eq(shake(TLS1_3_VERSION, P256, 1, NULL, &type, &digest), 0);
	chan_close(&channel);
	ck_assert_int_eq(shake(TLS1_3_VERSION, P256, 1, NULL, &type, &digest), 0);
	ERR_clear_error();
	/* A new one behind the same variable serves at once. */
	pid = keeper_start();
	ck_assert_int_eq(shake(TLS1_3_VERSION, P256, 1, NULL, &type, &digest), 1);
	keeper_stop(pid);
}
END_TEST

START_TEST(what_the_keeper_says_of_a_key)
{
	pid_t pid = keeper_start();
	uint8_t id[MSG_KEY_ID];
	struct msg_key key;
	for (uint32_t i = 0; i < KINDS; i++) {
		char kind[64];
		ck_assert_int_eq(tls_key_ask(i, &key), 0);
		ck_assert_int_eq(tls_key_id(certs[i], id), 0);
		ck_assert_mem_eq(key.id, id, sizeof(id));
		tls_key_kind(X509_get0_pubkey(certs[i]), kind, sizeof(kind));
		ck_assert_str_eq(kind, kinds[i]);
		ck_assert_str_eq(key.kind, kinds[i]);
	}
	ck_assert_int_eq(tls_key_ask(KINDS, &key), -1);
	ck_assert_int_eq(tls_key_ask(UINT32_MAX, &key), -1);
	keeper_stop(pid);
}
END_TEST

START_TEST(other_keys_stay_with_openssl)
{
	/* What the certificates of others need must not land in our provider. */
	EVP_PKEY *pub = X509_get0_pubkey(certs[P256]);
	ck_assert_str_eq(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(pub)), "default");
	EVP_PKEY *made = certs_key("EC P-256");
	ck_assert_str_eq(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(made)), "default");
	EVP_PKEY_free(made);
	EVP_PKEY *ours = tls_key_for(certs[P256]);
	ck_assert_str_eq(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(ours)), "keeper");
	EVP_PKEY_free(ours);
}
END_TEST

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);
	if (tls_key_init(&channel) == -1)
		return 2;
	for (int i = 0; i <= KINDS; i++) {
		struct cert_spec spec = { .cn = "test", .san = "DNS:test.example" };
		keys[i] = certs_key(i < KINDS ? kinds[i] : "EC P-256");
		certs[i] = certs_make(&spec, keys[i], NULL, NULL);
	}
	Suite *suite = suite_create("tls/key");
	TCase *t = tcase_create("key");
	tcase_add_loop_test(t, every_scheme_as_server, 0, SHAKES);
	tcase_add_loop_test(t, every_scheme_as_client, 0, SHAKES);
	tcase_add_test(t, a_keeper_that_is_gone);
	tcase_add_test(t, what_the_keeper_says_of_a_key);
	tcase_add_test(t, other_keys_stay_with_openssl);
	tcase_set_timeout(t, 30);
	suite_add_tcase(suite, t);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	for (int i = 0; i <= KINDS; i++) {
		X509_free(certs[i]);
		EVP_PKEY_free(keys[i]);
	}
	return failed != 0;
}
