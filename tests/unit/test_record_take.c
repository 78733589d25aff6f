/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * When a connection is taken over from its SSL object and when it is not; what both versions do
 * at its edges (alerts, renegotiation, fragment sizes, resumption); and that no secret stays.
 */
#include "common/stack.h"
#include "tests/lib/tls_pair.h"
#include "worker/record/start.h"
#include "worker/record/take.h"

#include <check.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* AddressSanitizer's own memory is as large as the address space, and not to be read. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static uint8_t plain[70000], got[1 << 20], wire[1 << 20];

static void
setup(void)
{
	ck_assert_int_eq(record_wipe_memory(), 0);
	ck_assert_ptr_null(record_init());
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)(i * 7 + (i >> 9));
}

static int
is_v12(int suite)
{
	return tls_suites[suite].version == TLS1_2_VERSION;
}

static void
carry(struct tls_pair *p, enum side from, size_t n)
{
	tls_pair_send(p, from, plain, n, 16384);
	ck_assert_int_eq(tls_pair_receive(p, !from, got, sizeof(got)), (int)n);
	ck_assert_mem_eq(got, plain, n);
}

/* ---- when not ---- */

START_TEST(before_the_handshake_is_done)
{
	const struct tls_suite *s = &tls_suites[_i];
	SSL_CTX *client = tls_ctx_for(CLIENT, s), *server = tls_ctx_for(SERVER, s);
	struct tls_pair p;
	struct record r;
	int done[2] = { 0, 0 };

	tls_pair_start(&p, client, server);
	for (int round = 0; round < 4 && !(done[0] && done[1]); round++)
		for (enum side side = CLIENT; side <= SERVER; side++) {
			if (!SSL_is_init_finished(p.ssl[side]))
				ck_assert_int_eq(record_take(p.ssl[side], &r), -1);
			done[side] = SSL_do_handshake(p.ssl[side]) == 1;
		}
	ck_assert(done[CLIENT] && done[SERVER]);
	ck_assert_int_eq(tls_pair_take(&p, SERVER), 0);
	SSL_CTX_free(client);
	SSL_CTX_free(server);
	tls_pair_close(&p);
}
END_TEST

/* Suites that are not ours. */
START_TEST(other_suites)
{
	static const struct tls_suite others[] = {
		{ "TLS_AES_128_CCM_SHA256", TLS1_3_VERSION },
		{ "TLS_AES_128_CCM_8_SHA256", TLS1_3_VERSION },
		{ "ECDHE-ECDSA-AES128-CCM", TLS1_2_VERSION },
		{ "ECDHE-ECDSA-AES256-CCM8", TLS1_2_VERSION },
		{ "ECDHE-ECDSA-AES128-SHA256", TLS1_2_VERSION },
		{ "ECDHE-ECDSA-AES256-SHA", TLS1_2_VERSION },
		{ "ECDHE-ECDSA-ARIA128-GCM-SHA256", TLS1_2_VERSION },
	};
	struct tls_pair p;

	tls_pair_open(&p, &others[_i]);
	ck_assert_int_eq(tls_pair_take(&p, SERVER), -1);
	ck_assert_int_eq(tls_pair_take(&p, CLIENT), -1);
	carry(&p, CLIENT, 100);
	carry(&p, SERVER, 100);
	tls_pair_close(&p);
}
END_TEST

/* With something read and not yet handed over, cut at every byte: no, and nothing is lost. */
START_TEST(something_pending)
{
	struct tls_pair p;
	struct record r;
	size_t n, len;

	for (size_t cut = 1;; cut++) {
		tls_pair_open(&p, &tls_suites[_i]);
		ck_assert_int_eq(tls_pair_take(&p, CLIENT), 0);
		tls_pair_send(&p, CLIENT, plain, 20, 20);
		n = tls_pair_grab(&p, SERVER, wire, sizeof(wire));
		if (cut >= n)
			break;
		tls_pair_inject(&p, SERVER, wire, cut);
		ck_assert_int_eq(SSL_read_ex(p.ssl[SERVER], got, 100, &len), 0);
		ck_assert_msg(record_take(p.ssl[SERVER], &r) == -1, "taken over at byte %zu", cut);
		tls_pair_inject(&p, SERVER, wire + cut, n - cut);
		/* half of what the record holds: the other half is in the object */
		ck_assert_int_eq(SSL_read_ex(p.ssl[SERVER], got, 10, &len), 1);
		ck_assert_int_eq(record_take(p.ssl[SERVER], &r), -1);
		ck_assert_int_eq(SSL_read_ex(p.ssl[SERVER], got + 10, 10, &len), 1);
		ck_assert_mem_eq(got, plain, 20);
		/* and now nothing is left, so it may */
		ck_assert_int_eq(tls_pair_take(&p, SERVER), 0);
		carry(&p, SERVER, 30);
		carry(&p, CLIENT, 30);
		tls_pair_close(&p);
	}
	tls_pair_close(&p);
}
END_TEST

