/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * TLS records against the known answers of RFC 8448 and against OpenSSL's own record layer: every
 * suite, both versions, both roles, sizes, cuts, KeyUpdates, and what sealing promises.
 * RECORD_LONG=1 in the environment tries every record size (`make check-long`).
 */
#include "tests/lib/tls_pair.h"
#include "worker/record/start.h"

#include <check.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static uint8_t plain[1 << 20], got[(1 << 20) + 1], wire[2 << 20];

static void
setup(void)
{
	ck_assert_int_eq(record_wipe_memory(), 0);
	ck_assert_ptr_null(record_init());
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)(i * 31 + (i >> 8));
}

static size_t
from_hex(const char *hex, uint8_t *out)
{
	size_t n = 0;
	unsigned byte;
	int used;

	for (; sscanf(hex, " %2x%n", &byte, &used) == 1; hex += used)
		out[n++] = (uint8_t)byte;
	return n;
}

/* ---- RFC 8448 section 3: a simple 1-RTT handshake ---- */

static const char client_secret[] =
    "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5";
static const char server_secret[] =
    "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643";
static const char client_data[] =
    "17030300 "
    "43a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e"
    "2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4";
static const char server_data[] =
    "17030300 "
    "432e937e11ef4ac740e538ad36005fc4a46932fc3225d05f82aa1b36e30efaf97d90e6dffc602dcb501a59"
    "a8fcc49c4bf2e5f0a21c0047c2abf332540dd032e167c2955d";
static const char client_alert[] = "17030300 13c9872760655666b74d7ff1153efd6db6d0b0e3";
static const char server_alert[] = "17030300 13b58fd67166ebf599d24720cfbe7efa7a8864a9";

static void
rfc8448(struct record *r, int server)
{
	memset(r, 0, sizeof(*r));
	r->server = server;
	r->suite = SUITE_AES128;
	from_hex(server ? client_secret : server_secret, record_keys(r, RECORD_READ).secret);
	from_hex(server ? server_secret : client_secret, record_keys(r, RECORD_WRITE).secret);
	ck_assert_int_eq(record_crypt_keys(r, RECORD_READ), 0);
	ck_assert_int_eq(record_crypt_keys(r, RECORD_WRITE), 0);
	/* the server's first record was a NewSessionTicket */
	r->seq[server ? RECORD_WRITE : RECORD_READ] = 1;
}

static void
opens_data(struct record *r, const char *hex)
{
	struct record_in in;
	size_t n = from_hex(hex, wire);

	ck_assert_int_eq(record_open(r, wire, n, &in), RECORD_DATA);
	ck_assert_uint_eq(in.used, n);
	ck_assert_uint_eq(in.len, 50);
	for (size_t i = 0; i < 50; i++)
		ck_assert_uint_eq(in.data[i], i);
}

static void
seals_data(struct record *r, const char *hex)
{
	uint8_t content[50];
	size_t n = from_hex(hex, wire), taken;

	for (size_t i = 0; i < 50; i++)
		content[i] = (uint8_t)i;
	ck_assert_int_eq(record_seal(r, content, 50, 0, got, sizeof(got), &taken), n);
	ck_assert_uint_eq(taken, 50);
	ck_assert_mem_eq(got, wire, n);
}

static void
closes(struct record *r, const char *hex_in, const char *hex_out)
{
	struct record_in in;
	size_t n = from_hex(hex_in, wire);

	ck_assert_int_eq(record_open(r, wire, n, &in), RECORD_CLOSED);
	n = from_hex(hex_out, wire);
	ck_assert_uint_eq(record_alert(r, 0, got), n);
	ck_assert_mem_eq(got, wire, n);
}

