/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* What saved.c writes and restored.c reads: the members of each struct, and the form of it all. */
#ifndef MASTER_UPGRADE_MEMBERS_H
#define MASTER_UPGRADE_MEMBERS_H

#include "master/life/master.h"
#include "master/upgrade/text.h"

#include <fcntl.h>

#define SAVED_HEAD  "mailreeve-state 1"
#define SAVED_SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* A connection's record, and where it belongs. */
struct saved_conn {
	struct conn c;
	struct held held;
	uint32_t generation; /* 0: parked */
	uint32_t slot;
	uint32_t listener; /* its place in the list, from 1; 0: closed since */
};

extern const struct member saved_master_members[];
extern const struct member saved_listener_members[];
extern const struct member saved_generation_members[];
extern const struct member saved_proc_members[];
extern const struct member saved_worker_members[];
extern const struct member saved_server_members[];
extern const struct member saved_conn_members[];
extern const struct member saved_asked_members[];
extern const struct member saved_slot_members[];

/* Whether the descriptors among these members stay open over execve. */
void saved_keep(const struct member *members, void *p, int keep);

#endif
