/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Rise and fall: what a row of check results makes of a server.  The master runs this on the
 * reports of the checker, whose word is taken for one bit (good or bad) and nothing else.
 * Never looks at a clock, at admin states or at anything but its arguments.
 */
#include "common/health.h"

#include <assert.h>
#include <stddef.h>

struct health
health_start(int initial_up)
{
	return (struct health){ initial_up ? HEALTH_UP : HEALTH_CHECKING, 0 };
}

/* One more result against the settled state: `half` until there are `enough`, then `over`. */
static struct health
against(struct health h, enum health_state half, enum health_state over, uint32_t enough)
{
	/* The rules may have become smaller by a reload: more than enough is enough. */
	if (h.streak >= enough - 1)
		return (struct health){ over, 0 };
	return (struct health){ half, h.streak + 1 };
}

struct health
health_next(struct health h, struct health_rules r, int ok)
{
	const struct health up = { HEALTH_UP, 0 }, down = { HEALTH_DOWN, 0 };

	assert(r.rise >= 1 && r.fall >= 1);
	switch (h.state) {
	case HEALTH_CHECKING:
		return ok ? up : against(h, HEALTH_CHECKING, HEALTH_DOWN, r.fall);
	case HEALTH_UP:
	case HEALTH_GOING_DOWN:
		return ok ? up : against(h, HEALTH_GOING_DOWN, HEALTH_DOWN, r.fall);
	case HEALTH_DOWN:
	case HEALTH_GOING_UP:
		return ok ? against(h, HEALTH_GOING_UP, HEALTH_UP, r.rise) : down;
	}
	assert(!"a state that does not exist");
	return down;
}

int
health_usable(enum health_state state)
{
	return state == HEALTH_UP || state == HEALTH_GOING_DOWN;
}

const char *
health_name(enum health_state state)
{
	static const char *const names[] = {
		[HEALTH_CHECKING] = "checking",
		[HEALTH_UP] = "up",
		[HEALTH_GOING_DOWN] = "going-down",
		[HEALTH_DOWN] = "down",
		[HEALTH_GOING_UP] = "going-up",
	};

	/* A state may be read from shared memory: any number is answered. */
	return (size_t)state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}
