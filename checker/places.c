/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* A server's slots on the board.  Runs in the checker, on what the master wrote. */
#include "checker/places.h"

size_t
places_read(const struct board *b, const struct conf_server *s, struct addr had_r[REPORT_ADDRS])
{
	struct board_server slot;
	size_t count = 0;
	uint32_t i;

	for (i = 0; i < s->slots && count < REPORT_ADDRS; i++) {
		board_read(b, s->slot + i, &slot);
		if (slot.addr_count > 0)
			had_r[count++] = slot.addrs[0];
	}
	return count;
}

int
places_unwell(
    const struct board *b, const struct conf_server *s, const struct addr *addrs, size_t count)
{
	struct board_server slot;
	uint32_t i;
	size_t k;

	for (i = 0; i < s->slots; i++) {
		board_read(b, s->slot + i, &slot);
		if (slot.addr_count == 0 ||
		    (slot.health != HEALTH_DOWN && slot.health != HEALTH_GOING_DOWN))
			continue;
		/* One that has left the answer is only being drained. */
		for (k = 0; k < count; k++)
			if (addr_same_ip(&slot.addrs[0], &addrs[k]))
				return 1;
	}
	return 0;
}
