/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The board: what the master publishes about servers, read by workers and checker in place.
 *
 * Every slot holds two copies and a sequence number whose lowest bit says which of them counts.
 * The master writes the other one and then moves the number on.  So a reader never waits, also
 * when the master was killed in the middle, and never takes a copy that was being written.
 */
#include "common/board.h"
#include "common/memfd.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORDS       (sizeof(struct board_server) / sizeof(uint32_t))
#define STATE_WORDS (offsetof(struct board_server, addrs) / sizeof(uint32_t))
static_assert(sizeof(struct board_server) % sizeof(uint32_t) == 0, "copied by words");

struct slot {
	_Atomic uint32_t seq;
	uint32_t zero;
	_Atomic uint32_t copies[2][WORDS];
};
static_assert(ATOMIC_INT_LOCK_FREE == 2, "atomics must work across processes");

struct board {
	struct slot *slots; /* the mapping */
	size_t size;
	uint32_t count;
};

static struct board *
map(int fd, uint32_t slots, int prot)
{
	struct board *b = calloc(1, sizeof(*b));
	struct stat st;
	void *p;

	if (!b)
		return NULL;
	b->count = slots;
	b->size = (slots > 0 ? slots : 1) * sizeof(struct slot);
	if (fstat(fd, &st) == -1)
		goto failed;
	if (st.st_size < 0 || (size_t)st.st_size < b->size) {
		errno = EINVAL;
		goto failed;
	}
	p = mmap(NULL, b->size, prot, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		goto failed;
	b->slots = p;
	return b;
failed:
	free(b);
	return NULL;
}

struct board *
board_new(uint32_t slots, int *fd_r)
{
	size_t size = (slots > 0 ? slots : 1) * sizeof(struct slot);
	int fd = memfd_new("mailreeve-board", size);
	struct board *b = NULL;
	int err;

	if (fd == -1)
		return NULL;
	/* Not FUTURE_WRITE: a master that re-executes itself maps it once more. */
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		b = map(fd, slots, PROT_READ | PROT_WRITE);
	if (!b) {
		err = errno;
		close(fd);
		errno = err;
		return NULL;
	}
	*fd_r = fd;
	return b;
}

struct board *
board_adopt(int fd, uint32_t slots)
{
	return map(fd, slots, PROT_READ | PROT_WRITE);
}

size_t
board_slots(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1 || st.st_size < 0 || (size_t)st.st_size % sizeof(struct slot) != 0)
		return 0;
	return (size_t)st.st_size / sizeof(struct slot);
}

int
board_reader(int fd)
{
	return memfd_reader(fd);
}

struct board *
board_map(int fd, uint32_t slots)
{
	return map(fd, slots, PROT_READ);
}

void
board_unmap(struct board **b)
{
	if (!*b)
		return;
	munmap((*b)->slots, (*b)->size);
	free(*b);
	*b = NULL;
}

void
board_write(struct board *b, uint32_t slot, const struct board_server *s)
{
	uint32_t words[WORDS], seq;
	struct slot *to = &b->slots[slot];

	assert(slot < b->count && s->addr_count <= BOARD_ADDRS);
	memcpy(words, s, sizeof(*s));
	seq = atomic_load_explicit(&to->seq, memory_order_relaxed) + 1;
	/* Whoever sees one of these words also sees the number that made their copy the old one. */
	atomic_thread_fence(memory_order_release);
	for (size_t i = 0; i < WORDS; i++)
		atomic_store_explicit(&to->copies[seq & 1][i], words[i], memory_order_relaxed);
	atomic_store_explicit(&to->seq, seq, memory_order_release);
}

/* The first n words of a slot, as they were at one moment. */
static inline void
read_words(const struct board *b, uint32_t slot, uint32_t *words_r, size_t n)
{
	const struct slot *from = &b->slots[slot];
	uint32_t seq, again;

	assert(slot < b->count);
	again = atomic_load_explicit(&from->seq, memory_order_acquire);
	do {
		seq = again;
		for (size_t i = 0; i < n; i++)
			words_r[i] =
			    atomic_load_explicit(&from->copies[seq & 1][i], memory_order_relaxed);
		atomic_thread_fence(memory_order_acquire);
		again = atomic_load_explicit(&from->seq, memory_order_acquire);
	} while (again != seq);
}

void
board_read(const struct board *b, uint32_t slot, struct board_server *s_r)
{
	uint32_t words[WORDS];

	read_words(b, slot, words, WORDS);
	memcpy(s_r, words, sizeof(*s_r));
	if (s_r->addr_count > BOARD_ADDRS) /* the master's bug must not become ours */
		s_r->addr_count = 0;
}

void
board_read_state(const struct board *b, uint32_t slot, struct board_server *s_r)
{
	uint32_t words[STATE_WORDS];

	read_words(b, slot, words, STATE_WORDS);
	memcpy(s_r, words, sizeof(words));
	if (s_r->addr_count > BOARD_ADDRS)
		s_r->addr_count = 0;
}
