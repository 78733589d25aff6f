/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The names that listeners have in the service manager's store.  Master. */
#include "master/door/keep.h"

#include "master/door/door.h"
#include "master/host/store.h"

#include <stdio.h>

static const char *
name_of(const struct listener *l, char name_r[STORE_NAME])
{
	size_t n = (size_t)snprintf(name_r, STORE_NAME, "l-%u-", l->addr.port);

	for (size_t i = 0; i < sizeof(l->addr.ip); i++)
		n += (size_t)snprintf(name_r + n, STORE_NAME - n, "%02x", l->addr.ip[i]);
	snprintf(name_r + n, STORE_NAME - n, "%s", l->addr.wildcard ? "-any" : "");
	return name_r;
}

void
keep_listener(struct notify *n, const struct listener *l)
{
	char name[STORE_NAME];

	store_put(n, name_of(l, name), l->watch.fd);
}

void
keep_forget_listener(struct notify *n, const struct listener *l)
{
	char name[STORE_NAME];

	store_remove(n, name_of(l, name));
}
