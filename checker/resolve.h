/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Addresses of servers that are configured by name: /etc/hosts first, then DNS, A and AAAA, again
 * when the TTL is over.  Answers go to the master; only the master writes the board.
 */
#ifndef CHECKER_RESOLVE_H
#define CHECKER_RESOLVE_H

#include "checker/outbox.h"

#include "common/board.h"
#include "common/bundle.h"
#include "common/conf.h"
#include "common/loop.h"

struct resolver;

/*
 * Prepare for every server of conf that is configured by name; hosts and resolv.conf come out of the
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
 * Whether DNS has answered, and there is no address for this server (index in conf->servers), which
 * has a host name.  *why_r becomes words for it, which live until the next answer.
 */
int resolver_nowhere(const struct resolver *r, size_t server, const char **why_r);

#endif
