/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Structs as lines of text and back, by a table of their members: the same table writes and reads,
 * so neither can know a member that the other does not.
 */
#ifndef MASTER_UPGRADE_TEXT_H
#define MASTER_UPGRADE_TEXT_H

#include <stddef.h>
#include <stdio.h>

enum member_kind {
	MEMBER_NUMBER, /* an integer of 1, 4 or 8 bytes */
	MEMBER_FD,     /* an int: a descriptor, or -1 */
	MEMBER_BYTES,  /* an array of bytes, in hexadecimal */
	MEMBER_TEXT,   /* a char array with its NUL */
};

struct member {
	const char *name;
	size_t offset, size;
	enum member_kind kind;
};

#define MEMBER_AS(type, m, kind, key) \
	{ \
		key, offsetof(type, m), sizeof(((const type *)0)->m), kind \
	}
#define MEMBER_OF(type, m, kind) MEMBER_AS(type, m, kind, #m)
#define MEMBERS_END \
	{ \
		NULL, 0, 0, MEMBER_NUMBER \
	}

/* Append " name=value" for each member of what stands at p. */
void record_write(FILE *f, const struct member *members, const void *p);

/*
 * Read the members that a line has into p; others stay as they are, unknown names are skipped.
 * Returns 0, or -1 when a value is not what the table says.
 */
int record_read(const char *line, const struct member *members, void *p);

#endif
