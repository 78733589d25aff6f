/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The derivations of both versions of TLS and the provider around them against the default
 * provider's TLS13-KDF and TLS1-PRF: in every size, and in everything that is passed on.
 */
#include "worker/record/derive.h"
#include "worker/record/provider.h"

#include <check.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static uint8_t bytes[600];

/* ---- what is passed on to the default provider: its context is reset each time ---- */

void __real_EVP_KDF_CTX_reset(EVP_KDF_CTX *ctx);
void __wrap_EVP_KDF_CTX_reset(EVP_KDF_CTX *ctx);
static int passed_on;

void
__wrap_EVP_KDF_CTX_reset(EVP_KDF_CTX *ctx)
{
	passed_on++;
	__real_EVP_KDF_CTX_reset(ctx);
}

/* What record_take would be told. */
static int told, told_servers;
static uint8_t told_secret[48];

static void
hear(int servers, const uint8_t *secret, size_t size)
{
	ck_assert_uint_le(size, sizeof(told_secret));
	told++;
	told_servers = servers;
	memcpy(told_secret, secret, size);
}

static void
setup(void)
{
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 11 + (i >> 8));
	ck_assert_int_eq(record_provider_start(hear), 0);
}

#define LABEL_83 \
	"a label that is as long as eighty-three letters, which is a third of the longest..."
#define LABEL_249 LABEL_83 LABEL_83 LABEL_83

/* clang-format off */
static const struct {
	const char *name, *digest, *label;
	int mode;
	size_t key, salt, data, out; /* 0: the parameter is left out */
	int ok, ours; /* ours: not passed on to the default provider */
} cases[] = {
	{ "a key",              "SHA256",   "key",          EVP_KDF_HKDF_MODE_EXPAND_ONLY, 32, 0, 0, 16, 1, 1 },
	{ "an iv",              "SHA2-256", "iv",           EVP_KDF_HKDF_MODE_EXPAND_ONLY, 32, 0, 0, 12, 1, 1 },
	{ "a secret",           "SHA256",   "c hs traffic", EVP_KDF_HKDF_MODE_EXPAND_ONLY, 32, 0, 32, 32, 1, 1 },
	{ "a longer one",       "SHA384",   "s hs traffic", EVP_KDF_HKDF_MODE_EXPAND_ONLY, 48, 0, 48, 48, 1, 1 },
	{ "by its other name",  "SHA2-384", "res master",   EVP_KDF_HKDF_MODE_EXPAND_ONLY, 48, 0, 48, 48, 1, 1 },
	{ "one byte",           "SHA384",   "exporter",     EVP_KDF_HKDF_MODE_EXPAND_ONLY, 48, 0, 0, 1, 1, 1 },
	{ "the longest context", "SHA256",  "exporter",     EVP_KDF_HKDF_MODE_EXPAND_ONLY, 32, 0, 255, 32, 1, 1 },
	{ "two blocks",         "SHA256",   "exporter",     EVP_KDF_HKDF_MODE_EXPAND_ONLY, 32, 0, 32, 33, 1, 0 },
	{ "many blocks",        "SHA384",   "exporter",     EVP_KDF_HKDF_MODE_EXPAND_ONLY, 48, 0, 48, 500, 1, 0 },
	{ "another key size",   "SHA256",   "exporter",     EVP_KDF_HKDF_MODE_EXPAND_ONLY, 20, 0, 32, 32, 1, 0 },
	{ "another hash",       "SHA512",   "exporter",     EVP_KDF_HKDF_MODE_EXPAND_ONLY, 64, 0, 64, 64, 1, 0 },
	{ "extract",            "SHA256",   "derived",      EVP_KDF_HKDF_MODE_EXTRACT_ONLY, 32, 32, 0, 32, 1, 1 },
	{ "extract, longer",    "SHA384",   "derived",      EVP_KDF_HKDF_MODE_EXTRACT_ONLY, 48, 48, 0, 48, 1, 1 },
	{ "extract, no salt",   "SHA256",   "derived",      EVP_KDF_HKDF_MODE_EXTRACT_ONLY, 32, 0, 0, 32, 1, 1 },
	{ "extract, no key",    "SHA256",   "derived",      EVP_KDF_HKDF_MODE_EXTRACT_ONLY, 0, 32, 0, 32, 1, 1 },
	{ "extract, neither",   "SHA384",   "derived",      EVP_KDF_HKDF_MODE_EXTRACT_ONLY, 0, 0, 0, 48, 1, 1 },
	{ "extract a point",    "SHA256",   "derived",      EVP_KDF_HKDF_MODE_EXTRACT_ONLY, 66, 32, 0, 32, 1, 1 },
	{ "extract much",       "SHA384",   "derived",      EVP_KDF_HKDF_MODE_EXTRACT_ONLY, 500, 48, 0, 48, 1, 1 },
	{ "extract, too short", "SHA256",   "derived",      EVP_KDF_HKDF_MODE_EXTRACT_ONLY, 32, 32, 0, 31, 0, 0 },
	{ "context too long",   "SHA256",   "exporter",     EVP_KDF_HKDF_MODE_EXPAND_ONLY, 32, 0, 600, 32, 0, 0 },
	{ "the longest label",  "SHA256",   LABEL_249,      EVP_KDF_HKDF_MODE_EXPAND_ONLY, 32, 0, 32, 32, 1, 1 },
	{ "label too long",     "SHA256",   LABEL_249 "x",  EVP_KDF_HKDF_MODE_EXPAND_ONLY, 32, 0, 32, 32, 0, 0 },
	{ "both at once",       "SHA256",   "key",          EVP_KDF_HKDF_MODE_EXTRACT_AND_EXPAND, 32, 0, 0, 16, 0, 0 },
	{ "unknown hash",       "NONE",     "key",          EVP_KDF_HKDF_MODE_EXPAND_ONLY, 32, 0, 0, 16, 0, 0 },
	{ "no hash",            NULL,       "key",          EVP_KDF_HKDF_MODE_EXPAND_ONLY, 32, 0, 0, 16, 0, 0 },
};
/* clang-format on */

