/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The states of a check, in the order in which it goes through them. */
#ifndef CHECKER_STATE_H
#define CHECKER_STATE_H

/* clang-format off */
#define CHECK_STATES(X) \
	X(CONNECT,  "connecting") \
	X(HEADER,   "sending the PROXY header") \
	X(TLS,      "shaking hands") \
	X(SEND,     "sending") \
	X(LISTEN,   "waiting for the greeting") \
	X(GOODBYE,  "saying goodbye") \
	X(FAREWELL, "waiting for the farewell") \
	X(PROBE,    "waiting for an alert") \
	X(PARTING,  "waiting for the end") \
	X(OVER,     "over")
/* clang-format on */

enum check_state {
#define X(name, text) AT_##name,
	CHECK_STATES(X)
#undef X
	    AT_COUNT
};

/* What a check in this state is doing: "waiting for the greeting". */
const char *check_state_text(enum check_state state);

#endif
