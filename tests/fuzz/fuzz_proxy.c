/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Any client at all to the writer of PROXY headers: the input is the struct and its texts.  What
 * is written must be one well-formed header within the budget, with no CN but a proven one.
 */
#include "common/proxy/clean.h"
#include "common/proxy/proxy.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *p;
	size_t n;
};

static uint64_t
take(struct input *in, size_t bytes)
{
	uint64_t v = 0;

	for (; bytes; bytes--, in->p += in->n > 0, in->n -= in->n > 0)
		v = v << 8 | (in->n ? *in->p : 0);
	return v;
}

/* A text up to the next NUL; NULL if it would be empty twice over (a byte 0xff). */
static char *
take_text(struct input *in)
{
	size_t len = strnlen((const char *)in->p, in->n);
	char *s;

	if (in->n && *in->p == 0xff) {
		take(in, 1);
		return NULL;
	}
	s = malloc(len + 1);
	if (!s)
		abort();
	memcpy(s, in->p, len);
	s[len] = '\0';
	in->p += len + (len < in->n);
	in->n -= len + (len < in->n);
	return s;
}

static void
take_addr(struct input *in, struct addr *a)
{
	static const uint8_t families[] = { ADDR_V4, ADDR_V6, ADDR_NONE, 9 };

	memset(a, 0, sizeof(*a));
	a->family = families[take(in, 1) & 3];
	for (size_t i = 0; i < (a->family == ADDR_V4 ? 4U : 16U); i++)
		a->ip[i] = (uint8_t)take(in, 1);
	a->port = (uint16_t)take(in, 2);
}

static void
must(int ok)
{
	if (!ok)
		abort();
}

/* Walk the TLVs: exactly to the end, no CN inside without proof. */
static void
walk(const uint8_t *p, size_t n, int inside, int proven)
{
	size_t len;

	while (n) {
		must(n >= 3);
		len = (size_t)p[1] << 8 | p[2];
		must(len <= n - 3);
		must(!(inside && p[0] == 0x22) || proven);
		if (!inside && p[0] == 0x20) {
			must(len >= 5);
			must(proven || memcmp(p + 4, "\0\0\0\0", 4) != 0);
			walk(p + 8, len - 5, 1, proven);
		}
		p += 3 + len;
		n -= 3 + len;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct proxy_style s;
	struct proxy_client c;
	char *texts[7], name[254];
	/* exactly as large as promised, so that a sanitizer sees a byte too many */
	uint8_t *buf = malloc(PROXY_MAX);
	size_t n;
	int proven;

	must(buf != NULL);
	memset(&c, 0, sizeof(c));
	s.send = (enum send_proxy)(take(&in, 1) % 5);
	s.tlvs = (uint32_t)take(&in, 1);
	s.receiver = (enum receiver)(take(&in, 1) % 5);
	s.protocol = (enum protocol)(take(&in, 1) % PROTO_COUNT);
	take_addr(&in, &c.peer);
	take_addr(&in, &c.local);
	c.tls = (int)take(&in, 1) & 1;
	c.cert_sent = (int)take(&in, 1) & 1;
	c.cert_now = (int)take(&in, 1) & 1;
	c.verify = (uint32_t)take(&in, 4);
	c.unique_id = take(&in, 8);
	for (int i = 0; i < 7; i++)
		texts[i] = take_text(&in);
	c.tls_version = texts[0];
	c.cipher = texts[1];
	c.sni = texts[2];
	c.alpn = texts[3];
	c.cn = texts[4];
	c.key_alg = texts[5];
	c.sig_alg = texts[6];

	n = proxy_write(&c, &s, buf);
	proven =
	    c.tls && c.cert_sent && c.verify == 0 && c.cn && proxy_clean_cn(c.cn, strlen(c.cn));
	must(n <= proxy_budget(s.receiver));
	must((n == 0) == (s.send == PROXY_NONE));
	if (s.send == PROXY_V1)
		must(n <= 107 && memcmp(buf, "PROXY ", 6) == 0 &&
		    memchr(buf, '\n', n) == buf + n - 1);
	if (s.send > PROXY_V1) {
		must(n >= 16 && n == 16U + ((size_t)buf[14] << 8 | buf[15]));
		if (buf[12] == 0x21) {
			size_t head = buf[13] == 0x11 ? 28 : 52;

			must(n >= head);
			/* verify is 0 where a certificate verified, its CN clean or not */
			walk(buf + head, n - head, 0, proven || (c.cert_sent && c.verify == 0));
		}
	}
	if (c.sni && proxy_clean_name(c.sni, name))
		must(strlen(name) >= 1 && strlen(name) <= 253 && !strpbrk(name, " \n\"/:@"));
	for (int i = 0; i < 7; i++)
		free(texts[i]);
	free(buf);
	return 0;
}
