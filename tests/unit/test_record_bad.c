/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Records that are not as they should be, or are not data: what worker/record makes of each, and
 * that OpenSSL's own record layer says the same to the peer.
 */
#include "tests/lib/tls_pair.h"
#include "worker/record/start.h"

#include <check.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static uint8_t wire[1 << 20], content[1 << 20], got[1 << 20];

static void
setup(void)
{
	ck_assert_ptr_null(record_init());
}

enum { V12 = 1, V13 = 2, BOTH = 3 };
enum { TO_CLIENT = 1 << CLIENT, TO_SERVER = 1 << SERVER, TO_ANY = 3 };
enum { SAME = -1, NONE = -2 };

/*
 * A record: content type and bytes, then so many zeros; TLS 1.3 puts type and zeros behind the
 * bytes (a type of 0 is left out), TLS 1.2 the zeros only.  What comes of it: a result, for ALERTED
 * and BROKEN an alert; and the alert that OpenSSL answers with where it is another one.
 */
static const struct bad {
	const char *name;
	int version, to;
	uint8_t type;
	const char *hex;
	size_t zeros;
	enum record_result result;
	int alert, openssl;
} bads[] = {
	/* clang-format off */
	{ "data", BOTH, TO_ANY, 23, "6869", 0, RECORD_DATA, 0, SAME },
	{ "data with padding", V13, TO_ANY, 23, "6869", 100, RECORD_DATA, 0, SAME },
	{ "data of zeros", V13, TO_ANY, 23, "000000", 0, RECORD_DATA, 0, SAME },
	{ "no data", BOTH, TO_ANY, 23, "", 0, RECORD_HANDLED, 0, SAME },
	{ "padding for no data", V13, TO_ANY, 23, "", 1000, RECORD_HANDLED, 0, SAME },
	{ "most data", BOTH, TO_ANY, 23, "68", 16383, RECORD_DATA, 0, SAME },
	{ "one byte too many", V12, TO_ANY, 23, "6868", 16383, RECORD_BROKEN, 22, SAME },
	{ "one zero too many", V13, TO_ANY, 23, "6868", 16383, RECORD_BROKEN, 22, NONE },
	{ "255 zeros too many", V13, TO_ANY, 23, "6868", 16383 + 237, RECORD_BROKEN, 22, NONE },
	{ "nothing", V13, TO_ANY, 0, "", 0, RECORD_BROKEN, 10, 20 },
	{ "only padding", V13, TO_ANY, 0, "", 50, RECORD_BROKEN, 10, SAME },
	{ "type 24", V13, TO_ANY, 24, "6869", 0, RECORD_BROKEN, 10, SAME },
	{ "type 255", V13, TO_ANY, 255, "6869", 0, RECORD_BROKEN, 10, SAME },
	{ "type 1", V13, TO_ANY, 1, "6869", 0, RECORD_BROKEN, 10, SAME },
	{ "heartbeat", V12, TO_ANY, 24, "010001", 0, RECORD_BROKEN, 10, SAME },
	{ "type 25", V12, TO_ANY, 25, "6869", 0, RECORD_BROKEN, 10, SAME },
	{ "change of cipher", BOTH, TO_ANY, 20, "01", 0, RECORD_BROKEN, 10, SAME },
	{ "empty handshake", V13, TO_ANY, 22, "", 0, RECORD_BROKEN, 10, SAME },
	{ "empty handshake", V12, TO_ANY, 22, "", 0, RECORD_BROKEN, 10, NONE },
	{ "empty alert", BOTH, TO_ANY, 21, "", 0, RECORD_BROKEN, 10, SAME },
	{ "half an alert", BOTH, TO_ANY, 21, "02", 0, RECORD_BROKEN, 50, 10 },
	{ "one and a half alerts", BOTH, TO_ANY, 21, "015a01", 0, RECORD_BROKEN, 50, 10 },
	{ "two alerts", BOTH, TO_ANY, 21, "015a0100", 0, RECORD_BROKEN, 50, 10 },
	{ "close_notify", BOTH, TO_ANY, 21, "0100", 0, RECORD_CLOSED, 0, SAME },
	{ "close_notify, called fatal", V13, TO_ANY, 21, "0200", 0, RECORD_CLOSED, 0, SAME },
	{ "fatal alert", BOTH, TO_ANY, 21, "0228", 0, RECORD_ALERTED, 40, NONE },
	{ "fatal alert, called a warning", V13, TO_ANY, 21, "0128", 0, RECORD_ALERTED, 40, NONE },
	{ "warning", V12, TO_ANY, 21, "0170", 0, RECORD_HANDLED, 0, SAME },
	{ "alert of level 3", V12, TO_ANY, 21, "035a", 0, RECORD_BROKEN, 47, SAME },
	{ "user_canceled", BOTH, TO_ANY, 21, "015a", 0, RECORD_HANDLED, 0, SAME },
	{ "KeyUpdate", V13, TO_ANY, 22, "1800000100", 0, RECORD_HANDLED, 0, SAME },
	{ "KeyUpdate, padded", V13, TO_ANY, 22, "1800000100", 9, RECORD_HANDLED, 0, SAME },
	{ "KeyUpdate that asks", V13, TO_ANY, 22, "1800000101", 0, RECORD_HANDLED, 0, SAME },
	{ "KeyUpdate of value 2", V13, TO_ANY, 22, "1800000102", 0, RECORD_BROKEN, 47, SAME },
	{ "KeyUpdate of 0 bytes", V13, TO_ANY, 22, "18000000", 0, RECORD_BROKEN, 50, SAME },
	{ "KeyUpdate of 2 bytes", V13, TO_ANY, 22, "180000020000", 0, RECORD_BROKEN, 50, 47 },
	{ "KeyUpdate of 16 MiB", V13, TO_ANY, 22, "18ffffff00", 0, RECORD_BROKEN, 50, 47 },
	{ "two KeyUpdates", V13, TO_ANY, 22, "18000001001800000100", 0, RECORD_BROKEN, 10, SAME },
	{ "KeyUpdate and a byte", V13, TO_ANY, 22, "180000010018", 0, RECORD_BROKEN, 10, SAME },
	{ "KeyUpdate", V12, TO_ANY, 22, "1800000100", 0, RECORD_BROKEN, 10, SAME },
	{ "ticket", V13, TO_SERVER, 22, "04000001ff", 0, RECORD_BROKEN, 10, SAME },
	{ "ClientHello", V13, TO_ANY, 22, "0100000100", 0, RECORD_BROKEN, 10, SAME },
	{ "CertificateRequest", V13, TO_CLIENT, 22, "0d00000100", 0, RECORD_BROKEN, 10, SAME },
	{ "Certificate", V13, TO_ANY, 22, "0b00000100", 0, RECORD_BROKEN, 10, SAME },
	{ "Finished", BOTH, TO_ANY, 22, "1400000100", 0, RECORD_BROKEN, 10, SAME },
	{ "message of type 99", BOTH, TO_ANY, 22, "6300000100", 0, RECORD_BROKEN, 10, SAME },
	{ "HelloRequest", V13, TO_ANY, 22, "00000000", 0, RECORD_BROKEN, 10, SAME },
	{ "HelloRequest", V12, TO_CLIENT, 22, "00000000", 0, RECORD_HANDLED, 0, 100 },
	{ "HelloRequest with a byte", V12, TO_CLIENT, 22, "0000000100", 0, RECORD_BROKEN, 50, 47 },
	{ "HelloRequest", V12, TO_SERVER, 22, "00000000", 0, RECORD_BROKEN, 10, SAME },
	{ "ClientHello", V12, TO_SERVER, 22, "0100000100", 0, RECORD_HANDLED, 0, 100 },
	{ "ClientHello too long", V12, TO_SERVER, 22, "0101000100", 0, RECORD_BROKEN, 47, NONE },
	{ "ClientHello", V12, TO_CLIENT, 22, "0100000100", 0, RECORD_BROKEN, 10, SAME },
	{ "ServerHello", V12, TO_ANY, 22, "0200000100", 0, RECORD_BROKEN, 10, SAME },
	{ "ticket", V12, TO_ANY, 22, "0400000100", 0, RECORD_BROKEN, 10, SAME },
	/* clang-format on */
};

