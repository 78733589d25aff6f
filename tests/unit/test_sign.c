/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What the keeper reads as keys, and what it signs: every scheme with every kind of key in every
 * purpose, and every way in which bytes are not a handshake.
 */
#include "keeper/policy.h"
#include "keeper/sign.h"

#include "tests/lib/certs.h"

#include <assert.h>
#include <check.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

enum { RSA2, P256, P384, P521, ED, KINDS };
static const char *const kinds[] = { "RSA 2048", "EC P-256", "EC P-384", "EC P-521", "Ed25519" };

static struct keys keys; /* with both uses, but for the last two */
static char *pems[KINDS];

/* Bytes that the policy lets pass, by purpose. */
static struct tbs {
	uint8_t bytes[512];
	size_t size;
} good[5];

static void
put(struct tbs *t, const void *bytes, size_t size)
{
	assert(t->size + size <= sizeof(t->bytes));
	memcpy(t->bytes + t->size, bytes, size);
	t->size += size;
}

static void
fill(struct tbs *t, uint8_t byte, size_t size)
{
	for (size_t i = 0; i < size; i++)
		put(t, &byte, 1);
}

static void
message(struct tbs *t, uint8_t type, size_t size)
{
	uint8_t head[] = { type, 0, (uint8_t)(size >> 8), (uint8_t)size };
	put(t, head, sizeof(head));
	fill(t, 3, size); /* also the version, 03 03, in hellos */
}

static struct tbs
context(const char *text, size_t hash)
{
	struct tbs t = { 0 };
	fill(&t, ' ', 64);
	put(&t, text, strlen(text) + 1);
	fill(&t, 7, hash);
	return t;
}

static struct tbs
params(uint8_t type, uint8_t high, uint8_t group, uint8_t len, uint8_t first, size_t point)
{
	struct tbs t = { 0 };
	uint8_t head[] = { type, high, group, len };
	fill(&t, 9, 64);
	put(&t, head, sizeof(head));
	fill(&t, first, point);
	return t;
}

static struct tbs
transcript(const char *types)
{
	struct tbs t = { 0 };
	for (; *types != '\0'; types++)
		message(&t, (uint8_t)(*types - 'A' + 1), 34);
	return t;
}

/* ClientHello A, ServerHello B, Certificate K, CertificateStatus V, ServerKeyExchange L,
 * CertificateRequest M, ServerHelloDone N, ClientKeyExchange P. */
#define FLIGHT "ABKLMNKP"

static const char server13[] = "TLS 1.3, server CertificateVerify";
static const char client13[] = "TLS 1.3, client CertificateVerify";

