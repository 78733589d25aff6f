/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Members of structs to text and back.  Master; reads only what an earlier master has written. */
#include "master/upgrade/text.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static uint64_t
get_number(const void *p, size_t size)
{
	uint8_t u8;
	uint32_t u32;
	uint64_t u64;

	switch (size) {
	case 1:
		memcpy(&u8, p, 1);
		return u8;
	case 4:
		memcpy(&u32, p, 4);
		return u32;
	default:
		memcpy(&u64, p, 8);
		return u64;
	}
}

static void
write_bytes(FILE *f, const unsigned char *p, size_t size)
{
	for (size_t i = 0; i < size; i++)
		fprintf(f, "%02x", p[i]);
}

void
record_write(FILE *f, const struct member *members, const void *p)
{
	for (const struct member *m = members; m->name; m++) {
		const char *at = (const char *)p + m->offset;

		fprintf(f, " %s=", m->name);
		switch (m->kind) {
		case MEMBER_NUMBER:
			fprintf(f, "%" PRIu64, get_number(at, m->size));
			break;
		case MEMBER_FD:
			fprintf(f, "%d", *(const int *)(const void *)at);
			break;
		case MEMBER_BYTES:
			write_bytes(f, (const unsigned char *)at, m->size);
			break;
		case MEMBER_TEXT:
			write_bytes(f, (const unsigned char *)at, strlen(at));
			break;
		}
	}
}

static int
read_number(const char *value, size_t size, void *p)
{
	uint64_t n;
	uint32_t u32;
	uint8_t u8;
	char *end;

	if (!isdigit((unsigned char)*value))
		return -1;
	errno = 0;
	n = strtoull(value, &end, 10);
	if (errno || (*end && *end != ' ') || (size < 8 && n >> (8 * size)))
		return -1;
	u32 = (uint32_t)n;
	u8 = (uint8_t)n;
	memcpy(p, size == 1 ? (const void *)&u8 : size == 4 ? (const void *)&u32 : &n, size);
	return 0;
}

static int
read_fd(const char *value, void *p)
{
	char *end;
	long n = strtol(value, &end, 10);
	int fd = (int)n;

	if (end == value || (*end && *end != ' ') || n < -1 || n > INT32_MAX)
		return -1;
	memcpy(p, &fd, sizeof(fd));
	return 0;
}

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Hexadecimal digits up to a blank.  Returns how many bytes they were, or -1. */
static long
read_bytes(const char *value, size_t size, unsigned char *p)
{
	size_t n = 0;

	for (; *value && *value != ' '; value += 2, n++) {
		int high = digit(value[0]), low = high == -1 ? -1 : digit(value[1]);

		if (low == -1 || n >= size)
			return -1;
		p[n] = (unsigned char)(high << 4 | low);
	}
	return (long)n;
}

static int
read_member(const char *value, const struct member *m, void *p)
{
	long n;

	switch (m->kind) {
	case MEMBER_NUMBER:
		return read_number(value, m->size, p);
	case MEMBER_FD:
		return read_fd(value, p);
	case MEMBER_BYTES:
		return read_bytes(value, m->size, p) == (long)m->size ? 0 : -1;
	case MEMBER_TEXT:
		n = read_bytes(value, m->size - 1, p);
		if (n == -1)
			return -1;
		((char *)p)[n] = '\0';
		return 0;
	}
	return -1;
}

int
record_read(const char *line, const struct member *members, void *p)
{
	for (const char *at = strchr(line, ' '); at; at = strchr(at, ' ')) {
		size_t n = strcspn(++at, "= ");

		if (at[n] != '=')
			return -1;
		for (const struct member *m = members; m->name; m++)
			if (strlen(m->name) == n && memcmp(m->name, at, n) == 0 &&
			    read_member(at + n + 1, m, (char *)p + m->offset) == -1)
				return -1;
	}
	return 0;
}
