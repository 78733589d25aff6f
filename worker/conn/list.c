/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Two lists of connections.  Runs in the worker; touches no bytes of peers. */
#include "worker/conn/list.h"

#include <stddef.h>

void
list_adopt(struct service *s, struct conn *c)
{
	c->next = s->conns;
	c->prev = &s->conns;
	if (c->next)
		c->next->prev = &c->next;
	s->conns = c;
	s->conn_count++;
}

void
list_forget(struct service *s, struct conn *c)
{
	*c->prev = c->next;
	if (c->next)
		c->next->prev = c->prev;
	s->conn_count--;
	for (struct conn **at = &s->again; c->again && *at; at = &(*at)->again_next)
		if (*at == c) {
			*at = c->again_next;
			break;
		}
}

void
list_again(struct service *s, struct conn *c)
{
	if (c->again)
		return;
	c->again = 1;
	c->again_next = s->again;
	s->again = c;
}

struct conn *
list_take_again(struct service *s)
{
	struct conn *c, *list = s->again, *first = NULL;

	/* The list has the latest in front. */
	for (s->again = NULL; (c = list) != NULL; first = c) {
		list = c->again_next;
		c->again_next = first;
		c->again = 0;
	}
	return first;
}
