/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What of a client's own words may stand in a PROXY header: the server name it asked for and the
 * common name of its certificate.  Workers run this on hostile bytes.  Never repairs a value: it
 * is passed on as it is (a name in lower case), or not at all.
 */
#include "common/proxy/clean.h"

#include <stdint.h>
#include <string.h>

#define NAME_BYTES  253 /* RFC 1035 section 2.3.4 */
#define LABEL_BYTES 63
#define CN_CHARS    64 /* ub-common-name, RFC 5280 appendix A.1 */

int
proxy_clean_name(const char *sni, char out_r[254])
{
	size_t len = strnlen(sni, 256), label = 0;

	if (len > 1 && sni[len - 1] == '.')
		len--;
	if (len == 0 || len > NAME_BYTES)
		return 0;
	for (size_t i = 0; i < len; i++) {
		char c = sni[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if (c == '.') {
			if (label == 0 || i == len - 1)
				return 0;
			label = 0;
		} else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
		    c == '_') {
			if (++label > LABEL_BYTES)
				return 0;
		} else
			return 0;
		out_r[i] = c;
	}
	out_r[len] = '\0';
	return 1;
}

/* One character of UTF-8 as RFC 3629 section 4 has it; returns its bytes, 0 if it is none. */
static size_t
utf8_char(const uint8_t *p, size_t n, uint32_t *c_r)
{
	static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = p[0] < 0x80 ? 1 :
	    p[0] >> 5 == 6       ? 2 :
	    p[0] >> 4 == 14      ? 3 :
	    p[0] >> 3 == 30      ? 4 :
				   0;
	uint32_t c;

	if (len == 0 || len > n)
		return 0;
	c = len == 1 ? p[0] : p[0] & (0x7fU >> len);
	for (size_t i = 1; i < len; i++) {
		if (p[i] >> 6 != 2)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*c_r = c;
	return len;
}

int
proxy_clean_cn(const char *cn, size_t size)
{
	const uint8_t *p = (const uint8_t *)cn;
	size_t chars = 0, len;
	uint32_t c;

	for (; size; p += len, size -= len) {
		len = utf8_char(p, size, &c);
		if (len == 0 || c < 0x20 || (c >= 0x7f && c < 0xa0) || ++chars > CN_CHARS)
			return 0;
	}
	return chars > 0;
}
