/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The one cursor with which bytes of a peer are read: of a client, a server, a PROXY header, a DNS
 * answer, a less privileged process.  It reads from the front and never past the end, whatever
 * those bytes say of their own length.
 *
 * The comments that begin with @ are contracts.  `make prove` shows for every input that the code
 * keeps them and that callers keep their side; docs/proofs.md says how to read them.
 *
 * Functions that return int return 0, or -1 when there is too little; then nothing was taken.
 */
#ifndef COMMON_BYTES_H
#define COMMON_BYTES_H

#include <stddef.h>
#include <stdint.h>

/* A stretch of bytes; whoever owns them must outlive it.  The cursor is `at`. */
struct bytes {
	const uint8_t *at;
	size_t left;
};

/*@ // All that is left may be read.
    predicate readable(struct bytes b) = \valid_read(b.at + (0 .. b.left - 1));

    // b is what remains of a when its first n bytes are taken.
    predicate rest(struct bytes b, struct bytes a, integer n) =
      0 <= n <= a.left && b.left == a.left - n && b.at == a.at + n;
*/

/*@ requires \valid_read(at + (0 .. size - 1));
    assigns \nothing;
    ensures \result.at == at && \result.left == size && readable(\result);
*/
static inline struct bytes
bytes_of(const uint8_t *at, size_t size)
{
	return (struct bytes){ at, size };
}

/* A number of n bytes, at most 4, the first the most significant: as networks have it. */
/*@ requires \valid(b) && readable(*b) && \valid(value_r) && n <= 4;
    requires \separated(b, value_r) && \separated(b->at + (0 .. b->left - 1), b, value_r);
    assigns *b, *value_r;
    ensures \result == 0 || \result == -1;
    ensures \result == 0 ==> rest(*b, \old(*b), n);
    ensures \result == -1 ==> rest(*b, \old(*b), 0) && b->left < n;
    ensures \result == 0 && n == 1 ==> *value_r <= 0xff;
    ensures \result == 0 && n == 2 ==> *value_r <= 0xffff;
    ensures \result == 0 && n == 3 ==> *value_r <= 0xffffff;
    ensures \result == 0 ==> *value_r <= 0xffffffff;
*/
int bytes_number(struct bytes *b, size_t n, size_t *value_r);

/* The next n bytes, as a cursor of their own: a fixed field. */
/*@ requires \valid(b) && readable(*b) && \valid(field_r);
    requires \separated(b, field_r) && \separated(b->at + (0 .. b->left - 1), b, field_r);
    assigns *b, *field_r;
    ensures \result == 0 || \result == -1;
    ensures \result == 0 ==> rest(*b, \old(*b), n) && readable(*b);
    ensures \result == 0 ==> field_r->at == \old(b->at) && field_r->left == n && readable(*field_r);
    ensures \result == -1 ==> rest(*b, \old(*b), 0) && b->left < n;
*/
int bytes_field(struct bytes *b, size_t n, struct bytes *field_r);

/* A vector of TLS: its length in n bytes, at most 4, then so many bytes.  RFC 8446 section 3.4. */
/*@ requires \valid(b) && readable(*b) && \valid(vector_r) && n <= 4;
    requires \separated(b, vector_r) && \separated(b->at + (0 .. b->left - 1), b, vector_r);
    assigns *b, *vector_r;
    ensures \result == 0 || \result == -1;
    ensures \result == 0 ==> rest(*b, \old(*b), n + vector_r->left) && readable(*b);
    ensures \result == 0 ==> vector_r->at == \old(b->at) + n && readable(*vector_r);
    ensures \result == -1 ==> rest(*b, \old(*b), 0);
*/
int bytes_vector(struct bytes *b, size_t n, struct bytes *vector_r);

/* A number of n bytes, at most 8, in the order of this machine: as another process wrote it. */
/*@ requires \valid(b) && readable(*b) && \valid(value_r) && n <= 8;
    requires \separated(b, value_r) && \separated(b->at + (0 .. b->left - 1), b, value_r);
    assigns *b, *value_r;
    ensures \result == 0 || \result == -1;
    ensures \result == 0 ==> rest(*b, \old(*b), n) && readable(*b);
    ensures \result == 0 && n <= 4 ==> *value_r <= 0xffffffff;
    ensures \result == -1 ==> rest(*b, \old(*b), 0) && b->left < n;
*/
int bytes_native(struct bytes *b, size_t n, uint64_t *value_r);