/* clang-format off */
enum form { CONTEXT, PARAMS, TRANSCRIPT };
static const struct {
	const char *name;
	uint32_t purpose;
	enum form form;
	const char *text;
	size_t n[6]; /* CONTEXT: hash; PARAMS: type, high, group, len, first, point */
	int cut;     /* bytes taken off (negative: put on) at the end */
	int ok;
} shapes[] = {
	{ "1.3 server, SHA-256",    SIGN_TLS13_SERVER, CONTEXT, server13, { 32 }, 0, 1 },
	{ "1.3 server, SHA-384",    SIGN_TLS13_SERVER, CONTEXT, server13, { 48 }, 0, 1 },
	{ "1.3 client, SHA-256",    SIGN_TLS13_CLIENT, CONTEXT, client13, { 32 }, 0, 1 },
	{ "1.3 client, SHA-384",    SIGN_TLS13_CLIENT, CONTEXT, client13, { 48 }, 0, 1 },
	{ "1.3 the other side",     SIGN_TLS13_SERVER, CONTEXT, client13, { 32 }, 0, 0 },
	{ "1.3 the other side",     SIGN_TLS13_CLIENT, CONTEXT, server13, { 32 }, 0, 0 },
	{ "1.3 hash of 20",         SIGN_TLS13_SERVER, CONTEXT, server13, { 20 }, 0, 0 },
	{ "1.3 hash of 64",         SIGN_TLS13_SERVER, CONTEXT, server13, { 64 }, 0, 0 },
	{ "1.3 a byte short",       SIGN_TLS13_SERVER, CONTEXT, server13, { 32 }, 1, 0 },
	{ "1.3 a byte long",        SIGN_TLS13_SERVER, CONTEXT, server13, { 32 }, -1, 0 },
	{ "1.3 another context",    SIGN_TLS13_SERVER, CONTEXT, "TLS 1.3, server certificateVerify", { 32 }, 0, 0 },
	{ "1.3 as 1.2 server",      SIGN_TLS12_SERVER, CONTEXT, server13, { 32 }, 0, 0 },
	{ "1.3 as 1.2 client",      SIGN_TLS12_CLIENT, CONTEXT, client13, { 32 }, 0, 0 },
	{ "1.2 server, P-256",      SIGN_TLS12_SERVER, PARAMS, "", { 3, 0, 23, 65, 4, 65 }, 0, 1 },
	{ "1.2 server, P-384",      SIGN_TLS12_SERVER, PARAMS, "", { 3, 0, 24, 97, 4, 97 }, 0, 1 },
	{ "1.2 server, P-521",      SIGN_TLS12_SERVER, PARAMS, "", { 3, 0, 25, 133, 4, 133 }, 0, 1 },
	{ "1.2 server, X25519",     SIGN_TLS12_SERVER, PARAMS, "", { 3, 0, 29, 32, 0, 32 }, 0, 1 },
	{ "1.2 server, X448",       SIGN_TLS12_SERVER, PARAMS, "", { 3, 0, 30, 56, 0, 56 }, 0, 1 },
	{ "1.2 explicit curve",     SIGN_TLS12_SERVER, PARAMS, "", { 1, 0, 23, 65, 4, 65 }, 0, 0 },
	{ "1.2 unknown group",      SIGN_TLS12_SERVER, PARAMS, "", { 3, 0, 22, 65, 4, 65 }, 0, 0 },
	{ "1.2 group beyond 255",   SIGN_TLS12_SERVER, PARAMS, "", { 3, 1, 29, 32, 0, 32 }, 0, 0 },
	{ "1.2 length of another",  SIGN_TLS12_SERVER, PARAMS, "", { 3, 0, 29, 65, 4, 65 }, 0, 0 },
	{ "1.2 length that is not", SIGN_TLS12_SERVER, PARAMS, "", { 3, 0, 29, 33, 0, 32 }, 0, 0 },
	{ "1.2 compressed point",   SIGN_TLS12_SERVER, PARAMS, "", { 3, 0, 23, 65, 2, 65 }, 0, 0 },
	{ "1.2 point too short",    SIGN_TLS12_SERVER, PARAMS, "", { 3, 0, 29, 32, 0, 32 }, 1, 0 },
	{ "1.2 more behind it",     SIGN_TLS12_SERVER, PARAMS, "", { 3, 0, 29, 32, 0, 32 }, -1, 0 },
	{ "1.2 randoms alone",      SIGN_TLS12_SERVER, PARAMS, "", { 3, 0, 29, 32, 0, 0 }, 4, 0 },
	{ "1.2 params as 1.3",      SIGN_TLS13_SERVER, PARAMS, "", { 3, 0, 29, 32, 0, 32 }, 0, 0 },
	{ "1.2 params as client",   SIGN_TLS12_CLIENT, PARAMS, "", { 3, 0, 29, 32, 0, 32 }, 0, 0 },
	{ "1.2 client",             SIGN_TLS12_CLIENT, TRANSCRIPT, FLIGHT, { 0 }, 0, 1 },
	{ "1.2 client with status", SIGN_TLS12_CLIENT, TRANSCRIPT, "ABKVLMNKP", { 0 }, 0, 1 },
	{ "1.2 client, RSA kx",     SIGN_TLS12_CLIENT, TRANSCRIPT, "ABKMNKP", { 0 }, 0, 1 },
	{ "1.2 nothing",            SIGN_TLS12_CLIENT, TRANSCRIPT, "", { 0 }, 0, 0 },
	{ "1.2 hello alone",        SIGN_TLS12_CLIENT, TRANSCRIPT, "A", { 0 }, 0, 0 },
	{ "1.2 no hello first",     SIGN_TLS12_CLIENT, TRANSCRIPT, "BKLMNKP", { 0 }, 0, 0 },
	{ "1.2 not asked for",      SIGN_TLS12_CLIENT, TRANSCRIPT, "ABKLNKP", { 0 }, 0, 0 },
	{ "1.2 wrong order",        SIGN_TLS12_CLIENT, TRANSCRIPT, "ABKMLNKP", { 0 }, 0, 0 },
	{ "1.2 one too many",       SIGN_TLS12_CLIENT, TRANSCRIPT, "ABKLMNKPP", { 0 }, 0, 0 },
	{ "1.2 last one cut",       SIGN_TLS12_CLIENT, TRANSCRIPT, FLIGHT, { 0 }, 1, 0 },
	{ "1.2 half a header",      SIGN_TLS12_CLIENT, TRANSCRIPT, FLIGHT, { 0 }, -2, 0 },
	{ "1.2 client as server",   SIGN_TLS12_SERVER, TRANSCRIPT, FLIGHT, { 0 }, 0, 0 },
	{ "no purpose",             0,                 CONTEXT, server13, { 32 }, 0, 0 },
	{ "unknown purpose",        5,                 CONTEXT, server13, { 32 }, 0, 0 },
};
/* clang-format on */