/* After reads that found nothing, which is how an event loop leaves it. */
START_TEST(after_empty_reads)
{
	struct tls_pair p;

	tls_pair_open(&p, &tls_suites[_i]);
	for (enum side s = CLIENT; s <= SERVER; s++)
		for (int i = 0; i < 3; i++)
			ck_assert_int_eq(tls_pair_receive(&p, s, got, 100), 0);
	ck_assert_int_eq(tls_pair_take(&p, SERVER), 0);
	carry(&p, SERVER, 10);
	ck_assert_int_eq(tls_pair_receive(&p, CLIENT, got, 100), 0);
	ck_assert_int_eq(tls_pair_take(&p, CLIENT), 0);
	carry(&p, CLIENT, 100);
	carry(&p, SERVER, 100);
	tls_pair_close(&p);
}
END_TEST

START_TEST(odd_objects)
{
	const struct tls_suite *s = &tls_suites[_i];
	SSL_CTX *client = tls_ctx_for(CLIENT, s), *server = tls_ctx_for(SERVER, s);
	struct tls_pair p;
	struct record r;
	SSL *ssl;

	/* never watched */
	ssl = SSL_new(server);
	ck_assert_int_eq(record_take(ssl, &r), -1);
	SSL_free(ssl);

	/* read_ahead, at the time or before */
	tls_pair_open(&p, s);
	SSL_set_read_ahead(p.ssl[SERVER], 1);
	ck_assert_int_eq(tls_pair_take(&p, SERVER), -1);
	SSL_set_read_ahead(p.ssl[SERVER], 0);
	ck_assert_int_eq(tls_pair_take(&p, SERVER), 0);
	tls_pair_close(&p);

	/* a shutdown has begun */
	tls_pair_open(&p, s);
	SSL_shutdown(p.ssl[SERVER]);
	ck_assert_int_eq(tls_pair_take(&p, SERVER), -1);
	tls_pair_close(&p);

	/* another provider made the TLS 1.3 secrets: they did not pass */
	ck_assert_int_eq(EVP_set_default_properties(NULL, "provider=default"), 1);
	tls_pair_start(&p, client, server);
	ck_assert_int_eq(tls_pair_shake(&p), 0);
	ck_assert_int_eq(tls_pair_take(&p, SERVER), is_v12(_i) ? 0 : -1);
	tls_pair_close(&p);
	ck_assert_ptr_null(record_init());
	SSL_CTX_free(client);
	SSL_CTX_free(server);
}
END_TEST

/* Keys that have changed before the take-over cannot be followed. */
START_TEST(after_a_key_update)
{
	struct tls_pair p;

	for (int who = 0; who < 2; who++) {
		tls_pair_open(&p, &tls_suites[_i]);
		ck_assert_int_eq(SSL_key_update(p.ssl[who], SSL_KEY_UPDATE_NOT_REQUESTED), 1);
		carry(&p, (enum side)who, 10);
		ck_assert_int_eq(tls_pair_take(&p, SERVER), -1);
		ck_assert_int_eq(tls_pair_take(&p, CLIENT), -1);
		carry(&p, CLIENT, 10);
		tls_pair_close(&p);
	}
}
END_TEST

