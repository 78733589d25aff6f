/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The keys that session tickets are encrypted with.
 */
#ifndef KEEPER_TICKETS_H
#define KEEPER_TICKETS_H

#include "common/bundle.h"
#include "common/msg.h"

#include <stdint.h>

/* What all ticket keys are derived from; hosts with the same seed have the same keys. */
struct tickets {
	uint8_t *seed; /* NULL: there are no tickets */
	size_t size;
};

/* Copy the seed from its piece.  0, or -1 with words in err_r, which name the file. */
int tickets_open(struct tickets *t, const struct piece *p, char *err_r, size_t err_size);

/*
 * The keys of the previous, the present and the next period, at this time (seconds since 1970);
 * *left_r: seconds to the next period.  Returns 0, or -1 when there is no seed.
 */
int tickets_keys(const struct tickets *t, uint64_t now, struct msg_ticket_key keys_r[TICKET_KEYS],
    uint32_t *left_r);

void tickets_close(struct tickets *t);

#endif
