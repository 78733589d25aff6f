/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The cursor: what it takes, and that it takes nothing when there is too little. */
#include "common/bytes.h"

#include <check.h>
#include <string.h>

static const uint8_t sample[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };

static const struct {
	const char *name;
	size_t size, n;
	int result;
	size_t value;
} numbers[] = {
	{ "none", 9, 0, 0, 0 },
	{ "one", 9, 1, 0, 0x01 },
	{ "two", 9, 2, 0, 0x0102 },
	{ "three", 9, 3, 0, 0x010203 },
	{ "four, all there are", 4, 4, 0, 0x01020304 },
	{ "one too few", 3, 4, -1, 77 },
	{ "of nothing", 0, 1, -1, 77 },
};

START_TEST(number)
{
	struct bytes b = bytes_of(sample, numbers[_i].size);
	size_t value = 77, taken = numbers[_i].result == 0 ? numbers[_i].n : 0;

	ck_assert_int_eq(bytes_number(&b, numbers[_i].n, &value), numbers[_i].result);
	ck_assert_uint_eq(value, numbers[_i].value);
	ck_assert_ptr_eq(b.at, sample + taken);
	ck_assert_uint_eq(b.left, numbers[_i].size - taken);
}
END_TEST

START_TEST(native_number)
{
	const uint32_t small = 0xfedcba98;
	const uint64_t large = UINT64_C(0xfedcba9876543210);
	uint8_t raw[12];
	struct bytes b = bytes_of(raw, sizeof(raw));
	uint64_t value;

	memcpy(raw, &small, 4);
	memcpy(raw + 4, &large, 8);
	ck_assert_int_eq(bytes_native(&b, 4, &value), 0);
	ck_assert_uint_eq(value, small);
	ck_assert_int_eq(bytes_native(&b, 8, &value), 0);
	ck_assert_uint_eq(value, large);
	ck_assert_int_eq(bytes_native(&b, 1, &value), -1);
}
END_TEST

static const struct {
	const char *name;
	uint8_t bytes[6];
	size_t size;
	int result;
	size_t length;
} vectors[] = {
	{ "empty", { 0, 0 }, 2, 0, 0 },
	{ "three bytes and one behind", { 0, 3, 'a', 'b', 'c', 'd' }, 6, 0, 3 },
	{ "all that is left", { 0, 4, 'a', 'b', 'c', 'd' }, 6, 0, 4 },
	{ "one more than there are", { 0, 5, 'a', 'b', 'c', 'd' }, 6, -1, 0 },
	{ "far more than there are", { 255, 255, 'a', 'b', 'c', 'd' }, 6, -1, 0 },
	{ "half a length", { 0 }, 1, -1, 0 },
};

START_TEST(vector)
{
	struct bytes b = bytes_of(vectors[_i].bytes, vectors[_i].size), v;

	ck_assert_int_eq(bytes_vector(&b, 2, &v), vectors[_i].result);
	if (vectors[_i].result == -1) {
		ck_assert_ptr_eq(b.at, vectors[_i].bytes);
		ck_assert_uint_eq(b.left, vectors[_i].size);
		return;
	}
	ck_assert_ptr_eq(v.at, vectors[_i].bytes + 2);
	ck_assert_uint_eq(v.left, vectors[_i].length);
	ck_assert_ptr_eq(b.at, v.at + v.left);
	ck_assert_uint_eq(b.left, vectors[_i].size - 2 - v.left);
}
END_TEST

START_TEST(field_and_copy)
{
	struct bytes b = bytes_of(sample, sizeof(sample)), field;
	uint8_t out[4] = { 0 };

	ck_assert_int_eq(bytes_field(&b, 4, &field), 0);
	ck_assert_ptr_eq(field.at, sample);
	ck_assert_uint_eq(field.left, 4);
	ck_assert_int_eq(bytes_copy(&b, 4, out), 0);
	ck_assert_mem_eq(out, sample + 4, 4);
	ck_assert_uint_eq(b.left, 1);
	ck_assert_int_eq(bytes_field(&b, 2, &field), -1);
	ck_assert_int_eq(bytes_copy(&b, 2, out), -1);
	ck_assert_uint_eq(b.left, 1);
}
END_TEST