/* TLS 1.2: nor can a second handshake on the same connection. */
START_TEST(after_a_renegotiation)
{
	struct tls_pair p;

	tls_pair_open(&p, &tls_suites[3 + _i]);
	SSL_set_options(p.ssl[SERVER], SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
	ck_assert_int_eq(SSL_renegotiate(p.ssl[CLIENT]), 1);
	for (int i = 0; i < 4; i++) {
		SSL_do_handshake(p.ssl[CLIENT]);
		tls_pair_receive(&p, SERVER, got, 100);
		tls_pair_receive(&p, CLIENT, got, 100);
	}
	ck_assert_int_eq(SSL_num_renegotiations(p.ssl[CLIENT]), 1);
	ck_assert_int_eq(SSL_renegotiate_pending(p.ssl[CLIENT]), 0);
	ck_assert_int_eq(tls_pair_take(&p, SERVER), -1);
	ck_assert_int_eq(tls_pair_take(&p, CLIENT), -1);
	carry(&p, CLIENT, 10);
	carry(&p, SERVER, 10);
	tls_pair_close(&p);
}
END_TEST

/* A write that the socket did not take: what OpenSSL holds back must go first. */
START_TEST(half_written)
{
	struct tls_pair p;
	BIO *small, *other;
	size_t n;

	tls_pair_open(&p, &tls_suites[_i]);
	ck_assert_int_eq(BIO_new_bio_pair(&small, 100, &other, 100), 1);
	SSL_set0_wbio(p.ssl[SERVER], small);
	ck_assert_int_eq(SSL_write_ex(p.ssl[SERVER], plain, 5000, &n), 0);
	ck_assert_int_eq(tls_pair_take(&p, SERVER), -1);
	tls_pair_close(&p);
	BIO_free(other);
}
END_TEST

/* A library that one day negotiates record_size_limit (RFC 8449) keeps to it by itself. */
static int
add_limit(SSL *ssl, unsigned type, unsigned context, const unsigned char **out, size_t *n, X509 *x,
    size_t index, int *alert, void *arg)
{
	(void)ssl, (void)type, (void)context, (void)x, (void)index, (void)alert, (void)arg;
	*out = (const unsigned char *)"\x10\x01";
	*n = 2;
	return 1;
}

static int
parse_limit(SSL *ssl, unsigned type, unsigned context, const unsigned char *in, size_t n, X509 *x,
    size_t index, int *alert, void *arg)
{
	(void)ssl, (void)type, (void)context, (void)in, (void)x, (void)index, (void)alert,
	    (void)arg;
	return n == 2;
}

START_TEST(record_size_limit)
{
	const struct tls_suite *s = &tls_suites[_i];
	SSL_CTX *client = tls_ctx_for(CLIENT, s), *server = tls_ctx_for(SERVER, s);
	struct tls_pair p;

	for (int both = 0; both < 2; both++) {
		SSL_CTX *ctx = both ? server : client;

		ck_assert_int_eq(SSL_CTX_add_custom_ext(ctx, 28,
				     SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_2_SERVER_HELLO |
					 SSL_EXT_TLS1_3_ENCRYPTED_EXTENSIONS,
				     add_limit, NULL, NULL, parse_limit, NULL),
		    1);
		tls_pair_start(&p, client, server);
		ck_assert_int_eq(tls_pair_shake(&p), 0);
		/* offered and not answered, it means nothing */
		ck_assert_int_eq(tls_pair_take(&p, SERVER), both ? -1 : 0);
		ck_assert_int_eq(tls_pair_take(&p, CLIENT), both ? -1 : 0);
		carry(&p, CLIENT, 10);
		tls_pair_close(&p);
	}
	SSL_CTX_free(client);
	SSL_CTX_free(server);
}
END_TEST

/* Messages that nobody has checked yet, cut short at every byte. */
START_TEST(size_limit_seen)
{
	static const uint8_t hello[] = { 2, 0, 0, 0, 3, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
		13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 2,
		0, 28, 0x13, 1, 0, 0, 12, 0, 43, 0, 2, 3, 4, 0, 28, 0, 2, 64, 0 };
	static const uint8_t extensions[] = { 8, 0, 0, 0, 0, 11, 0, 16, 0, 1, 28, 0, 28, 0, 2, 64,
		0 };
	static const struct {
		const uint8_t *p;
		size_t n, enough;
	} messages[] = { { hello, sizeof(hello), sizeof(hello) - 2 },
		{ extensions, sizeof(extensions), sizeof(extensions) - 2 } };

	for (int m = 0; m < COUNT(messages); m++)
		for (size_t n = 0; n <= messages[m].n; n++) {
			uint8_t *exact = malloc(n ? n : 1);

			ck_assert_ptr_nonnull(exact);
			memcpy(exact, messages[m].p, n);
			ck_assert_int_eq(record_has_size_limit(exact, n), n >= messages[m].enough);
			free(exact);
		}
}
END_TEST

/*
 * A server's Finished that its socket does not take: the secret is made in a later step, with
 * other handshakes in between, and none of them may get it.
 */
START_TEST(finished_waits)
{
	const struct tls_suite *s = &tls_suites[_i / 2];
	SSL_CTX *client = tls_ctx_for(CLIENT, s), *server = tls_ctx_for(SERVER, s);
	struct tls_pair slow[2], p;
	BIO *small[2], *other[2];
	char some[100];
	int n, waits = 0;

	for (int i = 0; i < 2; i++) {
		tls_pair_start(&slow[i], client, server);
		ck_assert_int_eq(BIO_new_bio_pair(&small[i], sizeof(some), &other[i], 0), 1);
		SSL_set0_wbio(slow[i].ssl[SERVER], small[i]);
	}
	for (int round = 0; round < 30; round++)
		for (int i = 0; i < 2; i++) {
			SSL_do_handshake(slow[i].ssl[CLIENT]);
			SSL_do_handshake(slow[i].ssl[SERVER]);
			waits += SSL_want_write(slow[i].ssl[SERVER]);
			while ((n = BIO_read(other[i], some, sizeof(some))) > 0)
				BIO_write(slow[i].to[CLIENT], some, n);
			if (_i % 2 == 0)
				continue;
			tls_pair_start(&p, client, server);
			ck_assert_int_eq(tls_pair_shake(&p), 0);
			ck_assert_int_eq(tls_pair_take(&p, SERVER), 0);
			carry(&p, SERVER, 100);
			carry(&p, CLIENT, 100);
			tls_pair_close(&p);
		}
	ck_assert_int_gt(waits, 2);
	for (int i = 0; i < 2; i++) {
		ck_assert(SSL_is_init_finished(slow[i].ssl[SERVER]));
		BIO_up_ref(slow[i].to[CLIENT]);
		SSL_set0_wbio(slow[i].ssl[SERVER], slow[i].to[CLIENT]);
		/* taken over or not, it must be right */
		(void)tls_pair_take(&slow[i], SERVER);
		carry(&slow[i], SERVER, 100);
		carry(&slow[i], CLIENT, 100);
		tls_pair_close(&slow[i]);
		BIO_free(other[i]);
	}
	SSL_CTX_free(client);
	SSL_CTX_free(server);
}
END_TEST

/* ---- contexts that SNI selects ---- */

static int
on_name(SSL *ssl, int *alert, void *arg)
{
	(void)alert;
	SSL_set_SSL_CTX(ssl, arg);
	return SSL_TLSEXT_ERR_OK;
}

START_TEST(another_context)
{
	const struct tls_suite *s = &tls_suites[_i];
	SSL_CTX *client = tls_ctx_for(CLIENT, s), *first = tls_ctx_for(SERVER, s);
	SSL_CTX *second = tls_ctx_for(SERVER, s);
	struct tls_pair p;

	SSL_CTX_set_tlsext_servername_callback(first, on_name);
	SSL_CTX_set_tlsext_servername_arg(first, second);
	tls_pair_start(&p, client, first);
	ck_assert_int_eq(SSL_set_tlsext_host_name(p.ssl[CLIENT], "mail.example.org"), 1);
	ck_assert_int_eq(tls_pair_shake(&p), 0);
	ck_assert_int_eq(tls_pair_take(&p, SERVER), 0);
	carry(&p, CLIENT, 100);
	carry(&p, SERVER, 100);
	tls_pair_close(&p);
	SSL_CTX_free(client);
	SSL_CTX_free(first);
	SSL_CTX_free(second);
}
END_TEST

/* ---- handshakes of other shapes ---- */

static void
shake_taken(SSL_CTX *client, SSL_CTX *server, SSL_SESSION *session, int reused)
{
	struct tls_pair p;

	tls_pair_start(&p, client, server);
	if (session)
		ck_assert_int_eq(SSL_set_session(p.ssl[CLIENT], session), 1);
	ck_assert_int_eq(tls_pair_shake(&p), 0);
	ck_assert_int_eq(SSL_session_reused(p.ssl[SERVER]), reused);
	ck_assert_int_eq(tls_pair_take(&p, SERVER), 0);
	carry(&p, SERVER, 100);
	carry(&p, CLIENT, 100);
	ck_assert_int_eq(tls_pair_take(&p, CLIENT), 0);
	carry(&p, SERVER, 100);
	carry(&p, CLIENT, 100);
	tls_pair_close(&p);
}

static SSL_SESSION *kept;

static int
keep_session(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	SSL_SESSION_free(kept);
	kept = session;
	return 1;
}

/* A session made before the take-over resumes after it; so does the next connection's. */
START_TEST(resumption)
{
	const struct tls_suite *s = &tls_suites[_i];
	SSL_CTX *client = tls_ctx_for(CLIENT, s), *server = tls_ctx_for(SERVER, s);

	SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_CLIENT);
	SSL_CTX_sess_set_new_cb(client, keep_session);
	shake_taken(client, server, NULL, 0);
	for (int i = 0; i < 3; i++) {
		SSL_SESSION *session = kept;

		ck_assert_ptr_nonnull(session);
		ck_assert_int_eq(SSL_SESSION_is_resumable(session), 1);
		kept = NULL;
		if (is_v12(_i)) /* TLS 1.2 may resume it again, and gives no new one then */
			SSL_SESSION_up_ref(kept = session);
		shake_taken(client, server, session, 1);
		SSL_SESSION_free(session);
	}
	SSL_SESSION_free(kept);
	kept = NULL;
	SSL_CTX_free(client);
	SSL_CTX_free(server);
}
END_TEST