static size_t
make(const struct bad *b, struct record *peer)
{
	size_t n = 0;
	unsigned byte;

	for (; sscanf(b->hex + 2 * n, "%2x", &byte) == 1; n++)
		content[n] = (uint8_t)byte;
	if (!peer->v12 && b->type)
		content[n++] = b->type;
	memset(content + n, 0, b->zeros);
	n += b->zeros;
	return record_forge(peer, peer->v12 ? b->type : 23, 0x0303, content, n, wire);
}

static int
applies(const struct bad *b, const struct tls_suite *s, enum side to)
{
	return b->version & (s->version == TLS1_2_VERSION ? V12 : V13) && b->to & 1 << to;
}

/* A connection of which `to` is the victim; the other side was taken over, to forge for it. */
static void
open_victim(struct tls_pair *p, const struct tls_suite *s, enum side to)
{
	tls_pair_open(p, s);
	if (p->ssl[CLIENT] && s->version == TLS1_3_VERSION) {
		tls_pair_send(p, SERVER, content, 1, 1); /* the tickets come first */
		ck_assert_int_eq(tls_pair_receive(p, CLIENT, got, 1), 1);
	}
	SSL_set_options(p->ssl[to], SSL_OP_NO_RENEGOTIATION);
	ck_assert_int_eq(tls_pair_take(p, !to), 0);
}