START_TEST(known_answers)
{
	static const char *const keys[2][4] = {
		{ "17422dda596ed5d9acd890e3c63f5051", "5b78923dee08579033e523d9",
		    "9f02283b6c9c07efc26bb9f2ac92e356", "cf782b88dd83549aadf1e984" },
		{ "9f02283b6c9c07efc26bb9f2ac92e356", "cf782b88dd83549aadf1e984",
		    "17422dda596ed5d9acd890e3c63f5051", "5b78923dee08579033e523d9" },
	};
	uint8_t want[16];
	struct record r;

	rfc8448(&r, _i);
	from_hex(keys[_i][0], want);
	ck_assert_mem_eq(record_keys(&r, RECORD_WRITE).key, want, 16);
	from_hex(keys[_i][1], want);
	ck_assert_mem_eq(record_keys(&r, RECORD_WRITE).iv, want, 12);
	from_hex(keys[_i][2], want);
	ck_assert_mem_eq(record_keys(&r, RECORD_READ).key, want, 16);
	from_hex(keys[_i][3], want);
	ck_assert_mem_eq(record_keys(&r, RECORD_READ).iv, want, 12);
	opens_data(&r, _i ? client_data : server_data);
	seals_data(&r, _i ? server_data : client_data);
	closes(&r, _i ? client_alert : server_alert, _i ? server_alert : client_alert);
	record_wipe(&r);
}
END_TEST

/* ---- against OpenSSL: suite, and which side is taken over (or both) ---- */

enum { TAKE_CLIENT, TAKE_SERVER, TAKE_BOTH, TAKES };

static const struct tls_suite *
open_taken(struct tls_pair *p, int i)
{
	const struct tls_suite *s = &tls_suites[i / TAKES];

	tls_pair_open(p, s);
	if (i % TAKES != TAKE_CLIENT)
		ck_assert_int_eq(tls_pair_take(p, SERVER), 0);
	if (i % TAKES != TAKE_SERVER) {
		/* its tickets must have come first: one byte is read by the object */
		tls_pair_send(p, SERVER, plain, 1, 1);
		ck_assert_int_eq(tls_pair_receive(p, CLIENT, got, 1), 1);
		ck_assert_int_eq(tls_pair_take(p, CLIENT), 0);
	}
	return s;
}

static void
carry(struct tls_pair *p, enum side from, size_t n, size_t fragment)
{
	memset(got, 0xee, n + 1);
	tls_pair_send(p, from, plain, n, fragment);
	ck_assert_int_eq(tls_pair_receive(p, !from, got, sizeof(got)), (int)n);
	ck_assert_msg(memcmp(got, plain, n) == 0, "%zu bytes in records of %zu", n, fragment);
}

/* The sizes around which something changes, and a dense sample; or all. */
static size_t
next_size(size_t n)
{
	if (getenv("RECORD_LONG") || n < 300 || (n & (n - 1)) == 0 || (n & (n + 1)) == 0 ||
	    n >= RECORD_PLAIN - 20)
		return n + 1;
	return n + 1 + (n * 7 % 61);
}

START_TEST(every_size)
{
	struct tls_pair p;

	open_taken(&p, _i);
	for (size_t n = 1; n <= RECORD_PLAIN; n = next_size(n)) {
		carry(&p, CLIENT, n, n);
		carry(&p, SERVER, n, n);
	}
	tls_pair_close(&p);
}
END_TEST

START_TEST(much_in_many_sizes)
{
	static const size_t fragments[] = { 1, 2, 511, 512, 1371, 4096, 16383, 16384, 16385,
		1 << 20 };
	struct tls_pair p;

	open_taken(&p, _i);
	for (int f = 0; f < COUNT(fragments); f++) {
		size_t n = fragments[f] < 500 ? 3000 : 200001;

		carry(&p, CLIENT, n, fragments[f]);
		carry(&p, SERVER, n, fragments[f]);
	}
	tls_pair_close(&p);
}
END_TEST

/* What an idle connection keeps is as small as its suite allows, and nothing behind it is used. */
START_TEST(no_more_than_its_size)
{
	static const size_t sizes[TLS_SUITES] = { 144, 208, 176, 80, 112, 112 };
	uint8_t marks[sizeof(struct record)], *end[2];
	struct tls_pair p;

	memset(marks, 0xa5, sizeof(marks));
	open_taken(&p, _i * TAKES + TAKE_BOTH);
	for (int s = 0; s < 2; s++) {
		ck_assert_uint_eq(record_size(&p.rec[s]), sizes[_i]);
		end[s] = (uint8_t *)&p.rec[s] + sizes[_i];
		memset(end[s], 0xa5, sizeof(struct record) - sizes[_i]);
	}
	for (int i = 0; i < 2; i++) {
		carry(&p, CLIENT, 1000, 100);
		carry(&p, SERVER, 1000, 100);
		if (_i >= 3)
			continue;
		/* TLS 1.3: with new keys as well */
		tls_pair_inject(&p, SERVER, got, record_keyupdate(&p.rec[CLIENT], 1, got));
	}
	for (int s = 0; s < 2; s++)
		ck_assert_mem_eq(end[s], marks, sizeof(struct record) - sizes[_i]);
	tls_pair_close(&p);
}
END_TEST