static int
accept_any(int ok, X509_STORE_CTX *ctx)
{
	(void)ok, (void)ctx;
	return 1;
}

/* More records in the handshake: client certificates, a second ClientHello, tiny fragments. */
START_TEST(other_handshakes)
{
	const struct tls_suite *s = &tls_suites[_i % TLS_SUITES];
	SSL_CTX *client = tls_ctx_for(CLIENT, s), *server = tls_ctx_for(SERVER, s);
	SSL_CTX *certified = tls_ctx_for(SERVER, s);

	switch (_i / TLS_SUITES) {
	case 0: /* a client certificate */
		SSL_CTX_set_verify(server, SSL_VERIFY_PEER, accept_any);
		SSL_CTX_use_certificate(client, SSL_CTX_get0_certificate(certified));
		SSL_CTX_use_PrivateKey(client, SSL_CTX_get0_privatekey(certified));
		break;
	case 1: /* HelloRetryRequest */
		SSL_CTX_set1_groups_list(client, "X25519:P-256");
		SSL_CTX_set1_groups_list(server, "P-256");
		break;
	case 2: /* a handshake in small records */
		SSL_CTX_set_max_send_fragment(server, 512);
		SSL_CTX_set_max_send_fragment(client, 512);
		break;
	case 3: /* no middlebox compatibility, no tickets */
		SSL_CTX_clear_options(client, SSL_OP_ENABLE_MIDDLEBOX_COMPAT);
		SSL_CTX_clear_options(server, SSL_OP_ENABLE_MIDDLEBOX_COMPAT);
		SSL_CTX_set_num_tickets(server, 0);
		SSL_CTX_set_options(server, SSL_OP_NO_TICKET);
		break;
	case 4: /* many tickets; smaller buffers */
		SSL_CTX_set_num_tickets(server, 7);
		SSL_CTX_set_mode(server, SSL_MODE_RELEASE_BUFFERS);
		SSL_CTX_set_mode(client, SSL_MODE_RELEASE_BUFFERS);
		break;
	default: /* without extended master secret */
		SSL_CTX_set_options(client, SSL_OP_NO_EXTENDED_MASTER_SECRET);
	}
	shake_taken(client, server, NULL, 0);
	SSL_CTX_free(client);
	SSL_CTX_free(server);
	SSL_CTX_free(certified);
}
END_TEST

