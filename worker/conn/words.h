/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The first words of servers, for the log line of a connection that ends with nothing else said.
 * A worker keeps those of its latest connections, all in one place of fixed size: a connection
 * pays for it once, when its server's first bytes come, and none of its own memory.
 */
#ifndef WORKER_CONN_WORDS_H
#define WORKER_CONN_WORDS_H

#include <stddef.h>
#include <stdint.h>

#define WORDS_TEXT 100 /* bytes of a first line that are kept */
#define WORDS_MOST 512 /* a server that has sent more than that has not only said why it closes */
#define WORDS_KEPT 128 /* connections, by a hash of their ids: the later one stays */

struct words {
	struct words_kept {
		uint64_t id;
		uint32_t all;          /* bytes heard, one after the other from the first */
		uint8_t whole;         /* the first line has ended */
		uint8_t more;          /* something came after it */
		char text[WORDS_TEXT]; /* the first line, NUL-terminated: the server's bytes */
	} kept[WORDS_KEPT];
};

/* The server of this connection has said these bytes, after the ones counted by before. */
void words_heard(struct words *w, uint64_t id, uint64_t before, const uint8_t *data, size_t size);

/*
 * The first line, if all that the server has said (so many bytes) was heard; NULL if not, if it is
 * kept no more, or if it is empty.  *more_r: it was not the only one.
 */
const char *words_first(const struct words *w, uint64_t id, uint64_t all, int *more_r);

#endif
