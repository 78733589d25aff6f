/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Telling certificates from keys in a PEM text. */
#include "master/bundle/pem.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define CERT  "-----BEGIN CERTIFICATE-----\nQ0VSVA==\n-----END CERTIFICATE-----\n"
#define CERT2 "-----BEGIN CERTIFICATE-----\nQ0VSVDI=\n-----END CERTIFICATE-----\n"
#define KEY   "-----BEGIN PRIVATE KEY-----\nS0VZ\n-----END PRIVATE KEY-----\n"
#define EC    "-----BEGIN EC PRIVATE KEY-----\nRUM=\n-----END EC PRIVATE KEY-----\n"
#define PARAM "-----BEGIN EC PARAMETERS-----\nBggq\n-----END EC PARAMETERS-----\n"
#define CRL   "-----BEGIN X509 CRL-----\nQ1JM\n-----END X509 CRL-----\n"
#define ENC   "-----BEGIN ENCRYPTED PRIVATE KEY-----\nRQ==\n-----END ENCRYPTED PRIVATE KEY-----\n"
#define OLD_ENC \
	"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: x\n\nRQ==\n" \
	"-----END RSA PRIVATE KEY-----\n"

static const struct {
	const char *name, *text;
	struct pem_counts counts;
	const char *certs, *keys; /* what copying gives */
} texts[] = {
	{ "nothing", "", { 0 }, "", "" },
	{ "words", "Certificate:\n    Data:\n", { 0 }, "", "" },
	{ "chain and key", CERT CERT2 KEY, { .certs = 2, .keys = 1 }, CERT CERT2, KEY },
	{ "key first", KEY CERT, { .certs = 1, .keys = 1 }, CERT, KEY },
	{ "words between", "subject=x\n" CERT "issuer=y\n" KEY "z", { .certs = 1, .keys = 1 }, CERT,
	    KEY },
	{ "EC with parameters", PARAM EC CERT, { .certs = 1, .keys = 1 }, CERT, EC },
	{ "two keys", KEY EC, { .keys = 2 }, "", KEY EC },
	{ "encrypted", ENC CERT, { .certs = 1, .encrypted = 1 }, CERT, "" },
	{ "encrypted, the old way", OLD_ENC, { .encrypted = 1 }, "", "" },
	{ "a CRL is no certificate", CRL, { .crls = 1 }, "", "" },
	{ "no newline at the end", "-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----",
	    { .certs = 1 }, "-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----", "" },
	{ "DOS line ends", "-----BEGIN CERTIFICATE-----\r\nA\r\n-----END CERTIFICATE-----\r\n" KEY,
	    { .certs = 1, .keys = 1 },
	    "-----BEGIN CERTIFICATE-----\r\nA\r\n-----END CERTIFICATE-----\r\n", KEY },
	{ "no end", CERT "-----BEGIN PRIVATE KEY-----\nS0VZ\n", { .certs = 1, .broken = 1 }, CERT,
	    "" },
	{ "another end", "-----BEGIN PRIVATE KEY-----\nS0VZ\n-----END CERTIFICATE-----\n",
	    { .broken = 1 }, "", "" },
	{ "a key inside a certificate is not passed on as one",
	    "-----BEGIN CERTIFICATE-----\n" KEY "-----END CERTIFICATE-----\n", { .broken = 1 }, "",
	    "" },
	{ "a label over two lines",
	    "-----BEGIN PRIV\nATE KEY-----\nS\n-----END PRIV\nATE KEY-----\n", { .broken = 1 }, "",
	    "" },
	{ "only the beginning of a beginning", "-----BEGIN ", { .broken = 1 }, "", "" },
	{ "only the beginning of an end", "-----BEGIN X-----\n-----END X", { .broken = 1 }, "",
	    "" },
};

START_TEST(split)
{
	/* Exactly as large as the text: a byte too far is seen by a sanitizer. */
	size_t len = strlen(texts[_i].text), n;
	char *text = malloc(len + 1), *out = malloc(len + 1);
	struct pem_counts c;

	memcpy(text, texts[_i].text, len);
	pem_count(text, len, &c);
	ck_assert_msg(c.certs == texts[_i].counts.certs && c.keys == texts[_i].counts.keys &&
		c.encrypted == texts[_i].counts.encrypted && c.crls == texts[_i].counts.crls &&
		c.broken == texts[_i].counts.broken,
	    "%s", texts[_i].name);
	n = pem_copy(text, len, PEM_CERT, out);
	out[n] = '\0';
	ck_assert_str_eq(out, texts[_i].certs);
	n = pem_copy(text, len, PEM_KEY, out);
	out[n] = '\0';
	ck_assert_str_eq(out, texts[_i].keys);
	free(text);
	free(out);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("pem");
	TCase *t = tcase_create("pem");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(t, split, 0, (int)(sizeof(texts) / sizeof(texts[0])));
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
