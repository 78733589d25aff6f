/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* What the files bundles*.c share.  Nobody else includes this. */
#ifndef MASTER_BUNDLE_INT_H
#define MASTER_BUNDLE_INT_H

#include "common/bundle.h"
#include "common/conf.h"
#include "master/bundle/files.h"
#include "master/bundle/pairs.h"
#include "master/bundle/pem.h"
#include "master/host/helper.h"

#define FILE_MOST (16 * 1024 * 1024) /* a CA bundle or a CRL */
#define KEY_MOST  (256 * 1024)       /* a file with a key in it, and so its locked memory */

/* The keeper's keys by number. */
struct key_file {
	char *path;
	uint32_t use;  /* enum piece_use, or-ed */
	int line;      /* who named it first */
	uint32_t held; /* its number in the keeper's bundle that serves, from 1; 0: read the file */
};

struct bundler {
	const struct conf *conf;
	const char *conf_path;
	const struct shown *now; /* that serves; or NULL */
	int shows;               /* a frontend has a certificate */
	int anew;                /* what is held is read anew as well */
	struct problems *p;
	struct bundle_writer *writers[HELPER_COUNT];
	struct key_file *keys;
	size_t key_count;
	struct {
		enum piece_kind kind;
		unsigned helpers; /* who has it, by number of enum helper */
		const char *name;
	} * shared; /* CAs and CRLs: each is given once, however often it is named */
	size_t shared_count;
	char *buf; /* the one buffer: FILE_MOST */
	char *out; /* blocks without private keys: FILE_MOST */
	int line;  /* of the group whose files are read */
	/* while one `certificates` is looked at */
	uint32_t frontend;
	size_t usable;
	int key_is_named;   /* a group names it: no other will do */
	char why[FILE_WHY]; /* a directory cannot be searched */
};

/* bundler.c: an error at the line of the group whose files are read. */
void bundler_complain(struct bundler *b, const char *why);
void bundler_add(struct bundler *b, enum helper who, const struct piece *piece);
/* A file of CAs or a CRL, for these helpers, once each. */
void bundler_add_blocks(
    struct bundler *b, unsigned helpers, enum piece_kind kind, const char *path, const char *name);

/* Which of these helpers do not have that CA or CRL yet; they count as having it from now on. */
unsigned
bundler_not_yet(struct bundler *b, unsigned helpers, enum piece_kind kind, const char *name);
/* The blocks of one kind of a file, in b->out.  Returns their length, or -1 with the reason. */
ssize_t bundler_read(struct bundler *b, const char *path, enum pem_kind kind, char why_r[FILE_WHY]);
/* Say what the len bytes in the buffer are if they have nothing that is looked for: 1, or 0. */
int
bundler_is_other_form(const struct bundler *b, size_t len, const char *path, char why_r[FILE_WHY]);
/* Of memory, descriptors or the size of files: the system's, and another time there may be enough. */
void bundler_no_memory(const char *conf_path, struct problems *p, const char *what);

/*
 * front_certs.c: a certificate with its key, for these children.  key may be "": then it is in cert itself.
 * Returns 1; 0 if there is no key anywhere; -1 with the reason in why_r.
 */
int bundler_add_cert(struct bundler *b, struct piece *piece, enum piece_use use, unsigned helpers,
    char why_r[FILE_WHY]);

/* All certificates of a frontend. */
void bundler_add_front_certs(struct bundler *b, uint32_t n);

#endif