static struct tbs
shape(int i)
{
	const size_t *n = shapes[i].n;
	struct tbs t = { 0 };
	switch (shapes[i].form) {
	case CONTEXT:
		t = context(shapes[i].text, n[0]);
		break;
	case PARAMS:
		t = params((uint8_t)n[0], (uint8_t)n[1], (uint8_t)n[2], (uint8_t)n[3],
		    (uint8_t)n[4], n[5]);
		break;
	case TRANSCRIPT:
		t = transcript(shapes[i].text);
		break;
	}
	for (int more = shapes[i].cut; more < 0; more++)
		fill(&t, 0, 1);
	if (shapes[i].cut > 0)
		t.size -= (size_t)shapes[i].cut;
	return t;
}

START_TEST(shapes_of_a_handshake)
{
	struct tbs t = shape(_i);
	/* In memory of its own size, so that a read behind it is seen by ASan. */
	uint8_t *exact = malloc(t.size + 1);
	memcpy(exact, t.bytes, t.size);
	ck_assert_msg(policy_shape(shapes[_i].purpose, exact, t.size) == shapes[_i].ok, "%s",
	    shapes[_i].name);
	free(exact);
}
END_TEST

START_TEST(hellos_of_another_version)
{
	struct tbs t = transcript(FLIGHT);
	ck_assert(policy_shape(SIGN_TLS12_CLIENT, t.bytes, t.size));
	t.bytes[5] = 2; /* TLS 1.1 signs MD5 and SHA-1 */
	ck_assert(!policy_shape(SIGN_TLS12_CLIENT, t.bytes, t.size));
}
END_TEST