/* What OpenSSL answers in the victim's place: an alert, or NONE. */
static int
ask_openssl(struct tls_pair *p, enum side to, size_t n)
{
	struct record_in in;

	tls_pair_inject(p, to, wire, n);
	tls_pair_receive(p, to, got, sizeof(got));
	n = tls_pair_grab(p, !to, wire, sizeof(wire));
	for (size_t at = 0; at < n; at += in.used) {
		/* its warnings come as they are, not as we would take them */
		if (p->rec[!to].v12 && wire[at] == 21) {
			size_t len;
			uint8_t *alert = record_crypt_open(&p->rec[!to], wire + at, &len);

			ck_assert(alert && len == 2);
			return alert[1];
		}
		switch (record_open(&p->rec[!to], wire + at, n - at, &in)) {
		case RECORD_ALERTED:
			return in.alert;
		case RECORD_HANDLED:
			break;
		default:
			ck_abort_msg("OpenSSL answers with something else");
		}
	}
	return NONE;
}

START_TEST(each)
{
	const struct bad *b = &bads[_i];
	struct tls_pair p;
	struct record_in in;
	size_t n;
	int said,
	    want = b->openssl != SAME  ? b->openssl :
	    b->result == RECORD_BROKEN ? b->alert :
					 NONE;

	for (int s = 0; s < TLS_SUITES; s++)
		for (enum side to = CLIENT; to <= SERVER; to++) {
			if (!applies(b, &tls_suites[s], to))
				continue;
			open_victim(&p, &tls_suites[s], to);
			ck_assert_int_eq(tls_pair_take(&p, to), 0);
			n = make(b, &p.rec[!to]);
			ck_assert_msg(record_open(&p.rec[to], wire, n, &in) == b->result &&
				in.alert == b->alert && in.used == n,
			    "%s to %d, %s: alert %u", b->name, to, tls_suites[s].name, in.alert);
			tls_pair_close(&p);

			open_victim(&p, &tls_suites[s], to);
			n = make(b, &p.rec[!to]);
			said = ask_openssl(&p, to, n);
			ck_assert_msg(said == want, "%s to %d, %s: OpenSSL says %d", b->name, to,
			    tls_suites[s].name, said);
			tls_pair_close(&p);
		}
}
END_TEST

/* ---- ours against ours, any suite ---- */