/* ---- negotiated maximum fragments, RFC 6066 section 4 ---- */

START_TEST(maximum_fragment)
{
	const struct tls_suite *s = &tls_suites[_i];
	SSL_CTX *client = tls_ctx_for(CLIENT, s), *server = tls_ctx_for(SERVER, s);
	struct record_in in;
	struct record peer;
	struct tls_pair p;
	uint8_t inner[4097 + 1];

	for (uint8_t code = 1; code <= 4; code++) {
		size_t most = (size_t)256 << code, n, taken, largest = 0;

		SSL_CTX_set_tlsext_max_fragment_length(client, code);
		tls_pair_start(&p, client, server);
		ck_assert_int_eq(tls_pair_shake(&p), 0);
		ck_assert_int_eq(tls_pair_take(&p, SERVER), 0);
		carry(&p, SERVER, 60000);
		ck_assert_int_eq(tls_pair_take(&p, CLIENT), 0);
		carry(&p, CLIENT, 60000);
		/* whatever the caller wishes, no record is longer than agreed */
		n = (size_t)record_seal(
		    &p.rec[SERVER], plain, 20000, 16384, wire, sizeof(wire), &taken);
		ck_assert_uint_eq(taken, 20000);
		for (size_t at = 0; at < n; at += in.used) {
			ck_assert_int_eq(
			    record_open(&p.rec[CLIENT], wire + at, n - at, &in), RECORD_DATA);
			largest = in.len > largest ? in.len : largest;
		}
		ck_assert_uint_eq(largest, most);
		/* and one byte more from the peer is too much */
		record_mirror(&p.rec[SERVER], &peer);
		memset(inner, 23, sizeof(inner));
		for (size_t extra = 0; extra < 2; extra++) {
			n = record_forge(
			    &peer, 23, 0x0303, inner, most + extra + !is_v12(_i), wire);
			ck_assert_int_eq(record_open(&p.rec[SERVER], wire, n, &in),
			    extra ? RECORD_BROKEN : RECORD_DATA);
		}
		ck_assert_uint_eq(in.alert, 22);
		tls_pair_close(&p);
	}
	SSL_CTX_free(client);
	SSL_CTX_free(server);
}
END_TEST