/* A stream of records that arrives cut at every byte, then byte by byte. */
START_TEST(cut_at_every_byte)
{
	static const size_t sizes[] = { 1, 7, 100, 23 };
	size_t n, total = 0, at;
	struct record before;
	struct tls_pair p;

	open_taken(&p, _i);
	for (enum side to = CLIENT; to <= SERVER; to++) {
		if (p.ssl[to])
			continue;
		for (int s = 0; s < COUNT(sizes); s++, total += sizes[s - 1])
			tls_pair_send(&p, !to, plain + total, sizes[s], sizes[s]);
		n = tls_pair_grab(&p, to, wire, sizeof(wire));
		before = p.rec[to];
		for (size_t cut = 0; cut <= n + 1; cut++) {
			p.rec[to] = before;
			at = 0;
			for (size_t i = 0; i < n;) {
				size_t step = cut == n + 1 ? 1 : i < cut ? cut - i : n - i;
				int len;

				tls_pair_inject(&p, to, wire + i, step);
				i += step;
				len = tls_pair_receive(&p, to, got + at, sizeof(got) - at);
				ck_assert_int_ge(len, 0);
				at += (size_t)len;
			}
			ck_assert_uint_eq(at, total);
			ck_assert_mem_eq(got, plain, total);
		}
		total = 0;
	}
	tls_pair_close(&p);
}
END_TEST

/* Every beginning of a record: MORE, how much more, and nothing is touched. */
START_TEST(half_records)
{
	struct record_in in;
	struct record before;
	struct tls_pair p;
	size_t n;

	open_taken(&p, _i * TAKES + TAKE_SERVER);
	tls_pair_send(&p, CLIENT, plain, 200, 200);
	n = tls_pair_grab(&p, SERVER, wire, sizeof(wire));
	before = p.rec[SERVER];
	for (size_t cut = 0; cut < n; cut++) {
		memcpy(got, wire, n);
		ck_assert_int_eq(record_open(&p.rec[SERVER], got, cut, &in), RECORD_MORE);
		ck_assert_uint_eq(in.need, cut < RECORD_HEAD ? RECORD_HEAD : n);
		ck_assert_uint_eq(in.used, 0);
		ck_assert_mem_eq(got, wire, n);
		ck_assert_mem_eq(&before, &p.rec[SERVER], sizeof(before));
	}
	ck_assert_int_eq(record_open(&p.rec[SERVER], got, n, &in), RECORD_DATA);
	tls_pair_close(&p);
}
END_TEST

/* ---- KeyUpdate ---- */

static void
update(struct tls_pair *p, enum side from, int ask)
{
	uint8_t buf[RECORD_SMALL];
	size_t n;

	if (p->ssl[from]) {
		ck_assert_int_eq(SSL_key_update(p->ssl[from],
				     ask ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED),
		    1);
		ck_assert_int_eq(SSL_do_handshake(p->ssl[from]), 1);
		return;
	}
	n = record_keyupdate(&p->rec[from], ask, buf);
	ck_assert_uint_gt(n, 0);
	tls_pair_inject(p, !from, buf, n);
}

/* Data and KeyUpdates of both sides in any order, delivered late and in pieces. */
START_TEST(key_update_storm)
{
	unsigned seed = (unsigned)_i + 1;
	size_t sent[2] = { 0, 0 }, read[2] = { 0, 0 }, n;
	struct tls_pair p;
	int len, updates = 0;

	open_taken(&p, _i % (3 * TAKES));
	for (int step = 0; step < 3000; step++) {
		enum side s = rand_r(&seed) & 1;

		switch (rand_r(&seed) % 8) {
		case 0:
			update(&p, s, rand_r(&seed) & 1);
			updates++;
			break;
		case 1:
		case 2:
		case 3:
			n = (size_t)rand_r(&seed) % 300 + 1;
			tls_pair_send(&p, s, plain + sent[s], n, 100);
			sent[s] += n;
			break;
		default:
			len = tls_pair_receive(&p, s, got, 4096);
			ck_assert_int_ge(len, 0);
			ck_assert_mem_eq(got, plain + read[!s], (size_t)len);
			read[!s] += (size_t)len;
		}
	}
	for (enum side s = CLIENT; s <= SERVER; s++)
		for (; read[!s] < sent[!s]; read[!s] += (size_t)len) {
			len = tls_pair_receive(&p, s, got, 4096);
			ck_assert_int_gt(len, 0);
			ck_assert_mem_eq(got, plain + read[!s], (size_t)len);
		}
	ck_assert_int_gt(updates, 100);
	ck_assert_uint_gt(sent[CLIENT], 10000);
	tls_pair_close(&p);
}
END_TEST

