/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Listeners in the service manager's descriptor store: a master that starts after a crash of this
 * one finds them there (inherit.h), and no connection is refused meanwhile.  Each has the name
 * l-PORT-ADDRESS.
 */
#ifndef MASTER_DOOR_KEEP_H
#define MASTER_DOOR_KEEP_H

struct listener;
struct notify;

void keep_listener(struct notify *n, const struct listener *l);
void keep_forget_listener(struct notify *n, const struct listener *l);

#endif
