/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Whom the children become, and who may use the control sockets. */
#ifndef MASTER_HOST_IDS_H
#define MASTER_HOST_IDS_H

#include "common/conf.h"

#include <sys/types.h>

/* Who a child becomes. */
struct identity {
	uid_t uid;
	gid_t gid;
};

/*
 * The identities of worker, checker and keeper, ids_r[enum helper]: users by name or by number.
 * Not root (drop is 0): our own.  Users that do not exist or may not be used are errors in *p.
 */
void ids_find(const struct conf *conf, int drop, struct problems *p, struct identity *ids_r);

/* Groups of the control sockets that do not exist are errors in *p. */
void ids_find_groups(const struct conf *conf, struct problems *p);

#endif
