/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Overwriting the stack after keys were in use.  Every process that computes with secrets: worker,
 * checker, keeper; one thread each.
 */
#include "common/stack.h"

#include <string.h>

static int soiled;

void
stack_secret(void)
{
	soiled = 1;
}

/* Apart from its caller, so that what it overwrites is all below that one's frame. */
static void __attribute__((noinline)) overwrite(void)
{
	unsigned char below[STACK_DEPTH];

	explicit_bzero(below, sizeof(below));
}

void
stack_clean(void)
{
	if (!soiled)
		return;
	soiled = 0;
	overwrite();
}
