/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The control socket and the monitor socket, server side: clients, their lines, their answers on
 * the way.  What the commands do is commands.h's.
 */
#ifndef MASTER_CONTROL_CONTROL_H
#define MASTER_CONTROL_CONTROL_H

#include "master/life/master.h"

/*
 * Open the sockets that conf names, unless they are open already.  A socket that cannot be had is
 * said in the log; the service does not depend on it.
 */
void control_open(struct master *m, const struct conf *conf);
/* After a re-execution: answer those who asked the program before this one for it. */
void control_resume(struct master *m);

/* Close all and remove the sockets' files. */
void control_close(struct master *m);

#endif
