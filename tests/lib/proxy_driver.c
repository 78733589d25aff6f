/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * For tests/proxy_decode.py: one client per line on standard input, its header in hexadecimal per
 * line on standard output.  The words of a line, in order: peer, local ("-", or the family's digit
 * and the bytes), their ports, tls, cert_sent, cert_now, verify, unique_id, send, receiver,
 * protocol, tlvs as numbers, then the texts ("-" for NULL, or "=" and the bytes).
 */
#include "common/proxy/proxy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS 20
#define TEXT  1024

static size_t
read_hex(const char *hex, uint8_t *out_r, size_t size)
{
	size_t n = 0;
	unsigned byte;

	for (; n < size && sscanf(hex + 2 * n, "%2x", &byte) == 1; n++)
		out_r[n] = (uint8_t)byte;
	return n;
}

/* Never a ::ffff: address: those are IPv4 by the contract of addr.h. */
static struct addr
read_addr(const char *word, const char *port)
{
	struct addr a = { .family = ADDR_NONE };

	if (*word != '-') {
		a.family = *word == '4' ? ADDR_V4 : ADDR_V6;
		read_hex(word + 1, a.ip, sizeof(a.ip));
	}
	a.port = (uint16_t)atoi(port);
	return a;
}

static const char *
read_text(const char *word, char buf[TEXT])
{
	if (*word == '-')
		return NULL;
	buf[read_hex(word + 1, (uint8_t *)buf, TEXT - 1)] = '\0';
	return buf;
}

static void
one(char *w[WORDS])
{
	static char text[7][TEXT];
	struct proxy_client c = {
		.peer = read_addr(w[0], w[2]),
		.local = read_addr(w[1], w[3]),
		.tls = atoi(w[4]),
		.cert_sent = atoi(w[5]),
		.cert_now = atoi(w[6]),
		.verify = (uint32_t)strtoul(w[7], NULL, 10),
		.unique_id = strtoull(w[8], NULL, 10),
		.tls_version = read_text(w[13], text[0]),
		.cipher = read_text(w[14], text[1]),
		.sni = read_text(w[15], text[2]),
		.alpn = read_text(w[16], text[3]),
		.cn = read_text(w[17], text[4]),
		.key_alg = read_text(w[18], text[5]),
		.sig_alg = read_text(w[19], text[6]),
	};
	struct proxy_style s = { (enum send_proxy)atoi(w[9]), (uint32_t)atoi(w[12]),
		(enum receiver)atoi(w[10]), (enum protocol)atoi(w[11]) };
	uint8_t buf[PROXY_MAX];
	size_t n = proxy_write(&c, &s, buf);

	for (size_t i = 0; i < n; i++)
		printf("%02x", buf[i]);
	putchar('\n');
}

int
main(void)
{
	static char line[16384];
	char *words[WORDS], *save;

	while (fgets(line, sizeof(line), stdin)) {
		words[0] = strtok_r(line, " \n", &save);
		for (int i = 1; i < WORDS; i++)
			words[i] = strtok_r(NULL, " \n", &save);
		if (!words[WORDS - 1] || strtok_r(NULL, " \n", &save))
			return 2;
		one(words);
	}
	return 0;
}
