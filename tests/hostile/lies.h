/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Every way to send a message wrongly, made from MESSAGES: a message that is added there is lied
 * about here without anybody remembering to.
 */
#ifndef LIES_H
#define LIES_H

#include "common/msg.h"

#include <stddef.h>

enum lie_kind {
	LIE_DIRECTION, /* well-formed, but not this sender's to send */
	LIE_ONES,      /* this sender's, every number as large as can be */
	LIE_SHORT,     /* one byte too few */
	LIE_LONG,      /* one byte too many */
	LIE_COUNT,     /* more items announced than sent */
	LIE_COUNT_MAX,
	LIE_ONE_FD, /* descriptors that do not belong */
	LIE_TWO_FDS,
	LIE_MANY_FDS, /* as many as the kernel passes at a time */
	LIE_HALF_HEAD,
	LIE_KINDS,
};

struct lie {
	uint32_t type;
	enum lie_kind kind;
	char name[48];
};

/*
 * The lies that a process of this role can tell the peer: fills lies_r (room for LIES_MOST) and
 * returns how many there are.
 */
#define LIES_MOST 400
size_t lies_make(enum role self, enum role peer, struct lie *lies_r);

/* Tell one over this channel's descriptor; 0, or -1 with errno. */
int lie_tell(int fd, const struct lie *lie);

#endif
