/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Walls around a process that its own code cannot take down: a list of permitted system calls
 * becomes a seccomp filter, a list of ports a Landlock rule set.
 */
#ifndef COMMON_SANDBOX_H
#define COMMON_SANDBOX_H

#include <seccomp.h>
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
#define LAYERS_ALL 0x7fU

/* "chroot uid no_new_privs seccomp landlock-fs landlock-net landlock-scope": those of layers. */
#define SANDBOX_TEXT 128
const char *sandbox_text(uint32_t layers, char buf[SANDBOX_TEXT]);

/*
 * The layers that this process can have: of the kernel's, those that it offers; chroot and uid
 * only for root.
 */
uint32_t sandbox_offered(void);

/* The kernel's version of Landlock; 0: it has none. */
int sandbox_landlock_abi(void);

/* ---- System calls ---- */

/*
 * One call, and up to three conditions on its arguments, all of which must hold.  Several entries
 * for a call permit it when one of them holds.  With an error it is not permitted, but fails: for
 * what a library may try and does without, in this version of it or in the next.
 */
struct sandbox_call {
	int call;
	int error;
	unsigned conditions;
	struct scmp_arg_cmp when[3];
};

#define CALL(name) .call = SCMP_SYS(name)
#define FAILS(e)   .error = (e)
#define WHEN(...) \
	.conditions = \
	    sizeof((struct scmp_arg_cmp[]){ __VA_ARGS__ }) / sizeof(struct scmp_arg_cmp), \
	.when = { __VA_ARGS__ }
/* Argument n is v, or has v in the bits of mask, in what the kernel reads of an int. */
#define IS(n, v) \
	{ \
		n, SCMP_CMP_MASKED_EQ, 0xffffffffU, (unsigned)(v) \
	}
#define BITS(n, mask, v) \
	{ \
		n, SCMP_CMP_MASKED_EQ, (unsigned)(mask), (unsigned)(v) \
	}
/* Argument n is anything else. */
#define NOT(n, v) \
	{ \
		n, SCMP_CMP_NE, (unsigned)(v), 0 \
	}
/* Argument n, a pointer, is NULL. */
#define NONE(n) \
	{ \
		n, SCMP_CMP_EQ, 0, 0 \
	}

/*
 * From now on these calls and no others: anything else kills the process.  What memory, abort(),
 * a sanitizer and the libraries need or try in every process is added here.  Returns 0, or -1 with
 * errno, which is ENOSYS where the kernel has no filters.
 */
int sandbox_permit(const struct sandbox_call *calls, size_t count);

/*
 * From now on these calls fail with EPERM, and clone3 with ENOSYS, so that namespaces can be told
 * from processes; all others go on.  For the master: what it starts inherits the filter, so it
 * names what nobody needs, never what somebody does.
 */
int sandbox_deny(const struct sandbox_call *calls, size_t count);

/* ---- Landlock; for both no_new_privs must be set ---- */

/*
 * No file or directory can be opened, made, renamed or removed; no signal reaches a process, and
 * no connection an abstract socket, that is not inside the same walls.  Returns the layers that
 * this kernel gave, maybe 0.
 */
uint32_t sandbox_no_files(void);

/*
 * TCP: connect to these ports only, listen on none; bind only with the kernel's choice of a port,
 * and only where bind_any says so.  Returns LAYER_LANDLOCK_NET, or 0 where the kernel has no such
 * rules.
 */
uint32_t sandbox_ports(const uint16_t *ports, size_t count, int bind_any);

#endif
