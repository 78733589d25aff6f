/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The bundle: what is put in comes out, nothing can be changed, and no wrong byte is believed. */
#include "common/bundle.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

static const struct piece pieces[] = {
	{ PIECE_CONF, 0, 0, 0, "/etc/mailreeve.conf", "", "frontends = ();", 15 },
	{ PIECE_CERT, 3, 7, PIECE_FOUND, "a.pem", "a.key", "-----BEGIN", 10 },
	{ PIECE_CERT, 4, 8, 0, "b.pem", "", "", 0 },
	{ PIECE_SEED, 0, 0, 0, "", "", "\0\1\2\0", 4 },
	{ PIECE_KEY, USE_SERVER | USE_CLIENT, 0, 0, "a.key", "", "12345678", 8 },
};
#define PIECES (sizeof(pieces) / sizeof(pieces[0]))

static int
sealed(size_t count)
{
	struct bundle_writer *w = bundle_new("test");
	int fd;

	ck_assert_ptr_nonnull(w);
	for (size_t i = 0; i < count; i++)
		ck_assert_int_eq(bundle_add(w, &pieces[i]), 0);
	fd = bundle_seal(w);
	ck_assert_int_ge(fd, 0);
	bundle_writer_free(&w);
	ck_assert_ptr_null(w);
	return fd;
}

START_TEST(what_goes_in_comes_out)
{
	int fd = sealed(PIECES);
	struct bundle *b = bundle_open(fd);

	close(fd);
	ck_assert_ptr_nonnull(b);
	ck_assert_uint_eq(bundle_count(b), PIECES);
	for (size_t i = 0; i < PIECES; i++) {
		const struct piece *p = bundle_piece(b, i);

		ck_assert_int_eq(p->kind, pieces[i].kind);
		ck_assert_uint_eq(p->owner, pieces[i].owner);
		ck_assert_uint_eq(p->key, pieces[i].key);
		ck_assert_uint_eq(p->flags, pieces[i].flags);
		ck_assert_str_eq(p->name, pieces[i].name);
		ck_assert_str_eq(p->key_name, pieces[i].key_name);
		ck_assert_uint_eq(p->size, pieces[i].size);
		ck_assert_int_eq(memcmp(p->data, pieces[i].data, p->size), 0);
		ck_assert_int_eq(((const char *)p->data)[p->size], 0);
	}
	ck_assert_ptr_null(bundle_piece(b, PIECES));
	ck_assert_ptr_eq(bundle_find(b, PIECE_CERT, NULL), bundle_piece(b, 1));
	ck_assert_ptr_eq(bundle_find(b, PIECE_CERT, "b.pem"), bundle_piece(b, 2));
	ck_assert_ptr_null(bundle_find(b, PIECE_CA, NULL));
	ck_assert_ptr_null(bundle_find(b, PIECE_CONF, "b.pem"));
	bundle_close(&b);
	ck_assert_ptr_null(b);
	bundle_close(&b);
}
END_TEST

START_TEST(empty)
{
	struct bundle *b = bundle_open(sealed(0));

	ck_assert_ptr_nonnull(b);
	ck_assert_uint_eq(bundle_count(b), 0);
}
END_TEST

