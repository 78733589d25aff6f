/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Runs in every process, on bytes of whoever is less trusted than it.  Nothing is allocated, and
 * nothing is believed before it is checked.
 */
#include "common/bytes.h"

int
bytes_number(struct bytes *b, size_t n, size_t *value_r)
{
	size_t value = 0;

	if (b->left < n)
		return -1;
	/*@ loop invariant 0 <= i <= n;
	    loop invariant i == 0 ==> value == 0;
	    loop invariant i == 1 ==> value <= 0xff;
	    loop invariant i == 2 ==> value <= 0xffff;
	    loop invariant i == 3 ==> value <= 0xffffff;
	    loop invariant i == 4 ==> value <= 0xffffffff;
	    loop assigns i, value;
	    loop variant n - i;
	*/
	for (size_t i = 0; i < n; i++)
		value = value * 256 + b->at[i];
	b->at += n;
	b->left -= n;
	*value_r = value;
	return 0;
}

int
bytes_field(struct bytes *b, size_t n, struct bytes *field_r)
{
	if (b->left < n)
		return -1;
	*field_r = bytes_of(b->at, n);
	b->at += n;
	b->left -= n;
	return 0;
}

int
bytes_vector(struct bytes *b, size_t n, struct bytes *vector_r)
{
	struct bytes after = *b;
	size_t length;

	if (bytes_number(&after, n, &length) == -1 || after.left < length)
		return -1;
	*vector_r = bytes_of(after.at, length);
	b->at = after.at + length;
	b->left = after.left - length;
	return 0;
}

int
bytes_native(struct bytes *b, size_t n, uint64_t *value_r)
{
	uint64_t value = 0;

	if (b->left < n)
		return -1;
	/*@ loop invariant 0 <= i <= n;
	    loop invariant i == 0 ==> value == 0;
	    loop invariant i == 1 ==> value <= 0xff;
	    loop invariant i == 2 ==> value <= 0xffff;
	    loop invariant i == 3 ==> value <= 0xffffff;
	    loop invariant i == 4 ==> value <= 0xffffffff;
	    loop invariant i == 5 ==> value <= 0xffffffffff;
	    loop invariant i == 6 ==> value <= 0xffffffffffff;
	    loop invariant i == 7 ==> value <= 0xffffffffffffff;
	    loop assigns i, value;
	    loop variant n - i;
	*/
	for (size_t i = 0; i < n; i++)
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
		value = value * 256 + b->at[n - 1 - i];
#else
		value = value * 256 + b->at[i];
#endif
	b->at += n;
	b->left -= n;
	*value_r = value;
	return 0;
}

int
bytes_text(struct bytes *b, size_t n, struct bytes *text_r)
{
	if (b->left <= n || b->at[n] != 0)
		return -1;
	/*@ loop invariant 0 <= i <= n;
	    loop invariant \forall integer k; 0 <= k < i ==> b->at[k] != 0;
	    loop assigns i;
	    loop variant n - i;
	*/
	for (size_t i = 0; i < n; i++)
		if (b->at[i] == 0)
			return -1;
	*text_r = bytes_of(b->at, n);
	b->at += n + 1;
	b->left -= n + 1;
	return 0;
}

int
bytes_copy(struct bytes *b, size_t n, uint8_t *out_r)
{
	if (b->left < n)
		return -1;
	/*@ loop invariant 0 <= i <= n;
	    loop assigns i, out_r[0 .. n - 1];
	    loop variant n - i;
	*/
	for (size_t i = 0; i < n; i++)
		out_r[i] = b->at[i];
	b->at += n;
	b->left -= n;
	return 0;
}

int
bytes_string(const struct bytes *b, char *out_r)
{
	/*@ loop invariant 0 <= i <= b->left;
	    loop invariant \forall integer k; 0 <= k < i ==> out_r[k] != 0;
	    loop assigns i, out_r[0 .. b->left - 1];
	    loop variant b->left - i;
	*/
	for (size_t i = 0; i < b->left; i++) {
		if (b->at[i] == 0)
			return -1;
		out_r[i] = (char)b->at[i];
	}
	out_r[b->left] = '\0';
	return 0;
}

int
bytes_peek(const struct bytes *b, size_t n)
{
	return n < b->left ? b->at[n] : -1;
}

void
bytes_trim(struct bytes *b, uint8_t byte)
{
	/*@ loop invariant b->left <= \at(b->left, Pre);
	    loop assigns b->left;
	    loop variant b->left;
	*/
	while (b->left > 0 && b->at[b->left - 1] == byte)
		b->left--;
}

enum line_end
bytes_line(struct bytes *b, struct line *l, size_t most)
{
	size_t n = 0, len = l->len;
	uint8_t byte = 0;

	/*@ loop invariant 0 <= n <= b->left && l->all + n <= most && len <= l->room;
	    loop assigns n, len, byte, l->kept[0 .. l->room - 1];
	    loop variant b->left - n;
	*/
	while (n < b->left && l->all + n < most && byte != '\n') {
		byte = b->at[n++];
		if (byte != '\n' && len < l->room)
			l->kept[len++] = byte;
	}
	if (byte == '\n' && len > 0 && l->kept[len - 1] == '\r')
		len--;
	b->at += n;
	b->left -= n;
	l->len = len;
	l->all += n;
	return byte == '\n' ? LINE_WHOLE : LINE_MORE;
}
