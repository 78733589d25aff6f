/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Whose children the processes are, by enum helper. */
#ifndef MASTER_LIFE_CHILDREN_H
#define MASTER_LIFE_CHILDREN_H

#include "master/child/proc.h"
#include "master/life/master.h"

extern const struct proc_owner *const children[HELPER_COUNT];
/* ... and who runs the door for them. */
extern const struct door_owner children_door;
/* ... and what servers ask of the workers. */
extern const struct servers_owner children_servers;

#endif
