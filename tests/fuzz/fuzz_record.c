/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * worker/record between a peer that has the keys and sends what it likes, and somebody on the way
 * who has not and changes what he likes.  The input is a script of both, delivered in pieces.
 * What must hold: only authentic data comes out, byte for byte; nothing is read or written beyond
 * a buffer; the end is the end; and what the victim writes, its peer can read.
 */
#include "tests/lib/tls_pair.h"
#include "worker/record/start.h"
#include "worker/record/take.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum op {
	OP_PEER,    /* the peer sends a record of any content */
	OP_TYPED,   /* ... of this type */
	OP_MESSAGE, /* ... a handshake message of this type and length, begun */
	OP_OUTER,   /* ... with any header type and version */
	OP_CHANGED, /* ... of which a byte is changed on the way */
	OP_RAW,     /* bytes from somebody on the way */
	OP_SEAL,    /* the victim writes data */
	OP_UPDATE,  /* the victim writes a KeyUpdate */
	OP_PASS,    /* a pass begins */
	OP_ALERT,   /* the victim closes its direction */
	OP_EDGE,    /* sequence numbers near a limit */
	OPS
};

struct script {
	const uint8_t *p;
	size_t n;
};

struct world {
	struct record victim, peer;
	int ended;     /* what ended the reading, an enum record_result; 0: nothing yet */
	size_t pieces; /* how large the pieces are in which bytes are delivered; 0: whole */
};

static struct record templates[2][TLS_SUITES];

static void
must(int ok)
{
	if (!ok)
		abort();
}

static uint8_t
next(struct script *s)
{
	if (s->n == 0)
		return 0;
	s->n--;
	return *s->p++;
}

static size_t
next_bytes(struct script *s, uint8_t *out, size_t most)
{
	size_t n = (size_t)next(s) << 8 | next(s);

	n = n < most ? n : most;
	n = n < s->n ? n : s->n;
	memcpy(out, s->p, n);
	s->p += n;
	s->n -= n;
	return n;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	must(record_wipe_memory() == 0 || 1); /* the fuzzer may have been first */
	must(!record_init());
	for (int suite = 0; suite < TLS_SUITES; suite++)
		for (int server = 0; server < 2; server++) {
			struct record *r = &templates[server][suite];
			uint8_t secret[48], seed[64];

			r->server = server & 1;
			r->suite = (unsigned)suite % 3 & 3;
			r->v12 = suite >= 3;
			memset(seed, 0x55, sizeof(seed));
			for (int way = 0; way < 2; way++) {
				memset(secret, way == server ? 0x11 : 0x22, sizeof(secret));
				memcpy(record_keys(r, (enum record_way)way).secret, secret,
				    record_crypt_secret(r));
				must(r->v12 || record_crypt_keys(r, (enum record_way)way) == 0);
			}
			if (r->v12) {
				memset(r->keys, 0, sizeof(r->keys));
				memset(secret, 0x33, sizeof(secret));
				must(record_crypt_keys12(r, secret, 48, seed) == 0);
			}
		}
	return 0;
}

/* One call on a buffer that is exactly so large. */
static enum record_result
open_exact(struct world *w, uint8_t *buf, size_t n, struct record_in *in)
{
	enum record_result r = record_open(&w->victim, buf, n, in);

	must(in->used <= n);
	must(r != RECORD_MORE || (in->used == 0 && in->need > n && in->need <= RECORD_MAX));
	must(r == RECORD_MORE || r == RECORD_BROKEN || w->ended || in->used <= RECORD_MAX);
	if (r == RECORD_DATA)
		must(in->len > 0 && in->len <= RECORD_PLAIN && in->data >= buf + RECORD_HEAD &&
		    in->data + in->len <= buf + in->used);
	else
		must(!in->data && in->len == 0);
	/* once over, over in the same way */
	must(!w->ended || (int)r == w->ended);
	if (r == RECORD_CLOSED || r == RECORD_ALERTED || r == RECORD_BROKEN)
		w->ended = (int)r;
	return r;
}

