/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The root of a worker process: what main.c builds and from_master.c changes. */
#ifndef WORKER_SELF_H
#define WORKER_SELF_H

#include "common/bundle.h"
#include "common/child.h"
#include "worker/conn/base.h"
#include "worker/shed.h"

struct self {
	struct child child;
	struct chan keeper;
	struct watch from_master;
	struct bundle *bundle;
	struct service service;
	struct timer look;      /* at the certificates, every day */
	struct timer reporting; /* when what has gathered for the master goes at the latest */
	struct shed shed;
	struct timer ending; /* END: the next ones to close */
	uint64_t end_at;     /* loop_now when the last one is to be closed */
	uint64_t staying;    /* connections that have not been asked to end yet */
	enum conn_end end_reason;
	int retired; /* ends with its last connection */
	int resting; /* ends sessions at rest; the others have their time */
};

#endif