static void
open_ours(struct tls_pair *p, int suite)
{
	open_victim(p, &tls_suites[suite], SERVER);
	ck_assert_int_eq(tls_pair_take(p, SERVER), 0);
}

/* One bit wrong anywhere: the header says its own, everything else is bad_record_mac. */
START_TEST(each_bit)
{
	struct record before;
	struct record_in in;
	struct tls_pair p;
	size_t n;

	open_ours(&p, _i);
	before = p.rec[SERVER];
	tls_pair_send(
	    &p, CLIENT, (const uint8_t *)"forty bytes that say nothing to anybody", 40, 40);
	n = tls_pair_grab(&p, SERVER, wire, sizeof(wire));
	for (size_t bit = 0; bit < 8 * n; bit++) {
		enum record_result result;
		int v12 = before.v12, alert = 20;

		p.rec[SERVER] = before;
		memcpy(got, wire, n);
		got[bit / 8] ^= (uint8_t)(1 << bit % 8);
		memset(got + n, 0, 1 << 15);
		result = record_open(&p.rec[SERVER], got, n + (1 << 15), &in);
		ck_assert_int_eq(result, RECORD_BROKEN);
		if (bit < 8) /* TLS 1.2: three other types are types too */
			alert = v12 && got[0] >= 21 && got[0] <= 23 ? 20 : 10;
		else if (bit < 24) /* 3.3, of which the 3 is in the first byte */
			alert = v12 || bit < 16 ? 70 : 50;
		else if (bit < 40 && (got[3] << 8 | got[4]) > 16640)
			alert = 22;
		ck_assert_msg(in.alert == alert, "bit %zu: alert %u", bit, in.alert);
		/* no plaintext of a forged record stays behind */
		if (bit >= 40)
			for (size_t i = 13; i < n - 16; i++)
				ck_assert_uint_eq(got[i], 0);
	}
	tls_pair_close(&p);
}
END_TEST

/* Lengths that are too short for what they hold; too long ones are known by five bytes. */
START_TEST(each_length)
{
	struct record before;
	struct record_in in;
	struct tls_pair p;

	open_ours(&p, _i);
	before = p.rec[SERVER];
	for (size_t body = 0; body <= 0xffff; body += body < 64 || body > 16500 ? 1 : 97) {
		const uint8_t head[5] = { 23, 3, 3, (uint8_t)(body >> 8), (uint8_t)body };

		p.rec[SERVER] = before;
		memcpy(wire, head, 5);
		if (body > 16640) {
			ck_assert_int_eq(record_open(&p.rec[SERVER], wire, 5, &in), RECORD_BROKEN);
			ck_assert_uint_eq(in.alert, 22);
			continue;
		}
		if (body)
			ck_assert_int_eq(record_open(&p.rec[SERVER], wire, 5, &in), RECORD_MORE);
		memset(wire + 5, 0x55, body);
		ck_assert_int_eq(record_open(&p.rec[SERVER], wire, 5 + body, &in), RECORD_BROKEN);
		ck_assert_uint_eq(in.alert, 20);
	}
	tls_pair_close(&p);
}
END_TEST

START_TEST(out_of_order)
{
	static const uint8_t hi[2] = { 'h', 'i' };
	struct record before;
	struct record_in in;
	struct tls_pair p;
	size_t one, two;

	open_ours(&p, _i);
	tls_pair_send(&p, CLIENT, hi, 2, 1);
	two = tls_pair_grab(&p, SERVER, wire, sizeof(wire));
	one = two / 2;
	before = p.rec[SERVER];
	/* the second first */
	memcpy(got, wire, two);
	ck_assert_int_eq(record_open(&p.rec[SERVER], got + one, one, &in), RECORD_BROKEN);
	ck_assert_uint_eq(in.alert, 20);
	/* the first twice */
	p.rec[SERVER] = before;
	memcpy(got, wire, two);
	ck_assert_int_eq(record_open(&p.rec[SERVER], got, one, &in), RECORD_DATA);
	memcpy(got, wire, two);
	ck_assert_int_eq(record_open(&p.rec[SERVER], got, one, &in), RECORD_BROKEN);
	ck_assert_uint_eq(in.alert, 20);
	/* back to where it came from */
	memcpy(got, wire, two);
	ck_assert_int_eq(record_open(&p.rec[CLIENT], got, one, &in), RECORD_BROKEN);
	ck_assert_uint_eq(in.alert, 20);
	tls_pair_close(&p);
}
END_TEST