/* Much data under keys that have changed; with RECORD_LONG two gigabytes each way. */
START_TEST(gigabytes)
{
	size_t rounds = getenv("RECORD_LONG") ? 2048 : 16;
	struct tls_pair p;

	open_taken(&p, _i * TAKES + TAKE_SERVER);
	update(&p, CLIENT, 1);
	update(&p, SERVER, 1);
	for (size_t i = 0; i < rounds; i++) {
		carry(&p, CLIENT, 1 << 20, 16384);
		carry(&p, SERVER, 1 << 20, 16384);
	}
	ck_assert_uint_ge(p.rec[SERVER].seq[RECORD_WRITE], rounds * 64);
	tls_pair_close(&p);
}
END_TEST

/* Many requests, one answer; and it comes before the next data. */
START_TEST(one_answer)
{
	struct tls_pair p;
	struct record mirror;
	struct record_in in;
	size_t n, taken;

	open_taken(&p, _i * TAKES + TAKE_SERVER);
	record_mirror(&p.rec[SERVER], &mirror);
	for (int i = 0; i < 8; i++)
		update(&p, CLIENT, 1);
	ck_assert_int_eq(tls_pair_receive(&p, SERVER, got, sizeof(got)), 0);
	ck_assert_int_eq(record_pending(&p.rec[SERVER]), 1);
	n = (size_t)record_seal(&p.rec[SERVER], plain, 5, 0, wire, sizeof(wire), &taken);
	ck_assert_int_eq(record_pending(&p.rec[SERVER]), 0);
	ck_assert_int_eq(record_open(&mirror, wire, n, &in), RECORD_HANDLED);
	ck_assert_int_eq(record_pending(&mirror), 0); /* an answer asks for none */
	ck_assert_int_eq(record_open(&mirror, wire + in.used, n - in.used, &in), RECORD_DATA);
	ck_assert_uint_eq(in.len, 5);
	tls_pair_close(&p);
}
END_TEST

/* Eight KeyUpdates a pass and not one more; a new pass counts anew. */
START_TEST(update_flood)
{
	struct tls_pair p;
	struct record_in in = { 0 };
	size_t n;

	open_taken(&p, _i * TAKES + TAKE_SERVER);
	for (int pass = 0; pass < 3; pass++) {
		for (int i = 0; i < 8; i++)
			update(&p, CLIENT, 0);
		ck_assert_int_eq(tls_pair_receive(&p, SERVER, got, sizeof(got)), 0);
	}
	for (int i = 0; i < 9; i++)
		update(&p, CLIENT, i & 1);
	n = tls_pair_grab(&p, SERVER, wire, sizeof(wire));
	record_pass(&p.rec[SERVER]);
	for (int i = 0; i < 9; i++) {
		ck_assert_int_eq(record_open(&p.rec[SERVER], wire, n, &in),
		    i < 8 ? RECORD_HANDLED : RECORD_BROKEN);
		n -= in.used;
		memmove(wire, wire + in.used, n);
	}
	ck_assert_int_eq(in.alert, 10);
	tls_pair_close(&p);
}
END_TEST