/* ---- the end, as OpenSSL sees it ---- */

START_TEST(closing)
{
	uint8_t small[RECORD_SMALL];
	struct tls_pair p;
	size_t n;

	for (enum side ours = CLIENT; ours <= SERVER; ours++) {
		tls_pair_open(&p, &tls_suites[_i]);
		carry(&p, SERVER, 10);
		ck_assert_int_eq(tls_pair_take(&p, ours), 0);
		/* we close first: the other direction stays open */
		n = record_alert(&p.rec[ours], 0, small);
		tls_pair_inject(&p, !ours, small, n);
		ck_assert_int_eq(tls_pair_receive(&p, !ours, got, 100), -1);
		carry(&p, !ours, 100);
		ck_assert_int_eq(SSL_shutdown(p.ssl[!ours]), 1);
		ck_assert_int_eq(tls_pair_receive(&p, ours, got, 100), -1);
		tls_pair_close(&p);

		/* an alert of ours arrives as what it is */
		tls_pair_open(&p, &tls_suites[_i]);
		carry(&p, SERVER, 10);
		ck_assert_int_eq(tls_pair_take(&p, ours), 0);
		n = record_alert(&p.rec[ours], 20, small);
		tls_pair_inject(&p, !ours, small, n);
		ck_assert_int_eq(tls_pair_receive(&p, !ours, got, 100), -2);
		ck_assert_int_eq(ERR_GET_REASON(ERR_get_error()), SSL_R_SSLV3_ALERT_BAD_RECORD_MAC);
		tls_pair_close(&p);
	}
}
END_TEST

