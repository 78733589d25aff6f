/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Slots of a board that is taken over.  Master.  The children that go on with it read the same
 * configuration with their own program's number of places for a name: the board's size tells
 * which number that is, whether the board comes from a re-execution or out of the store.
 */
#include "master/servers/layout.h"

#include "common/board.h"

#include <errno.h>

int
layout_fit(struct conf *conf, int board_fd)
{
	size_t slots = board_slots(board_fd);

	for (uint32_t family = CONF_FAMILY; family > 0; family--) {
		conf_lay_out(conf, family);
		/* A board without a server has a slot all the same. */
		if (slots == (conf->slot_count ? conf->slot_count : 1))
			return 0;
	}
	errno = EINVAL;
	return -1;
}
