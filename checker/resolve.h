/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Addresses of servers that are given by name: /etc/hosts first, then DNS, A and AAAA, again when
 * their time to live is over.  Answers go to the master, which alone writes the board.
 */
#ifndef CHECKER_RESOLVE_H
#define CHECKER_RESOLVE_H

#include "checker/outbox.h"

#include "common/board.h"
#include "common/bundle.h"
#include "common/conf.h"
#include "common/loop.h"

struct resolver;

enum name_state {
	NAME_ASKING,  /* no answer yet */
	NAME_KNOWN,   /* there is one, perhaps an old one */
	NAME_UNKNOWN, /* there never was one */
};

/*
 * Prepare for every server of conf that is given by name; hosts and resolv.conf come out of the
 * bundle.  Opens no file then or later.  NULL when memory is out.
 */
struct resolver *resolver_new(struct loop *loop, const struct conf *conf, const struct bundle *b,
    const struct board *board, struct outbox *outbox);

/* Begin to ask.  From here on the loop does the rest. */
void resolver_begin(struct resolver *r);

/* This server (index in conf->servers) does not answer: it may have another address now. */
void resolver_suspect(struct resolver *r, size_t server);

/* A reload that changes nothing: ask for every name again. */
void resolver_again(struct resolver *r);

/*
 * How it stands with a server (index in conf->servers) that has a host name; why_r becomes words
 * for NAME_UNKNOWN, which live until the next answer.
 */
enum name_state resolver_state(const struct resolver *r, size_t server, const char **why_r);

#endif