/* A header of another version, which nothing protects before TLS 1.2 looks at it. */
START_TEST(other_versions)
{
	static const uint16_t versions[] = { 0x0300, 0x0301, 0x0302, 0x0304, 0x0203, 0x0403 };
	const struct tls_suite *s = &tls_suites[_i];

	for (int v = 0; v < COUNT(versions); v++)
		for (enum side to = CLIENT; to <= SERVER; to++) {
			int v12 = s->version == TLS1_2_VERSION, theirs;
			int major = versions[v] >> 8, ours = v12 || major != 3 ? 70 : 50;
			struct record_in in;
			struct tls_pair p;
			size_t n;

			memcpy(content, "x\x17", 2);
			open_victim(&p, s, to);
			n = record_forge(&p.rec[!to], 23, versions[v], content, 1 + !v12, wire);
			theirs = ask_openssl(&p, to, n);
			tls_pair_close(&p);
			open_victim(&p, s, to);
			n = record_forge(&p.rec[!to], 23, versions[v], content, 1 + !v12, wire);
			ck_assert_int_eq(tls_pair_take(&p, to), 0);
			ck_assert_int_eq(record_open(&p.rec[to], wire, n, &in), RECORD_BROKEN);
			ck_assert_uint_eq(in.alert, ours);
			/* of a wrong major version OpenSSL 3.0 says 70 in TLS 1.3, and 3.5 says 50 */
			ck_assert_msg(theirs == ours || (!v12 && major != 3 && theirs == 50),
			    "%x: %d", versions[v], theirs);
			tls_pair_close(&p);
		}
}
END_TEST

/* The end is the end: whatever comes after, the answer is the same and nothing is decrypted. */
START_TEST(for_ever)
{
	static const struct {
		uint8_t type, alert[2];
		enum record_result result;
	} ends[] = { { 21, { 1, 0 }, RECORD_CLOSED }, { 21, { 2, 42 }, RECORD_ALERTED },
		{ 22, { 9, 9 }, RECORD_HANDLED } };
	struct record_in in;
	struct tls_pair p;
	size_t n;

	for (int e = 0; e < COUNT(ends); e++) {
		struct record *peer = &p.rec[CLIENT];

		open_ours(&p, _i);
		memcpy(content, ends[e].alert, 2);
		content[2] = ends[e].type;
		n = record_forge(
		    peer, peer->v12 ? ends[e].type : 23, 0x0303, content, peer->v12 ? 2 : 3, wire);
		ck_assert_int_eq(record_open(&p.rec[SERVER], wire, n, &in), ends[e].result);
		if (ends[e].result == RECORD_HANDLED) { /* half a message, and data in between */
			content[0] = 'x';
			content[1] = 23;
			n = record_forge(peer, 23, 0x0303, content, peer->v12 ? 1 : 2, wire);
			ck_assert_int_eq(record_open(&p.rec[SERVER], wire, n, &in), RECORD_BROKEN);
			ck_assert_uint_eq(in.alert, 10);
		}
		content[0] = 'x';
		content[1] = 23;
		n = record_forge(peer, 23, 0x0303, content, peer->v12 ? 1 : 2, wire);
		memcpy(got, wire, n);
		for (size_t len = 0; len <= n; len++) {
			enum record_result again = record_open(&p.rec[SERVER], wire, len, &in);

			ck_assert_int_eq(again,
			    ends[e].result == RECORD_HANDLED ? RECORD_BROKEN : ends[e].result);
			ck_assert_uint_eq(in.used, len);
			ck_assert_uint_eq(in.alert, e == 0 ? 0 : e == 1 ? 42 : 10);
			ck_assert_mem_eq(wire, got, n);
		}
		/* our own direction is still open, but RFC 8446 section 6.2: not after a fatal alert */
		n = record_alert(&p.rec[SERVER], 0, wire);
		ck_assert_int_eq(n > 0, ends[e].result != RECORD_ALERTED);
		ck_assert_uint_eq(record_alert(&p.rec[SERVER], 0, wire), 0);
		ck_assert_int_eq(record_seal(&p.rec[SERVER], content, 1, 0, wire, 99, &n), -1);
		ck_assert_uint_eq(record_keyupdate(&p.rec[SERVER], 0, wire), 0);
		tls_pair_close(&p);
	}
}
END_TEST