START_TEST(nothing_can_change_it)
{
	int fd = sealed(PIECES);

	ck_assert_int_eq(fcntl(fd, F_GET_SEALS) & SEALS, SEALS);
	ck_assert_int_eq(pwrite(fd, "x", 1, 0), -1);
	ck_assert_int_eq(ftruncate(fd, 0), -1);
	ck_assert_ptr_eq(mmap(NULL, 16, PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
}
END_TEST

START_TEST(too_large)
{
	struct bundle_writer *w = bundle_new("test");
	struct piece p = { PIECE_CA, 0, 0, 0, "big", "", "", (size_t)1 << 40 };

	ck_assert_int_eq(bundle_add(w, &p), -1);
	ck_assert_int_eq(errno, EFBIG);
	p.size = SIZE_MAX - 8;
	ck_assert_int_eq(bundle_add(w, &p), -1);
	bundle_writer_free(&w);
	bundle_writer_free(&w);
}
END_TEST

START_TEST(same_or_not)
{
	struct bundle_writer *w;
	static char big[40000];
	struct piece p = { PIECE_KEY, 0, 0, 0, "n", "", big, sizeof(big) };
	int fds[3];

	ck_assert_int_eq(bundle_same(sealed(PIECES), sealed(PIECES)), 1);
	ck_assert_int_eq(bundle_same(sealed(0), sealed(0)), 1);
	ck_assert_int_eq(bundle_same(sealed(PIECES), sealed(PIECES - 1)), 0);
	ck_assert_int_eq(bundle_same(sealed(PIECES), -1), -1);
	for (int i = 0; i < 3; i++) {
		w = bundle_new("test");
		big[sizeof(big) - 1] = (char)(i / 2); /* the third differs in its last byte */
		ck_assert_int_eq(bundle_add(w, &p), 0);
		fds[i] = bundle_seal(w);
	}
	ck_assert_int_eq(bundle_same(fds[0], fds[1]), 1);
	ck_assert_int_eq(bundle_same(fds[0], fds[2]), 0);
}
END_TEST

/* Open these bytes as a bundle, sealed as one. */
static struct bundle *
opened(const void *bytes, size_t size, int seals)
{
	int fd = memfd_create("test", MFD_ALLOW_SEALING);
	struct bundle *b;

	ck_assert_int_eq(write(fd, bytes, size), (ssize_t)size);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
	b = bundle_open(fd);
	close(fd);
	return b;
}

/* Touch everything that a reader could. */
static size_t
read_all(const struct bundle *b)
{
	size_t sum = 0;

	for (size_t i = 0; i < bundle_count(b); i++) {
		const struct piece *p = bundle_piece(b, i);

		sum += strlen(p->name) + strlen(p->key_name);
		for (size_t j = 0; j <= p->size; j++)
			sum += ((const unsigned char *)p->data)[j];
	}
	return sum;
}

static unsigned char image[4096];
static size_t image_size;

static void
setup(void)
{
	int fd = sealed(PIECES);
	struct stat st;

	ck_assert_int_eq(fstat(fd, &st), 0);
	image_size = (size_t)st.st_size;
	ck_assert_uint_le(image_size, sizeof(image));
	ck_assert_int_eq(pread(fd, image, image_size, 0), st.st_size);
	close(fd);
}

START_TEST(unsealed)
{
	struct bundle *b = opened(image, image_size, SEALS);

	ck_assert_ptr_nonnull(b);
	bundle_close(&b);
	for (int seal = F_SEAL_SEAL; seal <= F_SEAL_WRITE; seal <<= 1) {
		ck_assert_ptr_null(opened(image, image_size, SEALS & ~seal));
		ck_assert_int_eq(errno, EINVAL);
	}
	ck_assert_ptr_null(bundle_open(-1));
	ck_assert_int_eq(errno, EBADF);
}
END_TEST

START_TEST(every_length)
{
	for (size_t n = 0; n < image_size; n++)
		ck_assert_msg(!opened(image, n, SEALS), "%zu of %zu bytes", n, image_size);
	image[image_size] = 0;
	ck_assert_ptr_null(opened(image, image_size + 1, SEALS));
	ck_assert_ptr_null(opened(image, image_size + 8, SEALS));
}
END_TEST

/* Each byte in turn set to what upsets sizes: refused, or readable to its end. */
START_TEST(every_byte)
{
	static const unsigned char wrong[] = { 0, 1, 8, 0x7f, 0x80, 0xff };

	for (size_t at = 0; at < image_size; at++) {
		unsigned char was = image[at];
		struct bundle *b;

		for (size_t i = 0; i < sizeof(wrong); i++) {
			image[at] = wrong[i];
			b = opened(image, image_size, SEALS);
			if (at < 24 && wrong[i] != was)
				ck_assert_msg(!b, "head's byte %zu as %d", at, wrong[i]);
			if (b)
				ck_assert_uint_le(read_all(b), 256 * image_size);
			bundle_close(&b);
		}
		image[at] = was;
	}
}
END_TEST

/* Fields of the first record, at their offsets in the image. */
static const struct {
	const char *name;
	size_t at, size;
	uint64_t value;
} lies[] = {
	{ "no such kind", 24, 4, 0 },
	{ "no such kind", 24, 4, PIECE_SEED + 1 },
	{ "name longer", 40, 4, 20 },
	{ "name shorter", 40, 4, 18 },
	{ "a NUL in the name", 60, 1, 0 },
	{ "name without end", 40, 4, 0xffffffff },
	{ "key name longer", 44, 4, 5 },
	{ "data shorter", 48, 8, 14 },
	{ "data past the end", 48, 8, 4000 },
	{ "data wraps", 48, 8, UINT64_MAX },
	{ "data wraps to itself", 48, 8, UINT64_MAX - 70 },
	{ "one piece less", 16, 8, PIECES - 1 },
	{ "one piece more", 16, 8, PIECES + 1 },
	{ "pieces that wrap", 16, 8, UINT64_MAX / 32 + 2 },
};

START_TEST(lie)
{
	memcpy(image + lies[_i].at, &lies[_i].value, lies[_i].size);
	ck_assert_msg(!opened(image, image_size, SEALS), "%s: believed", lies[_i].name);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("bundle");
	TCase *t = tcase_create("bundle");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, what_goes_in_comes_out);
	tcase_add_test(t, empty);
	tcase_add_test(t, nothing_can_change_it);
	tcase_add_test(t, too_large);
	tcase_add_test(t, same_or_not);
	tcase_add_test(t, unsealed);
	tcase_add_test(t, every_length);
	tcase_add_test(t, every_byte);
	tcase_add_loop_test(t, lie, 0, sizeof(lies) / sizeof(lies[0]));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
