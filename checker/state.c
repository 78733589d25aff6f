/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* What a check was doing, in words for a reason. */
#include "checker/state.h"

const char *
check_state_text(enum check_state state)
{
	static const char *const text[AT_COUNT] = {
#define X(name, words) [AT_##name] = words,
		CHECK_STATES(X)
#undef X
	};

	return text[state];
}
