/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Which certificates a generation shows, as its first worker says, and whether a new one would
 * lose any of them: then it is refused, and the files already loaded stay in use.
 */
#ifndef MASTER_BUNDLE_PAIRS_H
#define MASTER_BUNDLE_PAIRS_H

#include "common/conf.h"
#include "common/msg.h"

#include <stddef.h>
#include <stdint.h>

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

/* What a generation shows: its configuration, its bundles by enum helper, its pairs. */
struct shown {
	const struct conf *conf;
	const int *bundles;
	const struct pairs *pairs;
};

/* For messages about something that is in use. */
#define PAIRS_STAYS "keeping the files already loaded"
#define PAIRS_GO    "if it is to go, restart the service"

/* Whether these are host names, each with a newline. */
int pairs_are_names(const char *text, size_t len);

/* The frontend of this name, or NULL. */
const struct conf_frontend *pairs_front(const struct conf *conf, const char *name);

/*
 * Add a pair of this file that has no names yet (those of *pair and its file are not looked at);
 * names, each with a newline, to the last one.  Both return 0, or -1: no host names, too many, or
 * no memory.
 */
int pairs_add(struct pairs *all, const struct pair *pair, const char *file);
int pairs_add_names(struct pairs *all, const char *text, size_t len);

/* Whether the frontend of this name shows the certificate of this file; g may be NULL. */
int pairs_in_use(const struct shown *g, const char *frontend, const char *file);

/* ... or that of any file in this directory or below it. */
int pairs_any_under(const struct shown *g, const char *frontend, const char *dir);

/* Whether a file lies in a directory, or below it, by their names. */
int pairs_are_under(const char *dir, const char *file);

/*
 * An error in *p for each certificate in use by g (NULL: none) that was found in a directory which
 * conf names still, and is not among the certificates of this worker's bundle.
 */
void pairs_missing(const struct shown *g, const struct conf *conf, int bundle, struct problems *p);

void pairs_free(struct pairs *pairs);

#endif