/* TLS 1.2: OpenSSL asks for a new handshake and is refused; the connection lives on. */
START_TEST(renegotiation)
{
	uint8_t small[RECORD_SMALL];
	struct tls_pair p;
	size_t taken;
	ssize_t n;

	for (enum side ours = CLIENT; ours <= SERVER; ours++) {
		tls_pair_open(&p, &tls_suites[3 + _i]);
		ck_assert_int_eq(tls_pair_take(&p, ours), 0);
		ck_assert_int_eq(SSL_renegotiate(p.ssl[!ours]), 1);
		SSL_do_handshake(p.ssl[!ours]);
		ck_assert_int_eq(tls_pair_receive(&p, ours, got, 100), 0);
		ck_assert_int_eq(record_pending(&p.rec[ours]), 1);
		n = record_seal(&p.rec[ours], NULL, 0, 0, small, sizeof(small), &taken);
		ck_assert_int_gt(n, 0);
		ck_assert_int_eq(record_pending(&p.rec[ours]), 0);
		tls_pair_inject(&p, !ours, small, (size_t)n);
		/* a client gives up at this; a server goes on as it was */
		if (ours == SERVER) {
			ck_assert_int_eq(tls_pair_receive(&p, CLIENT, got, 100), -2);
			ck_assert_int_eq(ERR_GET_REASON(ERR_get_error()), SSL_R_NO_RENEGOTIATION);
		}
		tls_pair_close(&p);
	}
}
END_TEST

/* ---- secrets ---- */

/* Where in this process's writable memory the bytes stand; the pattern is given inverted. */
static int
find_in_memory(const uint8_t *inverted, size_t n, const char *what)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512], perms[8];
	uintptr_t from, to;
	int found = 0;

	ck_assert_ptr_nonnull(maps);
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %7s", &from, &to, perms) != 3 || perms[1] != 'w' ||
		    strstr(line, "[v"))
			continue;
		for (const uint8_t *p = (const uint8_t *)from; p + n <= (const uint8_t *)to; p++) {
			size_t i = 0;

			while (i < n && (p[i] ^ inverted[i]) == 0xff)
				i++;
			if (i == n) {
				fprintf(stderr, "%s at %p of %s", what, (const void *)p, line);
				found++;
			}
		}
	}
	fclose(maps);
	return found;
}

static void
invert(const uint8_t *in, uint8_t *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)~in[i];
}

/* As the worker at the end of a pass. */
static void
end_of_pass(void)
{
	stack_secret();
	stack_clean();
}

/* Once a connection is over, none of its keys is anywhere in the process. */
START_TEST(no_secret_stays)
{
	/* all of this in static memory, which is searched as well, hence inverted */
	static uint8_t secret[2][48], key[2][32], iv[2][12], master[48];
	static struct tls_pair p;
	const struct tls_suite *s = &tls_suites[_i];
	size_t key_size = _i % 3 == 0 ? 16 : 32, found = 0;

	tls_pair_open(&p, s);
	if (is_v12(_i)) {
		static uint8_t now[48];

		SSL_SESSION_get_master_key(SSL_get_session(p.ssl[SERVER]), now, 48);
		invert(now, master, 48);
		OPENSSL_cleanse(now, 48);
	}
	/* first what derives secrets of the other side: afterwards ours are the last */
	carry(&p, SERVER, 10);
	ck_assert_int_eq(tls_pair_take(&p, SERVER), 0);
	carry(&p, CLIENT, 3000);
	carry(&p, SERVER, 3000);
	for (int w = 0; w < 2; w++) {
		invert(record_keys(&p.rec[SERVER], w).secret, secret[w], 48);
		invert(record_keys(&p.rec[SERVER], w).key, key[w], 32);
		invert(record_keys(&p.rec[SERVER], w).iv, iv[w], 12);
	}
	ck_assert_int_ge(find_in_memory(key[0], key_size, "(as it must be) key"), 1);
	/* the other side is OpenSSL's: its free must leave nothing either */
	tls_pair_close(&p);
	end_of_pass();
	for (int w = 0; w < 2; w++) {
		found += (size_t)find_in_memory(key[w], key_size, "key");
		if (is_v12(_i))
			continue;
		found += (size_t)find_in_memory(secret[w], key_size == 16 ? 32 : 32, "secret");
		found += (size_t)find_in_memory(iv[w], 12, "iv");
	}
	if (is_v12(_i))
		found += (size_t)find_in_memory(master, 48, "master secret");
	ck_assert_uint_eq(found, 0);
}
END_TEST

#define DEEP  (4 * STACK_DEPTH)
#define PAINT 0xa5