#define EXTRACTION 11 /* one of the cases */

/* By the KDF that these properties find. */
static int
run(int i, const char *properties, const char *label, uint8_t *out)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS13-KDF", properties);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	OSSL_PARAM params[8], *p = params;
	char digest[16], name[300];
	int mode = cases[i].mode, ok;

	ck_assert_ptr_nonnull(ctx);
	*p++ = OSSL_PARAM_construct_int("mode", &mode);
	if (cases[i].digest) {
		strcpy(digest, cases[i].digest);
		*p++ = OSSL_PARAM_construct_utf8_string("digest", digest, 0);
	}
	if (cases[i].key)
		*p++ = OSSL_PARAM_construct_octet_string("key", bytes, cases[i].key);
	if (cases[i].salt)
		*p++ = OSSL_PARAM_construct_octet_string("salt", bytes + 100, cases[i].salt);
	*p++ = OSSL_PARAM_construct_octet_string("prefix", strcpy(name, "tls13 "), 6);
	strcpy(name + 8, label);
	*p++ = OSSL_PARAM_construct_octet_string("label", name + 8, strlen(label));
	if (cases[i].data)
		*p++ = OSSL_PARAM_construct_octet_string("data", bytes, cases[i].data);
	*p = OSSL_PARAM_construct_end();
	ok = EVP_KDF_derive(ctx, out, cases[i].out, params);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return ok == 1;
}

START_TEST(as_the_default_provider)
{
	uint8_t ours[600] = { 0 }, its[600] = { 0 };

	/* what one call is given must not reach the next: each after each */
	for (int before = 0; before < COUNT(cases); before++) {
		(void)run(before, NULL, cases[before].label, ours);
		memset(ours, 0, sizeof(ours));
		passed_on = 0;
		ck_assert_msg(run(_i, NULL, cases[_i].label, ours) == cases[_i].ok,
		    "\"%s\" after \"%s\"", cases[_i].name, cases[before].name);
		ck_assert_msg(passed_on == !cases[_i].ours, "\"%s\"", cases[_i].name);
		ck_assert_int_eq(run(_i, "provider=default", cases[_i].label, its), cases[_i].ok);
		if (cases[_i].ok)
			ck_assert_msg(memcmp(ours, its, cases[_i].out) == 0, "\"%s\" after \"%s\"",
			    cases[_i].name, cases[before].name);
	}
	ck_assert_int_eq(told, 0);
}
END_TEST