/* Near the limit of RFC 8446 section 5.5 both keys change without being told to. */
START_TEST(own_update)
{
	static const uint64_t near = (UINT64_C(1) << 23) - 2;
	struct tls_pair p;
	uint8_t key[2][32];

	open_taken(&p, _i * TAKES + TAKE_BOTH);
	for (int w = 0; w < 2; w++) {
		p.rec[CLIENT].seq[w] = p.rec[SERVER].seq[w] = near;
		memcpy(key[w], record_keys(&p.rec[CLIENT], w).key, 32);
	}
	/* the client sends alone: it changes its own key, and asks for the other only by need */
	carry(&p, CLIENT, 2, 1);
	ck_assert_uint_eq(p.rec[CLIENT].seq[RECORD_WRITE], near + 2);
	ck_assert_mem_eq(key[RECORD_WRITE], record_keys(&p.rec[CLIENT], RECORD_WRITE).key, 32);
	carry(&p, CLIENT, 5, 1);
	ck_assert_uint_eq(p.rec[CLIENT].seq[RECORD_WRITE], 5);
	ck_assert_mem_ne(key[RECORD_WRITE], record_keys(&p.rec[CLIENT], RECORD_WRITE).key, 32);
	ck_assert_mem_eq(key[RECORD_READ], record_keys(&p.rec[CLIENT], RECORD_READ).key, 32);
	ck_assert_int_eq(record_pending(&p.rec[SERVER]), 0);
	/* a peer that never changes its key, as OpenSSL's, is asked to, once */
	p.rec[CLIENT].seq[RECORD_READ] = p.rec[SERVER].seq[RECORD_WRITE] = near + 1;
	p.rec[SERVER].seq[RECORD_WRITE] = 0;
	record_mirror(&p.rec[CLIENT], &p.rec[SERVER]);
	p.rec[SERVER].seq[RECORD_WRITE] = near + 1;
	carry(&p, SERVER, 1, 1);
	carry(&p, CLIENT, 1, 1);
	ck_assert_int_eq(record_pending(&p.rec[SERVER]), 1);
	ck_assert_int_eq(p.rec[CLIENT].asked, 1);
	ck_assert_uint_eq(p.rec[CLIENT].seq[RECORD_WRITE], 1);
	carry(&p, CLIENT, 1, 1);
	ck_assert_uint_eq(p.rec[CLIENT].seq[RECORD_WRITE], 2);
	carry(&p, SERVER, 1, 1);
	ck_assert_int_eq(p.rec[CLIENT].asked, 0);
	ck_assert_uint_eq(p.rec[CLIENT].seq[RECORD_READ], 1);
	tls_pair_close(&p);
}
END_TEST

/* TLS 1.2 has no KeyUpdate: it goes on, and a sequence number never wraps in either version. */
START_TEST(end_of_numbers)
{
	uint8_t small[RECORD_SMALL];
	struct record_in in;
	struct tls_pair p;
	size_t n, taken;

	open_taken(&p, _i * TAKES + TAKE_BOTH);
	p.rec[SERVER].seq[RECORD_WRITE] = UINT64_MAX;
	p.rec[SERVER].seq[RECORD_READ] = UINT64_MAX;
	ck_assert_int_eq(record_seal(&p.rec[SERVER], plain, 1, 0, wire, sizeof(wire), &taken), -1);
	ck_assert_uint_eq(record_alert(&p.rec[SERVER], 0, small), 0);
	tls_pair_send(&p, CLIENT, plain, 1, 1);
	n = tls_pair_grab(&p, SERVER, wire, sizeof(wire));
	ck_assert_int_eq(record_open(&p.rec[SERVER], wire, n, &in), RECORD_BROKEN);
	ck_assert_int_eq(in.alert, 20);
	/* even if that number's record is authentic */
	record_mirror(&p.rec[SERVER], &p.rec[CLIENT]);
	p.rec[SERVER].broken = 0;
	n = record_forge(
	    &p.rec[CLIENT], 23, 0x0303, (const uint8_t *)"x\x17", p.rec[CLIENT].v12 ? 1 : 2, wire);
	ck_assert_int_eq(record_open(&p.rec[SERVER], wire, n, &in), RECORD_BROKEN);
	p.rec[CLIENT].closed_out = p.rec[CLIENT].broken = 0;
	if (p.rec[CLIENT].v12) {
		ck_assert_uint_eq(record_keyupdate(&p.rec[CLIENT], 0, small), 0);
		p.rec[CLIENT].seq[RECORD_WRITE] = UINT64_C(1) << 30;
		record_mirror(&p.rec[CLIENT], &p.rec[SERVER]);
		carry(&p, CLIENT, 3, 1);
		ck_assert_uint_eq(p.rec[CLIENT].seq[RECORD_WRITE], (UINT64_C(1) << 30) + 3);
	}
	tls_pair_close(&p);
}
END_TEST

/* ---- sealing ---- */