static void
copy_keys(struct world *w)
{
	struct record_keys from = record_keys(&w->victim, RECORD_READ);

	memcpy(record_keys(&w->peer, RECORD_WRITE).iv, from.iv, from.size);
}

/*
 * Deliver one record's bytes in pieces.  data, if not NULL, is what must come out if data does.
 * Returns the last result.
 */
static enum record_result
deliver(struct world *w, const uint8_t *bytes, size_t n, const uint8_t *data, size_t data_n)
{
	size_t step = w->pieces ? w->pieces : n;
	enum record_result r = RECORD_MORE;
	struct record_in in;
	uint8_t *buf;

	for (size_t have = step < n ? step : n;; have += step) {
		have = have < n ? have : n;
		buf = malloc(have ? have : 1);
		must(buf != NULL);
		memcpy(buf, bytes, have);
		r = open_exact(w, buf, have, &in);
		if (r == RECORD_DATA)
			must(data && in.len == data_n && memcmp(in.data, data, data_n) == 0);
		free(buf);
		if (r != RECORD_MORE || have == n)
			break;
	}
	/* whatever it was, the peer's next record is one that the victim expects */
	copy_keys(w);
	w->peer.seq[RECORD_WRITE] = w->victim.seq[RECORD_READ];
	return r;
}

/* What such a content is by RFC 8446 section 5.4: its type; the data before it stay in *n. */
static uint8_t
what_is(const uint8_t *inner, size_t *n)
{
	while (*n && inner[*n - 1] == 0)
		(*n)--;
	return *n ? inner[--*n] : 0;
}

/* A record of this inner type and content, so many zeros behind it. */
static void
peer_sends(
    struct world *w, uint8_t type, const uint8_t *content, size_t n, size_t zeros, int changed_at)
{
	static uint8_t wire[RECORD_MAX + 512], inner[RECORD_MAX + 512];
	size_t size = n, len;

	memcpy(inner, content, n);
	if (!w->peer.v12) {
		inner[size++] = type;
		memset(inner + size, 0, zeros);
		size += zeros;
	}
	len = record_forge(&w->peer, w->peer.v12 ? type : 23, 0x0303, inner, size, wire);
	if (!w->peer.v12) /* a type of 0 is padding, and the content may end in a type */
		type = what_is(inner, &size);
	if (changed_at < 0) {
		deliver(w, wire, len, type == 23 ? inner : NULL, size);
		return;
	}
	wire[(size_t)changed_at % len] ^= (uint8_t)(1 + changed_at % 255);
	must(deliver(w, wire, len, NULL, 0) != RECORD_HANDLED);
}

/* What the victim writes, its peer reads: this data, and nothing else that matters. */
static void
victim_writes(struct world *w, const uint8_t *data, size_t n, size_t fragment, size_t room)
{
	size_t taken = 0, at = 0, back = 0;
	uint8_t *out = malloc(room ? room : 1);
	ssize_t len;
	struct record_in in;

	must(out != NULL);
	len = record_seal(&w->victim, data, n, fragment, out, room, &taken);
	must(len <= (ssize_t)room && taken <= n);
	must(len != -1 || w->victim.closed_out || w->victim.seq[RECORD_WRITE] == UINT64_MAX);
	record_pass(&w->peer);
	for (; len > 0 && at < (size_t)len; at += in.used)
		switch (record_open(&w->peer, out + at, (size_t)len - at, &in)) {
		case RECORD_DATA:
			must(in.len <= taken - back && memcmp(in.data, data + back, in.len) == 0);
			must(!fragment || in.len <= fragment);
			back += in.len;
			break;
		case RECORD_HANDLED:
			break;
		default:
			abort();
		}
	must(len < 0 || back == taken);
	free(out);
}

