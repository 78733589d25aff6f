/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Walls around a process that its own code cannot take down: a list of permitted system calls
 * becomes a seccomp filter, a list of ports a Landlock rule set.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <stddef.h>
#include <stdint.h>

/* The layers, one bit each, as the log and `show info` name them. */
enum sandbox_layer {
	LAYER_CHROOT = 1 << 0,
	LAYER_UID = 1 << 1,
	LAYER_NO_NEW_PRIVS = 1 << 2,
	LAYER_SECCOMP = 1 << 3,
	LAYER_LANDLOCK_FS = 1 << 4,
	LAYER_LANDLOCK_NET = 1 << 5,
	LAYER_LANDLOCK_SCOPE = 1 << 6,
};

#endif