/* Every scheme that there is, and whether a key of a kind makes it, in 1.2 and in 1.3. */
/* clang-format off */
static const struct {
	const char *name;
	uint32_t scheme;
	int tls12[KINDS], tls13[KINDS];
} schemes[] = { /*                     RSA P256 P384 P521 Ed        RSA P256 P384 P521 Ed */
	{ "rsa_pkcs1_md5",    0x0101, { 0, 0, 0, 0, 0 }, { 0, 0, 0, 0, 0 } },
	{ "rsa_pkcs1_sha1",   0x0201, { 0, 0, 0, 0, 0 }, { 0, 0, 0, 0, 0 } },
	{ "ecdsa_sha1",       0x0203, { 0, 0, 0, 0, 0 }, { 0, 0, 0, 0, 0 } },
	{ "ecdsa_sha224",     0x0303, { 0, 0, 0, 0, 0 }, { 0, 0, 0, 0, 0 } },
	{ "rsa_pkcs1_sha256", 0x0401, { 1, 0, 0, 0, 0 }, { 0, 0, 0, 0, 0 } },
	{ "rsa_pkcs1_sha384", 0x0501, { 1, 0, 0, 0, 0 }, { 0, 0, 0, 0, 0 } },
	{ "rsa_pkcs1_sha512", 0x0601, { 1, 0, 0, 0, 0 }, { 0, 0, 0, 0, 0 } },
	{ "ecdsa_sha256",     0x0403, { 0, 1, 1, 1, 0 }, { 0, 1, 0, 0, 0 } },
	{ "ecdsa_sha384",     0x0503, { 0, 1, 1, 1, 0 }, { 0, 0, 1, 0, 0 } },
	{ "ecdsa_sha512",     0x0603, { 0, 1, 1, 1, 0 }, { 0, 0, 0, 1, 0 } },
	{ "rsa_pss_sha256",   0x0804, { 1, 0, 0, 0, 0 }, { 1, 0, 0, 0, 0 } },
	{ "rsa_pss_sha384",   0x0805, { 1, 0, 0, 0, 0 }, { 1, 0, 0, 0, 0 } },
	{ "rsa_pss_sha512",   0x0806, { 1, 0, 0, 0, 0 }, { 1, 0, 0, 0, 0 } },
	{ "ed25519",          0x0807, { 0, 0, 0, 0, 1 }, { 0, 0, 0, 0, 1 } },
	{ "ed448",            0x0808, { 0, 0, 0, 0, 0 }, { 0, 0, 0, 0, 0 } },
	{ "none",             0x0000, { 0, 0, 0, 0, 0 }, { 0, 0, 0, 0, 0 } },
	{ "beyond 16 bits",   0x10804,{ 0, 0, 0, 0, 0 }, { 0, 0, 0, 0, 0 } },
};
/* clang-format on */

/* Ask for a signature by key n. */
static uint32_t
ask(int n, uint32_t uses, uint32_t scheme, uint32_t purpose, size_t *len_r)
{
	uint8_t sig[SIG_MAX];
	struct msg_sign q = { .scheme = scheme, .purpose = purpose };
	memcpy(q.id, keys.items[n].id, sizeof(q.id));
	*len_r = 0;
	return sign(&keys, uses, &q, good[purpose].bytes, good[purpose].size, sig, len_r);
}

START_TEST(schemes_and_keys)
{
	for (int key = 0; key < KINDS; key++)
		for (uint32_t purpose = SIGN_TLS13_SERVER; purpose <= SIGN_TLS12_CLIENT;
		     purpose++) {
			int tls13 = purpose <= SIGN_TLS13_CLIENT;
			int ok = tls13 ? schemes[_i].tls13[key] : schemes[_i].tls12[key];
			size_t len;
			uint32_t r =
			    ask(key, USE_SERVER | USE_CLIENT, schemes[_i].scheme, purpose, &len);
			ck_assert_msg(r == (ok ? 0 : REFUSED_SCHEME), "%s by %s for %u: %u",
			    schemes[_i].name, kinds[key], purpose, r);
			ck_assert_int_eq(len > 0, ok);
		}
}
END_TEST