/* A text of n bytes with a NUL behind it and none within. */
/*@ requires \valid(b) && readable(*b) && \valid(text_r);
    requires \separated(b, text_r) && \separated(b->at + (0 .. b->left - 1), b, text_r);
    assigns *b, *text_r;
    ensures \result == 0 || \result == -1;
    ensures \result == 0 ==> rest(*b, \old(*b), n + 1) && readable(*b);
    ensures \result == 0 ==> text_r->at == \old(b->at) && text_r->left == n;
    ensures \result == 0 ==> \valid_read(text_r->at + (0 .. n)) && text_r->at[n] == 0;
    ensures \result == 0 ==> \forall integer i; 0 <= i < n ==> text_r->at[i] != 0;
    ensures \result == -1 ==> rest(*b, \old(*b), 0);
*/
int bytes_text(struct bytes *b, size_t n, struct bytes *text_r);

/* Take the next n bytes into memory of the caller's: a fixed field that is kept. */
/*@ requires \valid(b) && readable(*b) && \valid(out_r + (0 .. n - 1));
    requires \separated(b->at + (0 .. b->left - 1), b, out_r + (0 .. n - 1));
    assigns *b, out_r[0 .. n - 1];
    ensures \result == 0 || \result == -1;
    ensures \result == 0 ==> rest(*b, \old(*b), n) && readable(*b);
    ensures \result == -1 ==> rest(*b, \old(*b), 0) && b->left < n;
*/
int bytes_copy(struct bytes *b, size_t n, uint8_t *out_r);

/* All that is left as a string; -1 where a NUL is among it. */
/*@ requires \valid_read(b) && readable(*b) && \valid(out_r + (0 .. b->left));
    requires \separated(b->at + (0 .. b->left - 1), b, out_r + (0 .. b->left));
    assigns out_r[0 .. b->left];
    ensures \result == 0 || \result == -1;
    ensures \result == 0 ==> out_r[b->left] == 0;
    ensures \result == 0 ==> \forall integer i; 0 <= i < b->left ==> out_r[i] != 0;
*/
int bytes_string(const struct bytes *b, char *out_r);

/* The n-th byte from here, from 0; -1 when there is none. */
/*@ requires \valid_read(b) && readable(*b);
    assigns \nothing;
    ensures n < b->left ==> \result == b->at[n];
    ensures n >= b->left ==> \result == -1;
*/
int bytes_peek(const struct bytes *b, size_t n);

/* Take byte after byte away from the end while it is this one. */
/*@ requires \valid(b) && readable(*b) && \separated(b, b->at + (0 .. b->left - 1));
    assigns b->left;
    ensures b->at == \old(b->at) && b->left <= \old(b->left) && readable(*b);
    ensures b->left > 0 ==> b->at[b->left - 1] != byte;
*/
void bytes_trim(struct bytes *b, uint8_t byte);

/*
 * A line that is put together from what comes, however it is cut: the first room bytes of it are
 * kept, the rest is counted.
 */
struct line {
	uint8_t *kept; /* the caller's, room bytes */
	size_t room;
	size_t len; /* bytes in kept: never more than room */
	size_t all; /* bytes of the line, its end included */
};

enum line_end {
	LINE_MORE,  /* the end of the line has not come */
	LINE_WHOLE, /* kept has it, without CR LF or LF; all says whether something is missing */
};

/*@ predicate line_ok(struct line *l) =
      \valid(l) && \valid(l->kept + (0 .. l->room - 1)) && l->len <= l->room;
*/

/* Take bytes up to the end of the line, but no more than most.  Begin a line with len = all = 0. */
/*@ requires \valid(b) && readable(*b) && line_ok(l) && l->all <= most <= 0x7fffffff;
    requires \separated(b, l, l->kept + (0 .. l->room - 1), b->at + (0 .. b->left - 1));
    assigns *b, l->len, l->all, l->kept[0 .. l->room - 1];
    ensures \result == LINE_MORE || \result == LINE_WHOLE;
    ensures line_ok(l) && l->all <= most;
    ensures taken: b->at == \old(b->at) + (\old(b->left) - b->left);
    ensures counted: b->left <= \old(b->left) && l->all - \old(l->all) == \old(b->left) - b->left;
    ensures readable(*b);
    ensures \result == LINE_MORE ==> b->left == 0 || l->all == most;
*/
enum line_end bytes_line(struct bytes *b, struct line *l, size_t most);

#endif
