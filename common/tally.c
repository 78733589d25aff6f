/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Tallies: a worker's counters, which the master and the other workers read in place.
 *
 * The reader computes where each counter stands from its own configuration; nothing in the memory,
 * which a hostile worker may fill as it likes, says a size or an index.  The seals keep it from
 * being cut short under its readers.
 */
#include "common/tally.h"

#include "common/memfd.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "atomics must work across processes");

static size_t
tally_size(uint32_t frontends, uint32_t slots)
{
	return sizeof(struct tally_worker) + frontends * sizeof(struct tally_frontend) +
	    slots * sizeof(struct tally_server);
}

struct tally *
tally_map(int fd, uint32_t frontends, uint32_t slots, int writable)
{
	struct tally *t = calloc(1, sizeof(*t));
	struct stat st;

	if (!t)
		return NULL;
	t->size = tally_size(frontends, slots);
	if (fstat(fd, &st) == -1)
		goto failed;
	if (st.st_size < 0 || (size_t)st.st_size < t->size) {
		errno = EINVAL;
		goto failed;
	}
	t->map =
	    mmap(NULL, t->size, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
	if (t->map == MAP_FAILED)
		goto failed;
	t->worker = t->map;
	t->frontends = (struct tally_frontend *)(void *)(t->worker + 1);
	t->servers = (struct tally_server *)(void *)(t->frontends + frontends);
	return t;
failed:
	free(t);
	return NULL;
}

struct tally *
tally_new(uint32_t frontends, uint32_t slots, int *fd_r)
{
	int fd = memfd_new("mailreeve-tally", tally_size(frontends, slots));
	struct tally *t = NULL;
	int err;

	if (fd == -1)
		return NULL;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		t = tally_map(fd, frontends, slots, 0);
	if (!t) {
		err = errno;
		close(fd);
		errno = err;
		return NULL;
	}
	*fd_r = fd;
	return t;
}

int
tally_reader(int fd)
{
	return memfd_reader(fd);
}

void
tally_unmap(struct tally **t)
{
	if (!*t)
		return;
	munmap((*t)->map, (*t)->size);
	free(*t);
	*t = NULL;
}
