/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What a library's functions leave of keys below the stack's end.  They put parts of a key there
 * that the processor's instructions want in another form, and not all of them clean up.
 */
#ifndef COMMON_STACK_H
#define COMMON_STACK_H

#include <stddef.h>

/*
 * Overwritten below whoever calls stack_clean.  A handshake, the deepest that uses secrets, takes
 * less than half of it with OpenSSL 3.0; a test measures that.
 */
#define STACK_DEPTH ((size_t)64 * 1024)

/* A key was in use, and is of no use any more. */
void stack_secret(void);

/*
 * Overwrite what lies below, if stack_secret was called since the last time.  For an event loop, at
 * the end of a pass: nothing that was called in it is running any more.
 */
void stack_clean(void);

#endif