START_TEST(expands_for_us)
{
	const struct span prefix = record_text("tls13 "), key = record_text("key");
	const struct span exporter = record_text("exporter"), none = { NULL, 0 };
	const struct span short_secret = { bytes, 20 }, secret = { bytes, 32 };
	const struct span long_secret = { bytes, 48 };
	uint8_t ours[48], its[48];

	ck_assert_int_eq(record_expand(HASH_SHA256, secret, prefix, key, none, ours, 16), 0);
	ck_assert_int_eq(run(0, "provider=default", "key", its), 1);
	ck_assert_mem_eq(ours, its, 16);
	ck_assert_int_eq(
	    record_expand(HASH_SHA384, long_secret, prefix, exporter, none, ours, 1), 0);
	ck_assert_int_eq(run(5, "provider=default", "exporter", its), 1);
	ck_assert_mem_eq(ours, its, 1);
	ck_assert_int_eq(record_expand(HASH_SHA256, secret, prefix, key, none, ours, 33), -1);
	ck_assert_int_eq(record_expand(HASH_SHA256, short_secret, prefix, key, none, ours, 16), -1);
}
END_TEST

#define LIBRARY (-1)

/* clang-format off */
static const struct {
	const char *name, *digest;
	size_t secret, seeds, seed, out;
	int ok, ours; /* LIBRARY: as its version has it; 3.2 took away the limit of a seed */
} prf_cases[] = {
	{ "a master secret",   "SHA256",   32, 5, 32, 48, 1, 1 },
	{ "keys",              "SHA384",   48, 3, 32, 72, 1, 1 },
	{ "a Finished",        "SHA2-256", 48, 2, 20, 12, 1, 1 },
	{ "one byte",          "SHA2-384", 48, 1, 1, 1, 1, 1 },
	{ "a block",           "SHA256",   48, 1, 64, 32, 1, 1 },
	{ "a block and one",   "SHA256",   48, 1, 64, 33, 1, 1 },
	{ "many blocks",       "SHA384",   48, 2, 100, 500, 1, 1 },
	{ "P-521's secret",    "SHA256",   66, 5, 32, 48, 1, 1 },
	{ "a block's secret",  "SHA256",   64, 5, 32, 48, 1, 1 },
	{ "a long secret",     "SHA384",   129, 5, 32, 48, 1, 1 },
	{ "the longest",       "SHA384",   600, 5, 100, 48, 1, 1 },
	{ "more seeds",        "SHA256",   48, 6, 32, 48, 1, 0 },
	{ "another hash",      "SHA512",   48, 2, 32, 48, 1, 0 },
	{ "the older versions", "MD5-SHA1", 48, 2, 32, 48, 1, 0 },
	{ "the longest seed",  "SHA256",   48, 4, 256, 48, 1, 1 },
	{ "more than 1024",    "SHA256",   48, 5, 205, 48, LIBRARY, 0 },
	{ "nothing to make",   "SHA256",   48, 2, 32, 0, 0, 0 },
	{ "no seed",           "SHA256",   48, 0, 0, 48, 0, 0 },
	{ "an empty seed",     "SHA256",   48, 1, 0, 48, 0, 0 },
	{ "no secret",         "SHA256",   0, 2, 32, 48, 0, 0 },
	{ "no hash",           NULL,       48, 2, 32, 48, 0, 0 },
};
/* clang-format on */