static void
small(struct world *w, size_t n, const uint8_t *bytes)
{
	struct record_in in;
	uint8_t buf[RECORD_SMALL];

	must(n <= RECORD_SMALL);
	memcpy(buf, bytes, n);
	record_pass(&w->peer);
	if (n)
		must(record_open(&w->peer, buf, n, &in) != RECORD_BROKEN && in.used == n);
}

static void
near_limit(struct world *w, uint8_t which)
{
	static const uint64_t edges[] = { (UINT64_C(1) << 23) - 1, UINT64_C(1) << 23,
		UINT64_MAX - 1, UINT64_MAX };
	uint64_t edge = edges[which & 3];

	/* the numbers of the victim's writing must fit what its peer expects */
	w->victim.seq[RECORD_WRITE] = w->peer.seq[RECORD_READ] = edge;
	w->victim.seq[RECORD_READ] = w->peer.seq[RECORD_WRITE] = edge;
}

static void
run(struct world *w, struct script *s)
{
	static uint8_t bytes[RECORD_MAX];
	uint8_t buf[RECORD_SMALL], a, b;
	size_t n, len;

	switch ((enum op)(next(s) % OPS)) {
	case OP_PEER:
		a = next(s);
		n = next_bytes(s, bytes, 16400);
		peer_sends(w, a, bytes, n, 0, -1);
		break;
	case OP_TYPED:
		a = next(s);
		b = next(s);
		n = next_bytes(s, bytes, 16384);
		peer_sends(w, (uint8_t)(20 + a % 4), bytes, n, b, -1);
		break;
	case OP_MESSAGE:
		bytes[0] = next(s);
		bytes[1] = next(s) & 1;
		bytes[2] = next(s);
		bytes[3] = next(s);
		n = 4 + next_bytes(s, bytes + 4, 16000);
		peer_sends(w, 22, bytes, n, 0, -1);
		break;
	case OP_OUTER: {
		static uint8_t wire[RECORD_MAX + 512];

		a = next(s);
		b = next(s);
		n = next_bytes(s, bytes, 16384);
		len = record_forge(&w->peer, a, (uint16_t)(0x0300 | b), bytes, n, wire);
		/* by chance it may be data after all */
		if (!w->peer.v12)
			a = what_is(bytes, &n);
		deliver(w, wire, len, a == 23 ? bytes : NULL, n);
		break;
	}
	case OP_CHANGED:
		a = next(s);
		n = next_bytes(s, bytes, 300);
		peer_sends(w, 23, bytes, n, 0, a << 2 | (next(s) & 3));
		break;
	case OP_RAW:
		n = next_bytes(s, bytes, sizeof(bytes));
		must(deliver(w, bytes, n, NULL, 0) != RECORD_HANDLED);
		break;
	case OP_SEAL:
		a = next(s);
		b = next(s);
		n = next_bytes(s, bytes, sizeof(bytes));
		victim_writes(w, bytes, n, (size_t)a << (b & 7), (size_t)b << (a & 7));
		break;
	case OP_UPDATE:
		small(w, record_keyupdate(&w->victim, next(s) & 1, buf), buf);
		break;
	case OP_PASS:
		record_pass(&w->victim);
		break;
	case OP_ALERT:
		small(w, record_alert(&w->victim, next(s), buf), buf);
		break;
	case OP_EDGE:
		near_limit(w, next(s));
		break;
	case OPS:
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script s = { data, size };
	struct world w = { 0 };
	uint8_t first = next(&s);

	record_has_size_limit(data, size);
	w.victim = templates[first & 1][(first >> 1) % TLS_SUITES];
	w.victim.fragment_code = (first >> 4) % 5 & 7;
	w.pieces = next(&s);
	record_mirror(&w.victim, &w.peer);
	for (int i = 0; i < 200 && s.n; i++)
		run(&w, &s);
	record_wipe(&w.victim);
	record_wipe(&w.peer);
	ERR_clear_error();
	return 0;
}
