/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The peek into a foreign ClientHello: whatever comes, the parser stays inside it, ends with a
 * name that is one, and does not change its mind: what was bad stays bad with more bytes.
 */
#include "worker/conn/hello.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char sni[256];
	enum hello_result whole, part;

	if (size > HELLO_MAX)
		size = HELLO_MAX;
	whole = hello_parse(data, size, sni);
	if (!memchr(sni, '\0', sizeof(sni)))
		abort();
	for (size_t n = size; n > 0 && n + 64 > size; n--) {
		part = hello_parse(data, n - 1, sni);
		if ((part == HELLO_BAD && whole != HELLO_BAD) ||
		    (part == HELLO_WHOLE && whole == HELLO_MORE))
			abort();
	}
	return 0;
}
