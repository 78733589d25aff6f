/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The bundle: everything from the file system that a child may ever see, in one sealed memory
 * object.  A list of named pieces; worker and checker find the canonical configuration in it and
 * the contents of the files that it names, the keeper only keys.
 */
#ifndef COMMON_BUNDLE_H
#define COMMON_BUNDLE_H

#include <stddef.h>
#include <stdint.h>

enum piece_kind {
	PIECE_CONF = 1,     /* canonical text; named by the file's absolute path, for conf_parse */
	PIECE_CERT = 2,     /* certificate chain of a frontend, PEM without private keys */
	PIECE_CA = 3,       /* client_ca or ca_file, PEM; named as in struct conf */
	PIECE_CRL = 4,      /* PEM */
	PIECE_BACKCERT = 5, /* certificate chain towards servers, PEM without private keys */
	PIECE_KEY = 6,      /* keeper: one private key, PEM */
	PIECE_HOSTS = 7,    /* checker: /etc/hosts */
	PIECE_RESOLV = 8,   /* checker: /etc/resolv.conf */
	PIECE_SEED = 9,     /* keeper: the seed of the ticket keys, raw bytes */
};

/* Name of the PIECE_CA that serves where no ca_file is given: the system's certificates. */
#define BUNDLE_SYSTEM_CA "system"

/* Who may have a key sign what: keeper only, or-ed. */
enum piece_use { USE_SERVER = 1 << 0, USE_CLIENT = 1 << 1 };

struct piece {
	enum piece_kind kind;
	uint32_t owner; /* PIECE_CERT: index of the frontend; PIECE_KEY: enum piece_use */
	uint32_t key;   /* certificates: their PIECE_KEY in the keeper's bundle: the n-th, from 0 */
	uint32_t flags; /* PIECE_CERT: PIECE_FOUND */
	const char *name; /* the file it came from, as messages should call it; NUL-terminated */
	const char *key_name; /* certificates: the file of the key; "" for the others */
	const void *data;
	size_t size; /* data[size] is a NUL, so that text may be read as a string */
};

/* Found through a parent directory: left out with an error line when not usable. */
#define PIECE_FOUND 1

/*
 * Writing, in the master.  bundle_new makes an empty memory object, bundle_add appends a piece
 * (of keys, the master writes data from its one buffer and wipes that) or returns -1 with errno,
 * after which the writer is good for bundle_writer_free only.  bundle_seal ends it and returns a
 * descriptor on which nothing can be changed any more (the caller's), or -1 with errno.  Neither
 * name may be NULL.
 */
struct bundle_writer;
struct bundle_writer *bundle_new(const char *what);
int bundle_add(struct bundle_writer *w, const struct piece *p);
int bundle_seal(struct bundle_writer *w);
void bundle_writer_free(struct bundle_writer **w);

/* Whether two sealed bundles are the same, byte for byte; neither is mapped. -1 with errno. */
int bundle_same(int fd_a, int fd_b);

/*
 * Reading, in a child.  Pieces point into the mapping and live as long as the bundle; fd may be
 * closed.  NULL with errno, EINVAL for what is not a sealed bundle.
 */
struct bundle;
struct bundle *bundle_open(int fd);
void bundle_close(struct bundle **b);
size_t bundle_count(const struct bundle *b);
/* NULL: it has fewer. */
const struct piece *bundle_piece(const struct bundle *b, size_t n);
/* The first piece of this kind with that name (NULL: any), or NULL. */
const struct piece *bundle_find(const struct bundle *b, enum piece_kind kind, const char *name);

#endif
