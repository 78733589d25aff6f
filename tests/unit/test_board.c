/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Shared memory: consistent copies, and who can write what. */
#include "common/board.h"
#include "common/tally.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SLOTS 3

/* A server all of whose words are n, but for the count of addresses. */
static struct board_server
made_of(uint32_t n)
{
	struct board_server s;
	uint32_t words[sizeof(s) / 4];

	for (size_t i = 0; i < sizeof(s) / 4; i++)
		words[i] = n;
	memcpy(&s, words, sizeof(s));
	s.addr_count = n % (BOARD_ADDRS + 1);
	return s;
}

START_TEST(what_is_written_is_read)
{
	struct board_server s, got, state;
	struct board *b, *r;
	int fd = -1, ro;

	b = board_new(SLOTS, &fd);
	ck_assert_ptr_nonnull(b);
	ro = board_reader(fd);
	ck_assert_int_ge(ro, 0);
	r = board_map(ro, SLOTS);
	ck_assert_ptr_nonnull(r);
	board_read(r, 2, &got);
	ck_assert_uint_eq(got.addr_count, 0);
	for (uint32_t n = 1; n < 20; n++) {
		s = made_of(n);
		board_write(b, n % SLOTS, &s);
		board_read(r, n % SLOTS, &got);
		ck_assert_mem_eq(&got, &s, sizeof(s));
		board_read_state(r, n % SLOTS, &state);
		ck_assert_mem_eq(&state, &s, offsetof(struct board_server, addrs));
		if (n > 1) {
			s = made_of(n - 1);
			board_read(r, (n - 1) % SLOTS, &got);
			ck_assert_mem_eq(&got, &s, sizeof(s));
		}
	}
	board_unmap(&b);
	ck_assert_ptr_null(b);
	/* The next master goes on where this one stopped. */
	b = board_adopt(fd, SLOTS);
	board_read(b, 1, &got);
	s = made_of(19);
	ck_assert_mem_eq(&got, &s, sizeof(s));
	s = made_of(99);
	board_write(b, 1, &s);
	board_read(r, 1, &got);
	ck_assert_mem_eq(&got, &s, sizeof(s));
	board_unmap(&b);
	board_unmap(&r);
	board_unmap(&r);
}
END_TEST

/* Readers beside a busy writer, which is then killed wherever it is. */
START_TEST(never_half_a_copy)
{
	struct board_server s, got;
	uint32_t last = 0;
	struct board *b, *r;
	int fd = -1;
	pid_t pid;

	b = board_new(SLOTS, &fd);
	r = board_map(board_reader(fd), SLOTS);
	pid = fork();
	if (pid == 0)
		for (uint32_t n = 1;; n++) {
			s = made_of(n);
			board_write(b, 1, &s);
		}
	for (int i = 0; i < 300000 || last < 1000; i++) {
		board_read(r, 1, &got);
		ck_assert_uint_ge(got.health, last);
		last = got.health;
		if (last == 0)
			continue;
		s = made_of(last);
		ck_assert_mem_eq(&got, &s, sizeof(s));
		if (i == 200000)
			kill(pid, SIGKILL);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	board_unmap(&r);
	board_unmap(&b);
	close(fd);
}
END_TEST

START_TEST(bugs_end_the_process)
{
	struct board_server s = { 0 };
	int fd;
	struct board *b = board_new(SLOTS, &fd);

	if (_i == 0)
		board_write(b, SLOTS, &s);
	if (_i == 1)
		board_read(b, SLOTS, &s);
	s.addr_count = BOARD_ADDRS + 1;
	board_write(b, 0, &s);
}
END_TEST

/* What a hostile holder of a descriptor can do to it. */
static void
cannot_resize(int fd)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	struct stat st;

	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(ftruncate(fd, 0), -1);
	ck_assert_int_eq(ftruncate(fd, st.st_size * 2), -1);
	ck_assert_int_eq(fcntl(fd, F_GET_SEALS) & seals, seals);
}