static void __attribute__((noinline)) paint_stack(void)
{
	uint8_t below[DEEP];

	memset(below, PAINT, sizeof(below));
	__asm__ volatile("" : : "r"(below) : "memory"); /* somebody reads it */
}

/* How far down the paint is gone, counted from whoever calls this. */
static size_t __attribute__((noinline)) stack_used(void)
{
	const volatile uint8_t *here = __builtin_frame_address(0), *p = here - DEEP + 1024;

	while (p < here && *p == PAINT)
		p++;
	return (size_t)(here - p);
}

/* What is overwritten is twice as much as the longest way down that secrets take. */
START_TEST(as_deep_as_needed)
{
	const struct tls_suite *s = &tls_suites[_i];
	SSL_CTX *client = tls_ctx_for(CLIENT, s), *server = tls_ctx_for(SERVER, s);
	struct tls_pair p;
	size_t used;

	SSL_CTX_set_verify(server, SSL_VERIFY_PEER, accept_any);
	SSL_CTX_use_certificate(client, SSL_CTX_get0_certificate(server));
	SSL_CTX_use_PrivateKey(client, SSL_CTX_get0_privatekey(server));
	paint_stack();
	ck_assert_uint_lt(stack_used(), 1024);
	tls_pair_start(&p, client, server);
	ck_assert_int_eq(tls_pair_shake(&p), 0);
	ck_assert_int_eq(tls_pair_take(&p, SERVER), 0);
	carry(&p, CLIENT, 3000);
	carry(&p, SERVER, 3000);
	tls_pair_close(&p);
	used = stack_used();
	ck_assert_uint_gt(used, 1024);
	ck_assert_msg(used < STACK_DEPTH / 2, "the stack was used %zu bytes deep", used);
	SSL_CTX_free(client);
	SSL_CTX_free(server);
}
END_TEST

/* When the self-test cannot pass, nothing is taken over. */
START_TEST(without_algorithms)
{
	struct tls_pair p;

	tls_pair_open(&p, &tls_suites[0]);
	ck_assert_int_eq(EVP_set_default_properties(NULL, "provider=none"), 1);
	ck_assert_ptr_nonnull(record_init());
	ck_assert_int_eq(EVP_set_default_properties(NULL, ""), 1);
	ck_assert_int_eq(tls_pair_take(&p, SERVER), -1);
	ck_assert_ptr_null(record_init());
	ck_assert_int_eq(tls_pair_take(&p, SERVER), 0);
	tls_pair_close(&p);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("record_take");
	TCase *t = tcase_create("record_take");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, 120);
	tcase_add_unchecked_fixture(t, setup, NULL);
	tcase_add_loop_test(t, before_the_handshake_is_done, 0, TLS_SUITES);
	tcase_add_loop_test(t, other_suites, 0, 7);
	tcase_add_loop_test(t, something_pending, 0, TLS_SUITES);
	tcase_add_loop_test(t, after_empty_reads, 0, TLS_SUITES);
	tcase_add_loop_test(t, odd_objects, 0, TLS_SUITES);
	tcase_add_loop_test(t, after_a_key_update, 0, 3);
	tcase_add_loop_test(t, after_a_renegotiation, 0, 3);
	tcase_add_loop_test(t, finished_waits, 0, 2 * TLS_SUITES);
	tcase_add_loop_test(t, half_written, 0, TLS_SUITES);
	tcase_add_loop_test(t, record_size_limit, 0, TLS_SUITES);
	tcase_add_test(t, size_limit_seen);
	tcase_add_loop_test(t, another_context, 0, TLS_SUITES);
	tcase_add_loop_test(t, resumption, 0, TLS_SUITES);
	tcase_add_loop_test(t, other_handshakes, 0, 6 * TLS_SUITES);
	tcase_add_loop_test(t, maximum_fragment, 0, TLS_SUITES);
	tcase_add_loop_test(t, closing, 0, TLS_SUITES);
	tcase_add_loop_test(t, renegotiation, 0, 3);
	if (!SANITIZED) {
		tcase_add_loop_test(t, no_secret_stays, 0, TLS_SUITES);
		tcase_add_loop_test(t, as_deep_as_needed, 0, TLS_SUITES);
	}
	tcase_add_test(t, without_algorithms);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