/* ---- handshake messages in pieces ---- */

/* Send content as handshake bytes in records of this size; the last result. */
static enum record_result
send_message(struct tls_pair *p, enum side to, size_t n, size_t piece, struct record_in *in)
{
	struct record *peer = &p->rec[!to];
	enum record_result result = RECORD_HANDLED;
	uint8_t inner[16385];

	for (size_t at = 0, len; at < n && result == RECORD_HANDLED; at += len) {
		len = n - at < piece ? n - at : piece;
		memcpy(inner, content + at, len);
		inner[len] = 22;
		size_t size =
		    record_forge(peer, peer->v12 ? 22 : 23, 0x0303, inner, len + !peer->v12, wire);
		record_pass(&p->rec[to]);
		result = record_open(&p->rec[to], wire, size, in);
	}
	return result;
}

/* Tickets (TLS 1.3) or ClientHellos (1.2) of up to 64 KiB, cut anywhere; then data again. */
START_TEST(long_messages)
{
	static const size_t sizes[] = { 0, 1, 3, 200, 16380, 16381, 65535, 65536, 65537 };
	static const size_t pieces[] = { 16384, 1000, 5, 4, 3, 2, 1 };
	enum side to = tls_suites[_i].version == TLS1_2_VERSION ? SERVER : CLIENT;
	struct record_in in;
	struct tls_pair p;

	for (int s = 0; s < COUNT(sizes); s++)
		for (int c = 0; c < COUNT(pieces); c++) {
			enum record_result result;
			size_t n = sizes[s];

			if (n > 1000 && pieces[c] < 1000)
				continue;
			open_ours(&p, _i);
			memset(content, 0xa5, n + 8);
			content[0] = to == SERVER ? 1 : 4;
			content[1] = (uint8_t)(n >> 16);
			content[2] = (uint8_t)(n >> 8);
			content[3] = (uint8_t)n;
			result = send_message(&p, to, 4 + n, pieces[c], &in);
			if (n > 65536) {
				ck_assert_int_eq(result, RECORD_BROKEN);
				ck_assert_uint_eq(in.alert, 47);
			} else {
				ck_assert_int_eq(result, RECORD_HANDLED);
				ck_assert_int_eq(record_pending(&p.rec[to]), to == SERVER);
				tls_pair_send(&p, !to, content, 7, 7);
				ck_assert_int_eq(tls_pair_receive(&p, to, got, 100), 7);
			}
			tls_pair_close(&p);
		}
}
END_TEST

/* A KeyUpdate cut anywhere works; after each piece but the last, data is an error. */
START_TEST(cut_key_update)
{
	static const uint8_t message[5] = { 24, 0, 0, 1, 1 };
	struct record_in in;
	struct tls_pair p;

	for (size_t piece = 1; piece <= 5; piece++)
		for (enum side to = CLIENT; to <= SERVER; to++) {
			open_ours(&p, _i);
			memcpy(content, message, 5);
			ck_assert_int_eq(send_message(&p, to, 5, piece, &in), RECORD_HANDLED);
			ck_assert_int_eq(record_crypt_update(&p.rec[!to], RECORD_WRITE), 0);
			tls_pair_send(&p, !to, content, 3, 3);
			ck_assert_int_eq(tls_pair_receive(&p, to, got, 100), 3);
			ck_assert_int_eq(record_pending(&p.rec[to]), 1);
			/* and half of one, with data after it */
			ck_assert_int_eq(
			    send_message(&p, to, piece % 5, piece, &in), RECORD_HANDLED);
			tls_pair_send(&p, !to, content, 3, 3);
			ck_assert_int_eq(tls_pair_receive(&p, to, got, 100), piece % 5 ? -2 : 3);
			tls_pair_close(&p);
		}
}
END_TEST

