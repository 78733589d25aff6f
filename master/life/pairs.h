/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Which certificates a generation shows, as its first worker says, and whether a new one would
 * lose any of them: then it is refused, and the files already loaded stay in use.
 */
#ifndef MASTER_LIFE_PAIRS_H
#define MASTER_LIFE_PAIRS_H

#include "common/conf.h"
#include "common/msg.h"

#include <stddef.h>
#include <stdint.h>

struct generation;

/* A certificate with its key, in use by one frontend. */
struct pair {
	uint32_t frontend; /* index in the generation's configuration */
	uint64_t until;    /* seconds since 1970 */
	uint8_t key_id[MSG_KEY_ID], print[32];
	char key[24]; /* "EC P-256" */
	char *file;
	char *names; /* each with a newline; host names and wildcards, checked */
};

struct pairs {
	struct pair *items;
	size_t count;
	size_t bytes;    /* of all names */
	char **left_out; /* "f:3: /x/b.pem: ...", for the log; each may be of one in use */
	size_t left_out_count;
	int lost; /* something in use would be */
};

/*
 * Take what the first worker of a generation that is being built says of a certificate.  Returns
 * NULL, or what is wrong with the message.
 */
const char *
pairs_take(struct generation *g, const struct msg_cert *c, const char *text, size_t len);

/*
 * Add a pair of this file that has no names yet (those of *pair and its file are not looked at);
 * names, each with a newline, to the last one.  Both return 0, or -1: no host names, too many, or
 * no memory.
 */
int pairs_add(struct pairs *all, const struct pair *pair, const char *file);
int pairs_add_names(struct pairs *all, const char *text, size_t len);

/*
 * When that worker is ready: say what was left out.  Returns 0, or -1 if something that is in use
 * by the current generation would be lost, which was said as a complaint of g.
 */
int pairs_judge(struct generation *g);

/* Whether the frontend of this name shows the certificate of this file; g may be NULL. */
int pairs_in_use(const struct generation *g, const char *frontend, const char *file);

/* ... or that of any file in this directory or below it. */
int pairs_any_under(const struct generation *g, const char *frontend, const char *dir);

/* Whether a file lies in a directory, or below it, by their names. */
int pairs_are_under(const char *dir, const char *file);

/*
 * An error in *p for each certificate in use by g (NULL: none) that was found in a directory which
 * conf names still, and is not among the certificates of this worker's bundle.
 */
void
pairs_missing(const struct generation *g, const struct conf *conf, int bundle, struct problems *p);

/*
 * Say of each of these names, "a.example,b.example", that no certificate of g covers it.  Returns
 * how many there are.
 */
size_t pairs_uncovered(struct generation *g, const char *names);

/*
 * Say in one line which certificates g shows that old did not.  Returns that line (free), or NULL
 * where there are none.
 */
char *pairs_tell(const struct generation *old, const struct generation *g);

void pairs_free(struct pairs *pairs);

#endif
