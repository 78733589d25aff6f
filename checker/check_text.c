/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* What a check was doing, in words for a reason. */
#include "checker/check.h"

const char *
check_state_text(enum check_state state)
{
	static const char *const text[CHECK_STATE_COUNT] = {
#define X(name, words) [AT_##name] = words,
		CHECK_STATES(X)
#undef X
	};

	return text[state];
}
