/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Becoming the program that is on the disk now: first it is tried as a child, with this
 * configuration and this state; only if it finds nothing wrong do we execute it in our place, with
 * our ports, our children and our connections.
 */
#ifndef MASTER_UPGRADE_UPGRADE_H
#define MASTER_UPGRADE_UPGRADE_H

#include "master/life/master.h"

/* How the new program says its version to the one that tries it: in a line of its log. */
#define UPGRADE_TRIAL "on trial: version "

/*
 * Begin; does not return if it succeeds, some time later.  Otherwise m->up and the log say why, and
 * so does the answer to whoever has asked over the control socket.
 */
void upgrade_begin(struct master *m);

/* We are the new program: our processes serve / could not be started / serve after all. */
void upgrade_served(struct master *m);
void upgrade_half(struct master *m, const char *why);
void upgrade_complete(struct master *m);

/* A reload is over: if an upgrade was asked for meanwhile, it begins from the loop. */
void upgrade_go_on(struct master *m);

#endif