static const struct {
	const char *name, *bytes;
	size_t size, n;
	int result;
} texts[] = {
	{ "one with its NUL", "ab\0c", 4, 2, 0 },
	{ "empty", "\0", 1, 0, 0 },
	{ "without a NUL", "abc", 3, 2, -1 },
	{ "its NUL is behind the end", "ab\0", 2, 2, -1 },
	{ "a NUL within", "a\0b\0", 4, 3, -1 },
	{ "a length past the end", "ab\0", 3, SIZE_MAX, -1 },
};

START_TEST(text)
{
	struct bytes b = bytes_of((const uint8_t *)texts[_i].bytes, texts[_i].size), t;

	ck_assert_int_eq(bytes_text(&b, texts[_i].n, &t), texts[_i].result);
	if (texts[_i].result == 0)
		ck_assert_uint_eq(t.left, texts[_i].n);
	ck_assert_uint_eq(b.left, texts[_i].size - (texts[_i].result ? 0 : texts[_i].n + 1));
}
END_TEST

START_TEST(string)
{
	struct bytes b = bytes_of((const uint8_t *)"mail\0x", 4);
	char out[8] = "???????";

	ck_assert_int_eq(bytes_string(&b, out), 0);
	ck_assert_str_eq(out, "mail");
	b.left = 6;
	ck_assert_int_eq(bytes_string(&b, out), -1);
}
END_TEST

START_TEST(peek_and_trim)
{
	struct bytes b = bytes_of((const uint8_t *)"a\0\0", 3);

	ck_assert_int_eq(bytes_peek(&b, 0), 'a');
	ck_assert_int_eq(bytes_peek(&b, 2), 0);
	ck_assert_int_eq(bytes_peek(&b, 3), -1);
	bytes_trim(&b, 0);
	ck_assert_uint_eq(b.left, 1);
	bytes_trim(&b, 'a');
	ck_assert_uint_eq(b.left, 0);
	bytes_trim(&b, 'a');
	ck_assert_uint_eq(b.left, 0);
}
END_TEST

static const struct {
	const char *name, *bytes;
	size_t most;
	enum line_end end;
	const char *kept;
	size_t all, left;
} lines[] = {
	{ "CR LF", "ab\r\nc", 99, LINE_WHOLE, "ab", 4, 1 },
	{ "LF alone", "ab\nc", 99, LINE_WHOLE, "ab", 3, 1 },
	{ "empty", "\r\n", 99, LINE_WHOLE, "", 2, 0 },
	{ "not yet whole", "abc", 99, LINE_MORE, "abc", 3, 0 },
	{ "longer than what is kept", "abcdefgh\r\n", 99, LINE_WHOLE, "abcd", 10, 0 },
	{ "at the bound", "ab\r\n", 4, LINE_WHOLE, "ab", 4, 0 },
	{ "past the bound", "ab\r\n", 3, LINE_MORE, "ab\r", 3, 1 },
};

/* In one piece, and byte by byte. */
START_TEST(line)
{
	size_t size = strlen(lines[_i].bytes);

	for (int whole = 0; whole <= 1; whole++) {
		char kept[4];
		struct line l = { .kept = (uint8_t *)kept, .room = sizeof(kept) };
		enum line_end end = LINE_MORE;
		size_t at = 0;

		while (end == LINE_MORE && at < size && l.all < lines[_i].most) {
			size_t n = whole ? size : 1;
			struct bytes b = bytes_of((const uint8_t *)lines[_i].bytes + at, n);

			end = bytes_line(&b, &l, lines[_i].most);
			at += n - b.left;
		}
		ck_assert_int_eq(end, lines[_i].end);
		ck_assert_uint_eq(l.len, strlen(lines[_i].kept));
		ck_assert_mem_eq(kept, lines[_i].kept, l.len);
		ck_assert_uint_eq(l.all, lines[_i].all);
		ck_assert_uint_eq(size - at, lines[_i].left);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("bytes");
	TCase *t = tcase_create("bytes");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, number, 0, sizeof(numbers) / sizeof(numbers[0]));
	tcase_add_test(t, native_number);
	tcase_add_loop_test(t, vector, 0, sizeof(vectors) / sizeof(vectors[0]));
	tcase_add_test(t, field_and_copy);
	tcase_add_loop_test(t, text, 0, sizeof(texts) / sizeof(texts[0]));
	tcase_add_test(t, string);
	tcase_add_test(t, peek_and_trim);
	tcase_add_loop_test(t, line, 0, sizeof(lines) / sizeof(lines[0]));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
