/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The control socket and the monitor socket, server side.  The words are common/control.h's; the
 * answers are made in show.c.
 */
#ifndef MASTER_CONTROL_CONTROL_H
#define MASTER_CONTROL_CONTROL_H

#include "master/life/master.h"

/*
 * Open the sockets that conf names, unless they are open already.  A socket that cannot be had is
 * said in the log; the service does not depend on it.
 */
void control_open(struct master *m, const struct conf *conf);
/* Whoever waits for a reload gets its answer. */
void control_reload_done(struct master *m, enum reload_kind kind);
/* Whoever waits for the upgrade gets its answer. */
void control_upgrade_done(struct master *m);

/* Who waits for it: their sockets, which go on in the new program. */
#define CONTROL_ASKED 32
size_t control_waiting(const struct master *m, int fds_r[CONTROL_ASKED]);
/* ... and there: takes fd over. */
void control_adopt(struct master *m, int fd);

/* Close all and remove the sockets' files. */
void control_close(struct master *m);

#endif