START_TEST(uses_of_a_key)
{
	size_t len;
	const uint32_t pss = 0x0804;
	uint32_t worker = sign_uses(ROLE_WORKER), checker = sign_uses(ROLE_CHECKER);
	ck_assert_int_eq(ask(RSA2, worker, pss, SIGN_TLS13_SERVER, &len), 0);
	ck_assert_int_eq(ask(RSA2, worker, pss, SIGN_TLS12_CLIENT, &len), 0);
	/* The checker is nobody's server, and master and keeper ask for nothing. */
	ck_assert_int_eq(ask(RSA2, checker, pss, SIGN_TLS13_SERVER, &len), REFUSED_PURPOSE);
	ck_assert_int_eq(ask(RSA2, checker, pss, SIGN_TLS12_SERVER, &len), REFUSED_PURPOSE);
	ck_assert_int_eq(ask(RSA2, checker, pss, SIGN_TLS13_CLIENT, &len), 0);
	ck_assert_int_eq(sign_uses(ROLE_MASTER) | sign_uses(ROLE_KEEPER), 0);
	/* A frontend's key logs in nowhere, a backend's key is no server. */
	keys.items[RSA2].use = USE_SERVER;
	ck_assert_int_eq(ask(RSA2, worker, pss, SIGN_TLS13_CLIENT, &len), REFUSED_PURPOSE);
	ck_assert_int_eq(ask(RSA2, worker, pss, SIGN_TLS12_CLIENT, &len), REFUSED_PURPOSE);
	keys.items[RSA2].use = USE_CLIENT;
	ck_assert_int_eq(ask(RSA2, worker, pss, SIGN_TLS13_SERVER, &len), REFUSED_PURPOSE);
	keys.items[RSA2].use = USE_CLIENT | USE_SERVER;
}
END_TEST

START_TEST(unknown_key_and_wrong_shape)
{
	uint8_t sig[SIG_MAX];
	size_t len = 0;
	struct msg_sign q = { .scheme = 0x0804, .purpose = SIGN_TLS13_SERVER };
	ck_assert_int_eq(
	    sign(&keys, USE_SERVER, &q, good[1].bytes, good[1].size, sig, &len), REFUSED_KEY);
	memcpy(q.id, keys.items[RSA2].id, sizeof(q.id));
	ck_assert_int_eq(
	    sign(&keys, USE_SERVER, &q, good[3].bytes, good[3].size, sig, &len), REFUSED_SHAPE);
	ck_assert_int_eq(sign(&keys, USE_SERVER, &q, good[1].bytes, 0, sig, &len), REFUSED_SHAPE);
	ck_assert_uint_eq(len, 0);
}
END_TEST

START_TEST(a_signature_verifies)
{
	uint8_t sig[SIG_MAX];
	size_t len = 0;
	struct msg_sign q = { .scheme = 0x0403, .purpose = SIGN_TLS13_SERVER };
	memcpy(q.id, keys.items[P256].id, sizeof(q.id));
	ck_assert_int_eq(sign(&keys, USE_SERVER, &q, good[1].bytes, good[1].size, sig, &len), 0);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	ck_assert_int_eq(
	    EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, keys.items[P256].pkey), 1);
	ck_assert_int_eq(EVP_DigestVerify(ctx, sig, len, good[1].bytes, good[1].size), 1);
	EVP_MD_CTX_free(ctx);
}
END_TEST

/* clang-format off */
static const struct {
	const char *name, *kind, *password, *text;
	enum msg_known known;
} bad_keys[] = {
	{ "encrypted",    "EC P-256",      "secret", NULL, KEY_ENCRYPTED },
	{ "small RSA",    "RSA 1024",      NULL,     NULL, KEY_UNUSABLE },
	{ "other curve",  "EC secp256k1",  NULL,     NULL, KEY_UNUSABLE },
	{ "X25519",       "X25519",        NULL,     NULL, KEY_UNUSABLE },
	{ "no PEM",       NULL,            NULL, "hello", KEY_UNREADABLE },
	{ "empty",        NULL,            NULL, "",      KEY_UNREADABLE },
	{ "cut PEM",      NULL,            NULL, "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgE\n-----END PRIVATE KEY-----\n",
	  KEY_UNREADABLE },
};
/* clang-format on */