/* Many messages in one record, a KeyUpdate at its end. */
START_TEST(many_in_one)
{
	struct record_in in;
	struct tls_pair p;
	size_t n = 0;

	open_ours(&p, _i);
	for (int i = 0; i < 1000; n += 4 + (size_t)i % 3, i++) {
		const uint8_t head[6] = { 4, 0, 0, (uint8_t)(i % 3), 24, 24 };

		memcpy(content + n, head, 6);
	}
	memcpy(content + n, "\x18\0\0\1", 5);
	n += 5;
	ck_assert_int_eq(send_message(&p, CLIENT, n, 16384, &in), RECORD_HANDLED);
	ck_assert_int_eq(record_crypt_update(&p.rec[SERVER], RECORD_WRITE), 0);
	tls_pair_send(&p, SERVER, content, 3, 3);
	ck_assert_int_eq(tls_pair_receive(&p, CLIENT, got, 100), 3);
	tls_pair_close(&p);
}
END_TEST

/* Records without data: 32 a pass, whatever they are; then unexpected_message. */
START_TEST(floods)
{
	static const struct {
		uint8_t type;
		size_t n;
		uint8_t bytes[4];
		int versions, to;
	} kinds[] = {
		{ 23, 0, { 0 }, BOTH, SERVER },
		{ 21, 2, { 1, 90 }, BOTH, SERVER },
		{ 22, 4, { 4, 0, 0, 0 }, V13, CLIENT },
		{ 22, 4, { 0, 0, 0, 0 }, V12, CLIENT },
		{ 22, 4, { 1, 0, 0, 0 }, V12, SERVER },
	};
	struct record_in in = { 0 };
	struct tls_pair p;

	for (int k = 0; k < COUNT(kinds); k++) {
		enum side to = kinds[k].to ? SERVER : CLIENT;
		struct record *peer = &p.rec[!to];

		if (!(kinds[k].versions & (tls_suites[_i].version == TLS1_2_VERSION ? V12 : V13)))
			continue;
		open_ours(&p, _i);
		for (int i = 0; i < 32 * 3 + 1; i++) {
			size_t n = kinds[k].n;

			memcpy(content, kinds[k].bytes, n);
			content[n] = kinds[k].type;
			n = record_forge(peer, peer->v12 ? kinds[k].type : 23, 0x0303, content,
			    n + !peer->v12, wire);
			if (i == 32 || i == 64)
				record_pass(&p.rec[to]);
			ck_assert_int_eq(record_open(&p.rec[to], wire, n, &in),
			    i == 96 ? RECORD_BROKEN : RECORD_HANDLED);
		}
		ck_assert_uint_eq(in.alert, 10);
		tls_pair_close(&p);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("record_bad");
	TCase *t = tcase_create("record_bad");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, 120);
	tcase_add_unchecked_fixture(t, setup, NULL);
	tcase_add_loop_test(t, each, 0, COUNT(bads));
	tcase_add_loop_test(t, each_bit, 0, TLS_SUITES);
	tcase_add_loop_test(t, each_length, 0, TLS_SUITES);
	tcase_add_loop_test(t, out_of_order, 0, TLS_SUITES);
	tcase_add_loop_test(t, other_versions, 0, TLS_SUITES);
	tcase_add_loop_test(t, for_ever, 0, TLS_SUITES);
	tcase_add_loop_test(t, long_messages, 0, TLS_SUITES);
	tcase_add_loop_test(t, cut_key_update, 0, 3);
	tcase_add_loop_test(t, many_in_one, 0, 3);
	tcase_add_loop_test(t, floods, 0, TLS_SUITES);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
