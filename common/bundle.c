/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The bundle: written by the master, read by children.
 *
 * A head, then the pieces one after another: a record with the sizes, the name, the key's name and
 * the data, each of them with a NUL behind it, padded to eight bytes.  The bytes of a key go from
 * the writer's caller into the sealed memory and from there to their reader without a copy in
 * between.  The reader believes nothing: every size is checked before it is used.
 */
#include "common/bundle.h"
#include "common/memfd.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAGIC     UINT64_C(0x31306c646e42524d) /* "MRBndl01" */
#define SEALS     (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)
#define SIZE_MOST ((size_t)1 << 30)

struct head {
	uint64_t magic;
	uint64_t size; /* of everything */
	uint64_t count;
};

struct record {
	uint32_t kind, owner, key, flags;
	uint32_t name, key_name; /* bytes, without the NUL */
	uint64_t data;
};
static_assert(sizeof(struct head) == 24 && sizeof(struct record) == 32, "padding");

/* ---- Writing ---- */

struct bundle_writer {
	int fd;
	struct head head;
};

static size_t
padded(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

struct bundle_writer *
bundle_new(const char *what)
{
	struct bundle_writer *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->head = (struct head){ .magic = MAGIC, .size = sizeof(struct head) };
	w->fd = memfd_new(what, 0);
	if (w->fd == -1)
		bundle_writer_free(&w);
	return w;
}

void
bundle_writer_free(struct bundle_writer **w)
{
	if (!*w)
		return;
	if ((*w)->fd != -1)
		close((*w)->fd);
	free(*w);
	*w = NULL;
}

/* The kernel's structure has no const, for it serves both ways. */
static struct iovec
part(const void *data, size_t size)
{
	struct iovec v = { .iov_len = size };

	memcpy(&v.iov_base, &data, sizeof(data));
	return v;
}

int
bundle_add(struct bundle_writer *w, const struct piece *p)
{
	static const char zero[16];
	struct record rec = {
		.kind = p->kind,
		.owner = p->owner,
		.key = p->key,
		.flags = p->flags,
		.name = (uint32_t)strlen(p->name),
		.key_name = (uint32_t)strlen(p->key_name),
		.data = p->size,
	};
	size_t bytes = sizeof(rec) + rec.name + 1 + rec.key_name + 1 + p->size + 1;
	size_t size = padded(bytes);
	struct iovec iov[5];
	ssize_t n;

	if (p->size > SIZE_MOST || size > SIZE_MOST - w->head.size) {
		errno = EFBIG;
		return -1;
	}
	iov[0] = part(&rec, sizeof(rec));
	iov[1] = part(p->name, rec.name + 1);
	iov[2] = part(p->key_name, rec.key_name + 1);
	iov[3] = part(p->data, p->size);
	iov[4] = part(zero, 1 + size - bytes);
	n = pwritev(w->fd, iov, 5, (off_t)w->head.size);
	if (n != (ssize_t)size) {
		if (n != -1)
			errno = ENOSPC;
		return -1;
	}
	w->head.size += size;
	w->head.count++;
	return 0;
}

int
bundle_seal(struct bundle_writer *w)
{
	int ro;

	if (pwrite(w->fd, &w->head, sizeof(w->head), 0) != (ssize_t)sizeof(w->head))
		return -1;
	if (fcntl(w->fd, F_ADD_SEALS, SEALS) == -1)
		return -1;
	ro = w->fd;
	w->fd = -1;
	return ro;
}

int
bundle_same(int fd_a, int fd_b)
{
	static unsigned char buf[2][16384];
	struct stat a, b;
	int same = 1;

	if (fstat(fd_a, &a) == -1 || fstat(fd_b, &b) == -1)
		return -1;
	if (a.st_size != b.st_size)
		return 0;
	for (off_t at = 0; same == 1 && at < a.st_size; at += (off_t)sizeof(buf[0])) {
		ssize_t n = pread(fd_a, buf[0], sizeof(buf[0]), at);

		if (n <= 0 || pread(fd_b, buf[1], sizeof(buf[1]), at) != n)
			same = -1;
		else if (memcmp(buf[0], buf[1], (size_t)n) != 0)
			same = 0;
	}
	explicit_bzero(buf, sizeof(buf)); /* there may be keys in it */
	return same;
}

/* ---- Reading ---- */

struct bundle {
	void *map;
	size_t size;
	size_t count;
	struct piece pieces[];
};

/* A text of n bytes and its NUL at *at, which moves behind it; NULL if it is not there. */
static const char *
text_at(const char *map, size_t size, size_t *at, size_t n)
{
	const char *s = map + *at;

	if (n >= size - *at || s[n] != '\0')
		return NULL;
	*at += n + 1;
	return s;
}

static int
read_piece(const char *map, size_t size, size_t *at, struct piece *p_r)
{
	struct record rec;

	if (sizeof(rec) > size - *at)
		return -1;
	memcpy(&rec, map + *at, sizeof(rec));
	*at += sizeof(rec);
	if (rec.kind < PIECE_CONF || rec.kind > PIECE_SEED)
		return -1;
	*p_r = (struct piece){
		.kind = (enum piece_kind)rec.kind,
		.owner = rec.owner,
		.key = rec.key,
		.flags = rec.flags,
		.name = text_at(map, size, at, rec.name),
		.size = rec.data,
	};
	if (!p_r->name || strlen(p_r->name) != rec.name)
		return -1;
	p_r->key_name = text_at(map, size, at, rec.key_name);
	if (!p_r->key_name || strlen(p_r->key_name) != rec.key_name)
		return -1;
	p_r->data = text_at(map, size, at, rec.data);
	if (!p_r->data)
		return -1;
	/* What pads the last piece is there, too. */
	*at = padded(*at);
	return *at <= size ? 0 : -1;
}

static struct bundle *
parse(void *map, size_t size)
{
	struct bundle *b;
	struct head head;
	size_t at = sizeof(head);

	memcpy(&head, map, sizeof(head));
	if (head.magic != MAGIC || head.size != size ||
	    head.count > (size - at) / sizeof(struct record))
		return NULL;
	b = calloc(1, sizeof(*b) + head.count * sizeof(struct piece));
	if (!b)
		return NULL;
	b->map = map;
	b->size = size;
	for (; b->count < head.count; b->count++)
		if (read_piece(map, size, &at, &b->pieces[b->count]) == -1)
			break;
	if (b->count == head.count && at == size)
		return b;
	free(b);
	return NULL;
}

struct bundle *
bundle_open(int fd)
{
	struct bundle *b;
	struct stat st;
	void *map;
	int seals;

	/* Unless it is sealed, what was checked might change, and the end might come nearer. */
	seals = fcntl(fd, F_GET_SEALS);
	if (seals == -1 || fstat(fd, &st) == -1)
		return NULL;
	if ((seals & SEALS) != SEALS || st.st_size < (off_t)sizeof(struct head) ||
	    st.st_size > (off_t)SIZE_MOST) {
		errno = EINVAL;
		return NULL;
	}
	/* Private: older kernels refuse a shared mapping of sealed memory, even to read. */
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return NULL;
	b = parse(map, (size_t)st.st_size);
	if (!b) {
		munmap(map, (size_t)st.st_size);
		errno = EINVAL;
	}
	return b;
}

void
bundle_close(struct bundle **b)
{
	if (!*b)
		return;
	munmap((*b)->map, (*b)->size);
	free(*b);
	*b = NULL;
}

size_t
bundle_count(const struct bundle *b)
{
	return b->count;
}

const struct piece *
bundle_piece(const struct bundle *b, size_t n)
{
	return n < b->count ? &b->pieces[n] : NULL;
}

const struct piece *
bundle_find(const struct bundle *b, enum piece_kind kind, const char *name)
{
	for (size_t i = 0; i < b->count; i++)
		if (b->pieces[i].kind == kind && (!name || strcmp(b->pieces[i].name, name) == 0))
			return &b->pieces[i];
	return NULL;
}