START_TEST(keys_that_cannot_be_used)
{
	struct keys k = { 0 };
	const uint8_t nothing[MSG_KEY_ID] = { 0 };
	char *pem;
	if (bad_keys[_i].kind) {
		EVP_PKEY *key = certs_key(bad_keys[_i].kind);
		pem = certs_key_pem(key, bad_keys[_i].password);
		EVP_PKEY_free(key);
	} else {
		pem = strdup(bad_keys[_i].text);
	}
	struct piece p = {
		.kind = PIECE_KEY, .name = "f/key.pem", .data = pem, .size = strlen(pem)
	};
	ck_assert_msg(keys_add(&k, &p) == bad_keys[_i].known, "%s", bad_keys[_i].name);
	/* Its number stays its own, and nothing is signed with it. */
	ck_assert_uint_eq(k.count, 1);
	ck_assert_int_eq(keys_number(&k, 0)->known, bad_keys[_i].known);
	if (bad_keys[_i].known == KEY_UNUSABLE)
		ck_assert_str_eq(keys_number(&k, 0)->kind, bad_keys[_i].kind);
	ck_assert_ptr_null(keys_find(&k, nothing));
	keys_free(&k);
	free(pem);
}
END_TEST

START_TEST(one_key_for_two_uses)
{
	struct keys k = { 0 };
	struct piece p = { .kind = PIECE_KEY,
		.name = "k",
		.data = pems[P256],
		.size = strlen(pems[P256]),
		.owner = USE_SERVER };
	ck_assert_int_eq(keys_add(&k, &p), KEY_GOOD);
	p.owner = USE_CLIENT;
	ck_assert_int_eq(keys_add(&k, &p), KEY_GOOD);
	ck_assert_uint_eq(k.count, 2); /* both numbers mean it */
	ck_assert_uint_eq(keys_find(&k, keys_number(&k, 1)->id)->use, USE_SERVER | USE_CLIENT);
	ck_assert_uint_eq(keys_number(&k, 1)->use, USE_SERVER | USE_CLIENT);
	ck_assert_ptr_null(keys_number(&k, 2));
	keys_free(&k);
}
END_TEST

int
main(void)
{
	for (int i = 0; i < KINDS; i++) {
		EVP_PKEY *key = certs_key(kinds[i]);
		pems[i] = certs_key_pem(key, NULL);
		struct piece p = { .kind = PIECE_KEY,
			.owner = USE_SERVER | USE_CLIENT,
			.name = "key.pem",
			.data = pems[i],
			.size = strlen(pems[i]) };
		if (keys_add(&keys, &p) != KEY_GOOD)
			return 2;
		EVP_PKEY_free(key);
	}
	good[SIGN_TLS13_SERVER] = context(server13, 32);
	good[SIGN_TLS13_CLIENT] = context(client13, 48);
	good[SIGN_TLS12_SERVER] = params(3, 0, 29, 32, 0, 32);
	good[SIGN_TLS12_CLIENT] = transcript(FLIGHT);

	Suite *suite = suite_create("keeper/sign");
	TCase *t = tcase_create("sign");
	tcase_add_loop_test(t, shapes_of_a_handshake, 0, sizeof(shapes) / sizeof(shapes[0]));
	tcase_add_test(t, hellos_of_another_version);
	tcase_add_loop_test(t, schemes_and_keys, 0, sizeof(schemes) / sizeof(schemes[0]));
	tcase_add_test(t, uses_of_a_key);
	tcase_add_test(t, unknown_key_and_wrong_shape);
	tcase_add_test(t, a_signature_verifies);
	tcase_add_loop_test(t, keys_that_cannot_be_used, 0, sizeof(bad_keys) / sizeof(bad_keys[0]));
	tcase_add_test(t, one_key_for_two_uses);
	suite_add_tcase(suite, t);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	keys_free(&keys);
	for (int i = 0; i < KINDS; i++)
		free(pems[i]);
	return failed != 0;
}
