/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The worker's connections: the list of all, and the list of those that asked for another turn.
 */
#include "worker/conn/base.h"

#include <stddef.h>

void
worker_adopt(struct worker *w, struct conn *c)
{
	c->next = w->conns;
	c->prev = &w->conns;
	if (c->next)
		c->next->prev = &c->next;
	w->conns = c;
	w->conn_count++;
}

void
worker_forget(struct worker *w, struct conn *c)
{
	*c->prev = c->next;
	if (c->next)
		c->next->prev = c->prev;
	w->conn_count--;
	for (struct conn **at = &w->again; c->again && *at; at = &(*at)->again_next)
		if (*at == c) {
			*at = c->again_next;
			break;
		}
}

void
worker_again(struct worker *w, struct conn *c)
{
	if (c->again)
		return;
	c->again = 1;
	c->again_next = w->again;
	w->again = c;
}

void
worker_run_again(struct worker *w)
{
	struct conn *c, *list = w->again, *last = NULL;

	/* In the order in which they asked; and what asks again waits for the next pass. */
	for (w->again = NULL; (c = list) != NULL; last = c) {
		list = c->again_next;
		c->again_next = last;
	}
	while ((c = last) != NULL) {
		last = c->again_next;
		c->again = 0;
		conn_run(c);
	}
}