static int
run_prf(int i, const char *properties, uint8_t *out)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS1-PRF", properties);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	OSSL_PARAM params[10], *p = params;
	char digest[16];
	int ok;

	ck_assert_ptr_nonnull(ctx);
	if (prf_cases[i].digest) {
		strcpy(digest, prf_cases[i].digest);
		*p++ = OSSL_PARAM_construct_utf8_string("digest", digest, 0);
	}
	if (prf_cases[i].secret)
		*p++ = OSSL_PARAM_construct_octet_string("secret", bytes, prf_cases[i].secret);
	for (size_t n = 0; n < prf_cases[i].seeds; n++)
		*p++ = OSSL_PARAM_construct_octet_string("seed", bytes + 50 * n, prf_cases[i].seed);
	*p = OSSL_PARAM_construct_end();
	ok = EVP_KDF_derive(ctx, out, prf_cases[i].out, params);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return ok == 1;
}

START_TEST(prf_as_the_default_provider)
{
	uint8_t ours[600] = { 0 }, its[600] = { 0 };
	int its_ok = run_prf(_i, "provider=default", its);

	ck_assert(its_ok == prf_cases[_i].ok || prf_cases[_i].ok == LIBRARY);
	for (int before = 0; before < COUNT(prf_cases); before++) {
		(void)run_prf(before, NULL, ours);
		memset(ours, 0, sizeof(ours));
		passed_on = 0;
		ck_assert_msg(run_prf(_i, NULL, ours) == its_ok, "\"%s\" after \"%s\"",
		    prf_cases[_i].name, prf_cases[before].name);
		ck_assert_msg(passed_on == !prf_cases[_i].ours, "\"%s\"", prf_cases[_i].name);
		if (its_ok)
			ck_assert_msg(memcmp(ours, its, prf_cases[_i].out) == 0,
			    "\"%s\" after \"%s\"", prf_cases[_i].name, prf_cases[before].name);
	}
}
END_TEST

/* Label and seed may be one part or several, some of them empty; more than five are too many. */
START_TEST(prf_for_us)
{
	const struct span secret = { bytes, 48 }, whole = { bytes, 90 };
	const struct span parts[] = { { bytes, 13 }, { NULL, 0 }, { bytes + 13, 76 },
		{ bytes + 89, 1 }, { bytes, 0 }, { bytes, 0 } };
	uint8_t one[80], other[80];

	ck_assert_int_eq(record_prf(HASH_SHA256, secret, &whole, 1, one, sizeof(one)), 0);
	ck_assert_int_eq(record_prf(HASH_SHA256, secret, parts, 5, other, sizeof(other)), 0);
	ck_assert_mem_eq(one, other, sizeof(one));
	ck_assert_int_eq(record_prf(HASH_SHA256, secret, parts, 6, other, sizeof(other)), -1);
}
END_TEST

/* The secrets of the data, and no other, are told; not once the provider is put away. */
START_TEST(tells_traffic_secrets)
{
	uint8_t out[48];

	for (int servers = 0; servers < 2; servers++) {
		told = 0;
		ck_assert_int_eq(run(2, NULL, servers ? "s ap traffic" : "c ap traffic", out), 1);
		ck_assert_int_eq(told, 1);
		ck_assert_int_eq(told_servers, servers);
		ck_assert_mem_eq(told_secret, out, 32);
	}
	told = 0;
	ck_assert_int_eq(run(EXTRACTION, NULL, "s ap traffic", out), 1);
	ck_assert_int_eq(run(2, NULL, "s ap traffi", out), 1);
	ck_assert_int_eq(run(2, "provider=default", "s ap traffic", out), 1);
	record_provider_stop();
	ck_assert_int_eq(run(2, NULL, "s ap traffic", out), 1);
	ck_assert_int_eq(told, 0);
	ck_assert_int_eq(record_provider_start(hear), 0);
	ck_assert_int_eq(run(2, NULL, "s ap traffic", out), 1);
	ck_assert_int_eq(told, 1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("record_derive");
	TCase *t = tcase_create("record_derive");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_unchecked_fixture(t, setup, NULL);
	tcase_add_loop_test(t, prf_as_the_default_provider, 0, COUNT(prf_cases));
	tcase_add_test(t, prf_for_us);
	tcase_add_loop_test(t, as_the_default_provider, 0, COUNT(cases));
	tcase_add_test(t, expands_for_us);
	tcase_add_test(t, tells_traffic_secrets);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
