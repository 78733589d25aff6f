/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* What is said of chains that clients refuse, and that nothing is said of those that they take. */
#include "worker/tls/chain.h"

#include "common/log.h"
#include "tests/lib/certs.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The certificates by a letter each. */
static X509 *letters[128];

static void
make(void)
{
	EVP_PKEY *root = certs_key("EC P-256"), *inter = certs_key("EC P-256"),
		 *leaf = certs_key("EC P-256"), *other = certs_key("EC P-256");
	X509 *r = certs_make(&(struct cert_spec){ .cn = "Root", .ca = 1 }, root, NULL, NULL);
	X509 *i = certs_make(&(struct cert_spec){ .cn = "Inter", .ca = 1 }, inter, r, root);
	X509 *j = certs_make(&(struct cert_spec){ .cn = "Sub", .ca = 1 }, other, i, inter);
	struct cert_spec spec = { .cn = "a.example" };

	letters['R'] = r;
	letters['I'] = i;
	letters['E'] =
	    certs_make(&(struct cert_spec){ .cn = "Inter", .ca = 1, .from_day = -9, .to_day = -2 },
		inter, r, root);
	letters['F'] =
	    certs_make(&(struct cert_spec){ .cn = "Foreign", .ca = 1 }, other, NULL, NULL);
	letters['N'] =
	    certs_make(&(struct cert_spec){ .cn = "Inter", .ca = 1, .from_day = 2, .to_day = 9 },
		inter, r, root);
	/* Of the same name, but another key: another CA's, or the same one's from before. */
	letters['G'] = certs_make(&(struct cert_spec){ .cn = "Inter", .ca = 1 }, other, r, root);
	/* The CA's own key, issued once more by another: what bridges the time until it is known. */
	letters['X'] =
	    certs_make(&(struct cert_spec){ .cn = "Root", .ca = 1 }, root, letters['F'], other);
	letters['J'] = j;
	letters['K'] = certs_make(&spec, leaf, j, other);
	letters['L'] = certs_make(&spec, leaf, i, inter);
	letters['D'] = certs_make(&spec, leaf, r, root);
	letters['O'] = certs_make(&spec, leaf, NULL, NULL);
	spec.must_staple = 1;
	letters['S'] = certs_make(&spec, leaf, i, inter);
	EVP_PKEY_free(root);
	EVP_PKEY_free(inter);
	EVP_PKEY_free(leaf);
	EVP_PKEY_free(other);
}

/* clang-format off */
static const struct {
	const char *chain, *system; /* letters; system NULL: it has no CAs */
	const char *says[2];        /* in this order, a line each, in part */
} cases[] = {
	{ "LI", "R", { NULL } },
	{ "LI", NULL, { NULL } },
	{ "LIR", "F", { NULL } }, /* a site's own CA */
	{ "LIX", "R", { NULL } },
	{ "LIX", "F", { NULL } },
	{ "LIXR", "F", { NULL } },
	{ "KJI", "R", { NULL } },
	{ "LI", "F", { "<4>f:1: /c/x.pem: the issuer of certificate 2 in it, \"Root\", is neither in the file nor among the system's CAs, so clients may refuse the chain; write" } },
	{ "KJ", "R", { "<4>f:1: /c/x.pem: the issuer of certificate 2 in it, \"Inter\", is neither in the file" } },
	{ "LG", "R", { "certificate of its issuer, \"Inter\", is not in the file", "certificate 2 in it, \"Inter\", has issued none of the others" } },
	{ "LGI", "R", { "certificate 2 in it, \"Inter\", has issued none of the others" } },
	{ "LN", "R", { "<4>f:1: /c/x.pem: certificate 2 in it, \"Inter\", is valid only from 20" } },
	{ "LIR", "R", { NULL } },
	{ "D", "FR", { NULL } },
	{ "O", "R", { NULL } },
	{ "L", NULL, { NULL } },
	{ "L", "FR", { "<4>f:1: /c/x.pem: the certificate of its issuer, \"Inter\", is not in the file, so clients refuse it; write it behind" } },
	{ "D", "F", { "the certificate of its issuer, \"Root\", is not in the file" } },
	{ "LRI", "R", { "<4>f:1: /c/x.pem: certificate 2 in it, \"Root\", stands before the one that it has issued" } },
	{ "LIF", "R", { "<4>f:1: /c/x.pem: certificate 3 in it, \"Foreign\", has issued none of the others, so clients may refuse the chain; take it out" } },
	{ "LF", "R", { "certificate of its issuer, \"Inter\", is not in the file", "certificate 2 in it, \"Foreign\"" } },
	{ "LE", "R", { "<4>f:1: /c/x.pem: certificate 2 in it, \"Inter\", expired on 20" } },
	{ "LLI", "R", { "certificate 2 in it, \"a.example\", has issued none of the others" } },
	{ "SI", "R", { "<4>f:1: /c/x.pem: the certificate demands a stapled OCSP answer (must-staple)" } },
};
/* clang-format on */

static struct bundle *
bundle_of(const char *system)
{
	struct bundle_writer *w = bundle_new("test");
	struct bundle *b;
	int fd;

	if (system) {
		char *first = certs_pem(
		    letters[(int)system[0]], system[1] ? letters[(int)system[1]] : NULL, NULL);
		struct piece p = { .kind = PIECE_CA,
			.name = BUNDLE_SYSTEM_CA,
			.key_name = "",
			.data = first,
			.size = strlen(first) };

		ck_assert_int_eq(bundle_add(w, &p), 0);
		free(first);
	}
	fd = bundle_seal(w);
	bundle_writer_free(&w);
	b = bundle_open(fd);
	close(fd);
	ck_assert_ptr_nonnull(b);
	return b;
}

START_TEST(what_clients_refuse)
{
	struct bundle *b = bundle_of(cases[_i].system);
	STACK_OF(X509) *chain = sk_X509_new_null();
	struct tls_roots roots = { 0 };
	char said[4096], *at = said;
	size_t lines = 0;
	int log[2];
	ssize_t n;

	for (const char *c = cases[_i].chain; *c; c++)
		sk_X509_push(chain, letters[(int)*c]);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, log), 0);
	log_open(log[0], LOG_INFO, 0, 0);
	tls_chain_look("f:1", "/c/x.pem", chain, b, &roots);
	n = read(log[1], said, sizeof(said) - 1);
	said[n > 0 ? n : 0] = '\0';
	for (; lines < 2 && cases[_i].says[lines]; lines++) {
		char *found = strstr(at, cases[_i].says[lines]), *end = strchr(at, '\n');

		ck_assert_msg(found && found < end, "%s: %s", cases[_i].chain, said);
		at = end + 1;
	}
	ck_assert_msg(*at == '\0', "%s: %s", cases[_i].chain, said);
	tls_roots_free(&roots);
	sk_X509_free(chain);
	close(log[0]);
	close(log[1]);
	bundle_close(&b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker/tls/chain");
	TCase *t = tcase_create("tls_chain");
	SRunner *r = srunner_create(s);
	int failed;

	make();
	tcase_add_loop_test(t, what_clients_refuse, 0, (int)(sizeof(cases) / sizeof(cases[0])));
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
		X509_free(letters[i]);
	return failed != 0;
}
