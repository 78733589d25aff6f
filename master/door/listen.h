/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Open ports.  A reload opens those that are new, keeps those that stay, and closes the others
 * only when the new generation serves: no port is ever closed in between.
 */
#ifndef MASTER_DOOR_LISTEN_H
#define MASTER_DOOR_LISTEN_H

#include "master/door/door.h"

/*
 * Open what conf needs and is not open yet.  Problems, an error among them if a port cannot be
 * had, go to *p.  Nothing is polled yet.
 */
void listeners_prepare(struct door *d, const struct conf *conf, struct problems *p);
/* mailreeve -t: the same warnings, without opening a port. */
void listeners_look(const struct conf *conf, struct problems *p);
/* The new generation will not be: close what was opened for it. */
void listeners_rollback(struct door *d);
/* It serves: its listeners are polled, connections that wait at the others go to the old one. */
void listeners_commit(struct door *d, const struct conf *conf);
/* Close them all. */
void listeners_close(struct door *d);

#endif
