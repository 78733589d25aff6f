/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The connections of a worker: the list of all, and of those that asked for another pass. */
#ifndef WORKER_CONN_LIST_H
#define WORKER_CONN_LIST_H

#include "worker/conn/base.h"

/* A connection joins the list, and leaves it when it is freed. */
void list_adopt(struct service *s, struct conn *c);
void list_forget(struct service *s, struct conn *c);

/* Run it again in the next pass of the loop: it has more to do than one pass allows. */
void list_again(struct service *s, struct conn *c);

/*
 * Take those that asked, in the order in which they asked: the first, again_next leads on.  Those
 * that ask from now on are for the next time.
 */
struct conn *list_take_again(struct service *s);

#endif