/* Output buffers of every small size: whole records, as much as fits, and not a byte beyond. */
START_TEST(any_room)
{
	struct record before;
	struct record_in in;
	struct tls_pair p;
	size_t taken, at, back;
	ssize_t n;

	open_taken(&p, _i * TAKES + TAKE_BOTH);
	before = p.rec[CLIENT];
	for (size_t size = 0; size < 700; size++)
		for (int owe = 0; owe < 2; owe++) {
			struct record peer;
			uint8_t *out = malloc(size + 1);

			ck_assert_ptr_nonnull(out);
			p.rec[CLIENT] = before;
			p.rec[CLIENT].owe_update = owe && !before.v12;
			p.rec[CLIENT].owe_refusal = owe && before.v12;
			record_mirror(&p.rec[CLIENT], &peer);
			peer.owe_update = peer.owe_refusal = 0;
			out[size] = 0x5a;
			n = record_seal(&p.rec[CLIENT], plain, 500, 90, out, size, &taken);
			ck_assert_int_ge(n, 0);
			ck_assert_int_le(n, (ssize_t)size);
			ck_assert_uint_eq(out[size], 0x5a);
			ck_assert_int_eq(
			    record_pending(&p.rec[CLIENT]), owe && size < RECORD_SMALL);
			ck_assert(size < 80 || taken > 0);
			ck_assert(taken == 500 || (size_t)n + RECORD_SMALL > size);
			for (at = back = 0; at < (size_t)n; at += in.used)
				switch (record_open(&peer, out + at, (size_t)n - at, &in)) {
				case RECORD_DATA:
					ck_assert_uint_le(in.len, 90);
					ck_assert_mem_eq(in.data, plain + back, in.len);
					back += in.len;
					break;
				case RECORD_HANDLED:
					break;
				default:
					ck_abort_msg("not what was sealed");
				}
			ck_assert_uint_eq(back, taken);
			free(out);
		}
	tls_pair_close(&p);
}
END_TEST

/* The announced size suffices for everything at once. */
START_TEST(sealed_size)
{
	static const size_t lens[] = { 0, 1, 511, 512, 513, 16384, 65536, 262144 };
	struct tls_pair p;
	size_t taken, size;

	open_taken(&p, _i * TAKES + TAKE_BOTH);
	for (int l = 0; l < COUNT(lens); l++)
		for (size_t fragment = 0; fragment <= 17000; fragment += fragment < 3 ? 1 : 1237)
			for (unsigned code = 0; code <= 4; code++) {
				if (fragment && lens[l] / fragment > 1000)
					continue;
				p.rec[CLIENT].fragment_code = code & 7;
				p.rec[CLIENT].owe_update = !p.rec[CLIENT].v12;
				p.rec[CLIENT].owe_refusal = p.rec[CLIENT].v12;
				size = record_sealed_size(lens[l], fragment);
				ck_assert_int_ge(record_seal(&p.rec[CLIENT], plain, lens[l],
						     fragment, wire, size, &taken),
				    0);
				ck_assert_uint_eq(taken, lens[l]);
			}
	tls_pair_close(&p);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("record");
	TCase *t = tcase_create("record");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, 300);
	tcase_add_unchecked_fixture(t, setup, NULL);
	tcase_add_loop_test(t, known_answers, 0, 2);
	tcase_add_loop_test(t, every_size, 0, TLS_SUITES * TAKES);
	tcase_add_loop_test(t, no_more_than_its_size, 0, TLS_SUITES);
	tcase_add_loop_test(t, much_in_many_sizes, 0, TLS_SUITES * TAKES);
	tcase_add_loop_test(t, cut_at_every_byte, 0, TLS_SUITES * TAKES);
	tcase_add_loop_test(t, half_records, 0, TLS_SUITES);
	tcase_add_loop_test(t, key_update_storm, 0, 4 * 3 * TAKES);
	tcase_add_loop_test(t, gigabytes, 0, 3);
	tcase_add_loop_test(t, one_answer, 0, 3);
	tcase_add_loop_test(t, update_flood, 0, 3);
	tcase_add_loop_test(t, own_update, 0, 3);
	tcase_add_loop_test(t, end_of_numbers, 0, TLS_SUITES);
	tcase_add_loop_test(t, any_room, 0, TLS_SUITES);
	tcase_add_loop_test(t, sealed_size, 0, TLS_SUITES);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