static void
cannot_write(int fd)
{
	void *p;

	cannot_resize(fd);
	ck_assert_int_eq(write(fd, "x", 1), -1);
	ck_assert_ptr_eq(mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(p, MAP_FAILED);
	ck_assert_int_eq(mprotect(p, 4096, PROT_READ | PROT_WRITE), -1);
	ck_assert_int_eq(errno, EACCES);
}

START_TEST(readers_cannot_write)
{
	int board = -1, tally = -1;
	struct stat st;

	ck_assert_ptr_nonnull(board_new(SLOTS, &board));
	ck_assert_ptr_nonnull(tally_new(2, SLOTS, &tally));
	cannot_write(board_reader(board));
	cannot_write(tally_reader(tally));
	cannot_resize(tally);
	ck_assert_int_eq(fcntl(board, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fcntl(tally_reader(tally), F_GETFD), FD_CLOEXEC);
	/* Nor by opening it again under another identity. */
	ck_assert_int_eq(fstat(board, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
}
END_TEST

START_TEST(too_small)
{
	int fd = -1;

	ck_assert_ptr_nonnull(board_new(SLOTS, &fd));
	ck_assert_ptr_null(board_map(fd, 10 * SLOTS));
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_ptr_nonnull(tally_new(1, SLOTS, &fd));
	ck_assert_ptr_null(tally_map(fd, 1, SLOTS + 1, 0));
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_ptr_null(tally_map(fd, 2, SLOTS, 1));
	ck_assert_ptr_null(tally_map(-1, 1, SLOTS, 0));
	ck_assert_int_eq(errno, EBADF);
}
END_TEST

START_TEST(tally_counts)
{
	struct tally *master, *own, *other;
	int fd = -1;

	master = tally_new(2, SLOTS, &fd);
	own = tally_map(fd, 2, SLOTS, 1);
	other = tally_map(tally_reader(fd), 2, SLOTS, 0);
	ck_assert_ptr_nonnull(master);
	ck_assert_ptr_nonnull(own);
	ck_assert_ptr_nonnull(other);
	atomic_fetch_add(&own->worker->total, 5);
	atomic_fetch_add(&own->frontends[1].refused, 6);
	atomic_fetch_add(&own->servers[0].active, 7);
	atomic_fetch_add(&own->servers[2].bytes_out, 8);
	for (int i = 0; i < 2; i++) {
		struct tally *t = i ? other : master;

		ck_assert_uint_eq(atomic_load(&t->worker->total), 5);
		ck_assert_uint_eq(atomic_load(&t->frontends[1].refused), 6);
		ck_assert_uint_eq(atomic_load(&t->frontends[0].refused), 0);
		ck_assert_uint_eq(atomic_load(&t->servers[0].active), 7);
		ck_assert_uint_eq(atomic_load(&t->servers[2].bytes_out), 8);
	}
	ck_assert((char *)(own->servers + SLOTS) <= (char *)own->map + own->size);
	tally_unmap(&master);
	tally_unmap(&own);
	tally_unmap(&other);
	tally_unmap(&other);
}
END_TEST

START_TEST(nothing_to_share)
{
	int fd = -1;
	struct board *b = board_new(0, &fd);

	ck_assert_ptr_nonnull(b);
	ck_assert_ptr_nonnull(board_map(fd, 0));
	ck_assert_ptr_nonnull(tally_new(0, 0, &fd));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("board");
	TCase *t = tcase_create("board");
	SRunner *r;
	int failed;

	tcase_add_test(t, what_is_written_is_read);
	tcase_add_test(t, never_half_a_copy);
	tcase_add_loop_test_raise_signal(t, bugs_end_the_process, SIGABRT, 0, 3);
	tcase_add_test(t, readers_cannot_write);
	tcase_add_test(t, too_small);
	tcase_add_test(t, tally_counts);
	tcase_add_test(t, nothing_to_share);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
