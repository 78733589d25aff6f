/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The blocks of a PEM text, RFC 7468, told apart by their labels only: the master moves
 * certificates to those who show them and keys to the keeper, and parses neither.
 */
#ifndef MASTER_BUNDLE_PEM_H
#define MASTER_BUNDLE_PEM_H

#include <stddef.h>

enum pem_kind { PEM_CERT, PEM_KEY, PEM_ENCRYPTED_KEY, PEM_CRL, PEM_OTHER };

struct pem_block {
	enum pem_kind kind;
	const char *start; /* from "-----BEGIN" to the end of the END line, newline included */
	size_t len;
};

/*
 * The next block at or behind *at, which moves behind it.  Returns 1, or 0 when there is none
 * left, or -1 when a block has a beginning without its end.
 */
int pem_next(const char *text, size_t len, size_t *at, struct pem_block *b_r);

/* How many blocks of each kind a text has. */
struct pem_counts {
	size_t certs, keys, encrypted, crls;
	int broken; /* a block without end */
};
void pem_count(const char *text, size_t len, struct pem_counts *c_r);

/*
 * Whether these bytes are another form of certificates or keys, by their first bytes or their
 * labels: words that follow the file's name, and in *how_r the command that makes PEM of it, with
 * one %s for the file; NULL where there is no such command.  NULL: nothing that is known.
 */
const char *pem_other_form(const char *bytes, size_t len, const char **how_r);

/* Copy the blocks of one kind to out_r (room for len bytes); returns their length together. */
size_t pem_copy(const char *text, size_t len, enum pem_kind kind, char *out_r);

#endif
