/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Bytes from anywhere as they may stand in a log line or on a terminal.  Every process. */
#include "common/log_escape.h"

#include <string.h>

static int
is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f;
}

static const char *
spell(const void *in, size_t n, char *out_r, size_t size, const char *special)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *s = in;
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		if (is_plain(s[i]) && !strchr(special, s[i])) {
			if (len + 1 >= size)
				break;
			out_r[len++] = (char)s[i];
			continue;
		}
		if (len + 4 >= size)
			break;
		out_r[len++] = '\\';
		out_r[len++] = 'x';
		out_r[len++] = digits[s[i] >> 4];
		out_r[len++] = digits[s[i] & 15];
	}
	out_r[len] = '\0';
	return out_r;
}

const char *
log_escape(const void *in, size_t n, char *out_r, size_t size)
{
	return spell(in, n, out_r, size, "\"\\");
}

const char *
log_clean(const void *in, size_t n, char *out_r, size_t size)
{
	return spell(in, n, out_r, size, "");
}
