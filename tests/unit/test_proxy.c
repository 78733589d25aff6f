/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * PROXY headers byte for byte, written out by hand from the specification; what is left out when
 * a receiver's budget is small; and which of a client's words may pass.
 */
#include "common/proxy/clean.h"
#include "common/proxy/proxy.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

#define SIG     "0d0a0d0a000d0a515549540a"
#define V4_ADDR "cb007105c000020ac35c03e1" /* 203.0.113.5 192.0.2.10 50012 993 */
#define V6_ADDR \
	"20010db8000000000000000000000005" \
	"20010db800000000000000000000000a" \
	"c35c03e1"
#define VERSION   "210007544c5376312e33" /* TLSv1.3 */
#define ALICE     "220005616c696365"
#define ALPN_IMAP "010004696d6170"
#define AUTH_MX   "0200046d782e65" /* mx.e */
#define CIPHER    "230016544c535f4145535f3132385f47434d5f534841323536"
#define UNIQUE    "05001030303030303030303030303030303436"

/* Some clients; the cases below change one thing each. */
enum who { PLAIN, TLS, CERT, FAILED, RESUMED, ALL };

static struct proxy_client
client(enum who who, const char *peer, const char *local)
{
	struct proxy_client c = { .tls = who != PLAIN, .verify = 1, .unique_id = 0x2e };

	if (peer)
		ck_assert_int_eq(addr_parse(peer, 0, &c.peer), 0);
	if (local)
		ck_assert_int_eq(addr_parse(local, 0, &c.local), 0);
	c.sni = "MX.e.";
	c.alpn = "imap";
	if (who == PLAIN)
		return c;
	c.tls_version = "TLSv1.3";
	c.cipher = "TLS_AES_128_GCM_SHA256";
	c.key_alg = "EC256";
	c.sig_alg = "RSA-SHA256";
	c.cert_sent = who >= CERT;
	c.cert_now = who >= CERT && who != RESUMED;
	if (who >= CERT) {
		c.cn = "alice";
		c.verify = who == FAILED ? 18 : 0;
	}
	return c;
}

#define IP4  "203.0.113.5:50012"
#define ME4  "192.0.2.10:993"
#define IP6  "[2001:db8::5]:50012"
#define ME6  "[2001:db8::a]:993"
#define IMAP RECEIVER_HAPROXY, PROTO_IMAP

static const struct bytes {
	const char *name;
	enum who who;
	const char *peer, *local;
	struct proxy_style style;
	const char *hex;
} bytes[] = {
	{ "none", TLS, IP4, ME4, { PROXY_NONE, 63, IMAP }, "" },
	{ "v2 IPv4", TLS, IP4, ME4, { PROXY_V2, 0, IMAP }, SIG "2111000c" V4_ADDR },
	{ "v2 IPv6", TLS, IP6, ME6, { PROXY_V2, 0, IMAP }, SIG "21210024" V6_ADDR },
	{ "v2 mapped on both ends", TLS, "[::ffff:203.0.113.5]:50012", "[::ffff:192.0.2.10]:993",
	    { PROXY_V2, 0, IMAP }, SIG "2111000c" V4_ADDR },
	{ "v2 IPv4 to IPv6", TLS, IP4, ME6, { PROXY_V2, 0, IMAP },
	    SIG "21210024"
		"00000000000000000000ffffcb007105"
		"20010db800000000000000000000000a"
		"c35c03e1" },
	{ "v2 IPv6 to IPv4", TLS, IP6, ME4, { PROXY_V2, 0, IMAP },
	    SIG "21210024"
		"20010db8000000000000000000000005"
		"00000000000000000000ffffc000020a"
		"c35c03e1" },
	{ "v2 of a client that is not known", TLS, NULL, ME4, { PROXY_V2_SSL_CN, 63, IMAP },
	    SIG "20000000" },
	{ "v2 to an end that is not known", TLS, IP4, NULL, { PROXY_V2, 63, IMAP },
	    SIG "20000000" },
	{ "v2-ssl without TLS is v2", PLAIN, IP4, ME4, { PROXY_V2_SSL, TLV_CIPHER, IMAP },
	    SIG "2111000c" V4_ADDR },
	{ "v2-ssl", TLS, IP4, ME4, { PROXY_V2_SSL, 0, IMAP },
	    SIG "2111001e" V4_ADDR "20000f"
		"0100000001" VERSION },
	{ "v2-ssl sends no CN", CERT, IP4, ME4, { PROXY_V2_SSL, 0, IMAP },
	    SIG "2111001e" V4_ADDR "20000f"
		"0700000000" VERSION },
	{ "v2 sends nothing of TLS", CERT, IP4, ME4, { PROXY_V2, TLV_CIPHER | TLV_CERT_ALGS, IMAP },
	    SIG "2111000c" V4_ADDR },
	{ "v2-ssl-cn", CERT, IP4, ME4, { PROXY_V2_SSL_CN, 0, IMAP },
	    SIG "21110026" V4_ADDR "200017"
		"0700000000" VERSION ALICE },
	{ "v2-ssl-cn resumed", RESUMED, IP4, ME4, { PROXY_V2_SSL_CN, 0, IMAP },
	    SIG "21110026" V4_ADDR "200017"
		"0500000000" VERSION ALICE },
	{ "v2-ssl-cn of a chain that failed", FAILED, IP4, ME4, { PROXY_V2_SSL_CN, 0, IMAP },
	    SIG "2111001e" V4_ADDR "20000f"
		"0700000012" VERSION },
	{ "v2-ssl-cn without a certificate", TLS, IP4, ME4, { PROXY_V2_SSL_CN, 0, IMAP },
	    SIG "2111001e" V4_ADDR "20000f"
		"0100000001" VERSION },
	{ "authority without TLS here", PLAIN, IP4, ME4, { PROXY_V2_SSL, TLV_AUTHORITY, IMAP },
	    SIG "21110013" V4_ADDR AUTH_MX },
	{ "alpn", TLS, IP4, ME4, { PROXY_V2, TLV_ALPN, IMAP }, SIG "21110013" V4_ADDR ALPN_IMAP },
	{ "unique id", TLS, IP4, ME4, { PROXY_V2, TLV_UNIQUE_ID, IMAP },
	    SIG "2111001f" V4_ADDR UNIQUE },
	{ "cipher", TLS, IP4, ME4, { PROXY_V2_SSL, TLV_CIPHER, IMAP },
	    SIG "21110037" V4_ADDR "200028"
		"0100000001" VERSION CIPHER },
	{ "certificate algorithms", TLS, IP4, ME4, { PROXY_V2_SSL, TLV_CERT_ALGS, IMAP },
	    SIG "21110033" V4_ADDR "200024"
		"0100000001" VERSION "2500054543323536"
		"24000a5253412d534841323536" },
	/* the checksums were computed by another program (tests/proxy_decode.py) */
	{ "crc32c", TLS, IP4, ME4, { PROXY_V2, TLV_CRC32C, IMAP },
	    SIG "21110013" V4_ADDR "030004aa07ac4a" },
	{ "everything", CERT, IP6, ME6, { PROXY_V2_SSL_CN, 63, IMAP },
	    SIG "21210094" V6_ADDR "03000446d923c6" ALPN_IMAP AUTH_MX UNIQUE "200045"
		"0700000000" VERSION ALICE "2500054543323536"
		"24000a5253412d534841323536" CIPHER },
};

static void
to_hex(const uint8_t *p, size_t n, char *hex_r)
{
	*hex_r = '\0';
	for (size_t i = 0; i < n; i++)
		sprintf(hex_r + 2 * i, "%02x", p[i]);
}

START_TEST(byte_for_byte)
{
	const struct bytes *b = &bytes[_i];
	struct proxy_client c = client(b->who, b->peer, b->local);
	uint8_t buf[PROXY_MAX];
	char hex[2 * PROXY_MAX + 1];

	to_hex(buf, proxy_write(&c, &b->style, buf), hex);
	ck_assert_msg(strcmp(hex, b->hex) == 0, "%s:\n%s\nnot\n%s", b->name, hex, b->hex);
}
END_TEST

static const struct line {
	const char *peer, *local, *line;
} lines[] = {
	{ IP4, ME4, "PROXY TCP4 203.0.113.5 192.0.2.10 50012 993\r\n" },
	{ "255.255.255.255:65535", "255.255.255.255:65535",
	    "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n" },
	{ IP6, ME6, "PROXY TCP6 2001:db8::5 2001:db8::a 50012 993\r\n" },
	{ IP4, ME6, "PROXY TCP6 ::ffff:cb00:7105 2001:db8::a 50012 993\r\n" },
	{ "0.0.0.1:1", ME6, "PROXY TCP6 ::ffff:0:1 2001:db8::a 1 993\r\n" },
	{ "[::1.2.3.4]:1", ME6, "PROXY TCP6 ::102:304 2001:db8::a 1 993\r\n" },
	{ "[::1]:1", "[fe80::1%3]:2", "PROXY TCP6 ::1 fe80::1 1 2\r\n" },
	{ "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff0]:65535",
	    "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
	    "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff0 "
	    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n" },
	{ NULL, ME4, "PROXY UNKNOWN\r\n" },
	{ IP6, NULL, "PROXY UNKNOWN\r\n" },
};

START_TEST(version_1)
{
	struct proxy_client c = client(CERT, lines[_i].peer, lines[_i].local);
	struct proxy_style s = { PROXY_V1, 63, RECEIVER_GENERIC, PROTO_IMAP };
	uint8_t buf[PROXY_MAX];
	size_t n = proxy_write(&c, &s, buf);

	ck_assert_uint_eq(n, strlen(lines[_i].line));
	ck_assert_mem_eq(buf, lines[_i].line, n);
	ck_assert_uint_le(n, 107);
}
END_TEST

START_TEST(local)
{
	uint8_t buf[PROXY_MAX];
	char hex[64];

	to_hex(buf, proxy_write_local(buf), hex);
	ck_assert_str_eq(hex, SIG "20000000");
}
END_TEST

/* Find a TLV; inner: in the SSL one.  Returns its length, -1 if it is not there. */
static int
find(const uint8_t *buf, size_t n, uint8_t type, int inner, const uint8_t **value_r)
{
	size_t i = buf[13] == 0x11 ? 28 : 52, len;
	int r;

	while (i + 3 <= n) {
		len = (size_t)buf[i + 1] << 8 | buf[i + 2];
		ck_assert_uint_le(i + 3 + len, n);
		if (buf[i] == type) {
			*value_r = buf + i + 3;
			return (int)len;
		}
		if (inner && buf[i] == 0x20)
			for (size_t j = i + 8; j + 3 <= i + 3 + len; j += 3 + (size_t)r) {
				r = buf[j + 1] << 8 | buf[j + 2];
				*value_r = buf + j + 3;
				if (buf[j] == type)
					return r;
			}
		i += 3 + len;
	}
	ck_assert_uint_eq(i, n);
	return -1;
}

/*
 * Parts go in this order, each whole, as the server name and the CN take up the room; the table
 * says which are left.
 */
static const struct fit {
	enum receiver receiver;
	size_t name, cn;
	const char *left; /* u: unique id, c: cipher, k: algorithms, p: ALPN, a: authority, n: CN */
} fits[] = {
	{ RECEIVER_GENERIC, 4, 5, "ucpkan" },
	{ RECEIVER_GENERIC, 96, 5, "ucpkan" },
	{ RECEIVER_GENERIC, 97, 5, "cpkan" },
	{ RECEIVER_GENERIC, 115, 5, "cpkan" },
	{ RECEIVER_GENERIC, 116, 5, "pkan" },
	{ RECEIVER_GENERIC, 140, 5, "pkan" },
	{ RECEIVER_GENERIC, 141, 5, "pan" },
	{ RECEIVER_GENERIC, 161, 5, "pan" },
	{ RECEIVER_GENERIC, 162, 5, "an" },
	{ RECEIVER_GENERIC, 168, 5, "an" },
	{ RECEIVER_GENERIC, 169, 5, "n" },
	{ RECEIVER_GENERIC, 253, 64, "n" },
	{ RECEIVER_EXIM, 169, 5, "n" },
	{ RECEIVER_EXIM, 168, 5, "an" },
	{ RECEIVER_GENERIC, 4, 256, "" },
	{ RECEIVER_POSTFIX, 253, 64, "ucpkan" },
	{ RECEIVER_POSTFIX, 253, 148, "ucpkan" },
	{ RECEIVER_POSTFIX, 253, 152, "ucpkan" },
	{ RECEIVER_POSTFIX, 253, 156, "cpkan" },
	{ RECEIVER_POSTFIX, 253, 256, "n" },
	{ RECEIVER_DOVECOT, 253, 256, "ucpkan" },
	{ RECEIVER_HAPROXY, 253, 256, "ucpkan" },
};

static void
fill_texts(const struct fit *f, char *name, char *cn)
{
	/* labels of 50 bytes at most; characters of four bytes where 64 of one are too few */
	memset(name, 'a', f->name);
	for (size_t i = 50; i < f->name - 1; i += 51)
		name[i] = '.';
	name[f->name] = '\0';
	memset(cn, 'n', f->cn);
	if (f->cn > 64)
		for (size_t i = 0; i + 4 <= f->cn; i += 4)
			memcpy(cn + i, "\xf0\x9f\x93\xac", 4);
	cn[f->cn] = '\0';
}

START_TEST(budget_sizes)
{
	ck_assert_uint_eq(proxy_budget(RECEIVER_GENERIC), 232);
	ck_assert_uint_eq(proxy_budget(RECEIVER_EXIM), 232);
	ck_assert_uint_eq(proxy_budget(RECEIVER_POSTFIX), 536);
	ck_assert_uint_eq(proxy_budget(RECEIVER_DOVECOT), 1500);
	ck_assert_uint_eq(proxy_budget(RECEIVER_HAPROXY), PROXY_MAX);
}
END_TEST

START_TEST(budgets)
{
	static const struct {
		char letter;
		uint8_t type;
	} parts[] = { { 'u', 5 }, { 'c', 0x23 }, { 'k', 0x25 }, { 'k', 0x24 }, { 'p', 1 },
		{ 'a', 2 }, { 'n', 0x22 } };
	const struct fit *f = &fits[_i];
	struct proxy_client c = client(CERT, IP4, ME4);
	struct proxy_style s = { PROXY_V2_SSL_CN, 63, f->receiver, PROTO_IMAP };
	char name[254], cn[257];
	const uint8_t *value = NULL;
	uint8_t buf[PROXY_MAX];
	size_t n;
	int len;

	fill_texts(f, name, cn);
	c.sni = name;
	c.cn = cn;
	n = proxy_write(&c, &s, buf);
	ck_assert_uint_le(n, proxy_budget(f->receiver));
	for (int i = 0; i < COUNT(parts); i++) {
		len = find(buf, n, parts[i].type, 1, &value);
		ck_assert_msg((len >= 0) == (strchr(f->left, parts[i].letter) != NULL),
		    "name %zu cn %zu: %c", f->name, f->cn, parts[i].letter);
		if (len >= 0 && parts[i].letter == 'a')
			ck_assert(len == (int)f->name && memcmp(value, name, f->name) == 0);
		if (len >= 0 && parts[i].letter == 'n')
			ck_assert(len == (int)f->cn && memcmp(value, cn, f->cn) == 0);
	}
	ck_assert_int_eq(find(buf, n, 3, 0, &value), 4);
	ck_assert_int_ge(find(buf, n, 0x21, 1, &value), 7);
}
END_TEST

static const struct alpn {
	enum receiver receiver;
	enum protocol protocol;
	const char *alpn;
	int sent;
} alpns[] = {
	{ RECEIVER_DOVECOT, PROTO_IMAP, "imap", 1 },
	{ RECEIVER_DOVECOT, PROTO_POP3, "pop3", 1 },
	{ RECEIVER_DOVECOT, PROTO_IMAP, "pop3", 0 },
	{ RECEIVER_DOVECOT, PROTO_IMAP, "IMAP", 0 },
	{ RECEIVER_DOVECOT, PROTO_IMAP, "imap4", 0 },
	{ RECEIVER_DOVECOT, PROTO_SUBMISSION, "smtp", 0 },
	{ RECEIVER_DOVECOT, PROTO_SUBMISSION, "submission", 0 },
	{ RECEIVER_DOVECOT, PROTO_SMTP, "smtp", 0 },
	{ RECEIVER_DOVECOT, PROTO_LMTP, "lmtp", 0 },
	{ RECEIVER_DOVECOT, PROTO_SIEVE, "managesieve", 0 },
	{ RECEIVER_DOVECOT, PROTO_TCP, "imap", 0 },
	{ RECEIVER_GENERIC, PROTO_IMAP, "imap", 1 },
	{ RECEIVER_GENERIC, PROTO_POP3, "pop3", 1 },
	{ RECEIVER_GENERIC, PROTO_SIEVE, "managesieve", 1 },
	{ RECEIVER_GENERIC, PROTO_SUBMISSION, "submission", 0 },
	{ RECEIVER_GENERIC, PROTO_SUBMISSION, "smtp", 0 },
	{ RECEIVER_GENERIC, PROTO_SMTP, "smtp", 0 },
	{ RECEIVER_GENERIC, PROTO_LMTP, "lmtp", 0 },
	{ RECEIVER_GENERIC, PROTO_TCP, "h2", 1 },
	{ RECEIVER_POSTFIX, PROTO_SUBMISSION, "smtp", 1 },
	{ RECEIVER_HAPROXY, PROTO_SUBMISSION, "submission", 1 },
	{ RECEIVER_EXIM, PROTO_SMTP, "smtp", 1 },
	{ RECEIVER_HAPROXY, PROTO_IMAP, "", 0 },
};

START_TEST(alpn_by_receiver)
{
	const struct alpn *a = &alpns[_i];
	struct proxy_client c = client(TLS, IP4, ME4);
	struct proxy_style s = { PROXY_V2, TLV_ALPN, a->receiver, a->protocol };
	const uint8_t *value = NULL;
	uint8_t buf[PROXY_MAX];
	size_t n;
	int len;

	c.alpn = a->alpn;
	n = proxy_write(&c, &s, buf);
	len = find(buf, n, 1, 0, &value);
	ck_assert_int_eq(len, a->sent ? (int)strlen(a->alpn) : -1);
	if (a->sent)
		ck_assert_mem_eq(value, a->alpn, strlen(a->alpn));
}
END_TEST

#define L63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define L61 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* clean NULL: refused */
static const struct name {
	const char *sni, *clean;
} names[] = {
	{ "mail.example.org", "mail.example.org" },
	{ "MAIL.Example.ORG", "mail.example.org" },
	{ "mail.example.org.", "mail.example.org" },
	{ "_x-1.example", "_x-1.example" },
	{ "a", "a" },
	{ L63 ".b", L63 ".b" },
	{ L63 "." L63 "." L63 "." L61, L63 "." L63 "." L63 "." L61 },
	{ L63 "." L63 "." L63 "." L61 ".", L63 "." L63 "." L63 "." L61 },
	{ L63 "." L63 "." L63 "." L61 "b", NULL },
	{ L63 "a.b", NULL },
	{ "", NULL },
	{ ".", NULL },
	{ "..", NULL },
	{ ".a", NULL },
	{ "a..b", NULL },
	{ "a..", NULL },
	{ "a b", NULL },
	{ "a\nb", NULL },
	{ "m\xc3\xa4il", NULL },
	{ "a:993", NULL },
	{ "a/b", NULL },
	{ "a\"b", NULL },
	{ "*.example.org", NULL },
	{ "[::1]", NULL },
	{ L63 "." L63 "." L63 "." L63 "." L63, NULL },
};

START_TEST(clean_names)
{
	char out[254];

	ck_assert_msg(
	    proxy_clean_name(names[_i].sni, out) == (names[_i].clean != NULL), "%s", names[_i].sni);
	if (names[_i].clean)
		ck_assert_str_eq(out, names[_i].clean);
}
END_TEST

#define C64 L63 "a"

static const struct cn {
	const char *cn;
	size_t size; /* 0: strlen */
	int clean;
} cns[] = {
	{ "alice", 0, 1 },
	{ "Alice Example <a@example.org>", 0, 1 },
	{ "\xc3\xa4\xe2\x82\xac\xf0\x9f\x93\xac", 0, 1 },
	{ "\xf4\x8f\xbf\xbf", 0, 1 },
	{ "\xc2\xa0", 0, 1 },
	{ C64, 0, 1 },
	{ C64 "a", 0, 0 },
	{ "", 0, 0 },
	{ "admin\0x", 7, 0 },
	{ "admin\0", 6, 0 },
	{ "a\nb", 0, 0 },
	{ "a\x1f", 0, 0 },
	{ "a\x7f", 0, 0 },
	{ "a\xc2\x80", 0, 0 },
	{ "a\xc2\x9f", 0, 0 },
	{ "\xc0\x80", 0, 0 },         /* NUL in two bytes */
	{ "\xc1\xbf", 0, 0 },         /* too long for what it says */
	{ "\xe0\x9f\xbf", 0, 0 },     /* the same in three */
	{ "\xf0\x8f\xbf\xbf", 0, 0 }, /* the same in four */
	{ "\xed\xa0\x80", 0, 0 },     /* a surrogate */
	{ "\xed\xbf\xbf", 0, 0 },
	{ "\xf4\x90\x80\x80", 0, 0 }, /* beyond U+10FFFF */
	{ "\xf8\x88\x80\x80\x80", 0, 0 },
	{ "\xff", 0, 0 },
	{ "\x80", 0, 0 },
	{ "a\xc3", 0, 0 }, /* cut short */
	{ "\xc3\xa4\xe2\x82", 0, 0 },
	{ "\xe2\x82\xc3\xa4", 0, 0 },
	{ "\xf0\x9f\x93", 0, 0 },
};

START_TEST(clean_cns)
{
	size_t size = cns[_i].size ? cns[_i].size : strlen(cns[_i].cn);

	ck_assert_msg(proxy_clean_cn(cns[_i].cn, size) == cns[_i].clean, "%s", cns[_i].cn);
}
END_TEST

/* Whatever a caller puts into the struct: no CN but of a certificate that verified. */
START_TEST(no_cn_without_proof)
{
	static const uint32_t verifies[] = { 0, 1, 18, 0xffffffff };
	int tls = _i & 1, cert = _i >> 1 & 1, now = _i >> 2 & 1, v = _i >> 3 & 3;
	enum send_proxy send = (enum send_proxy)(_i >> 5);
	int proven = tls && cert && v == 0;
	struct proxy_client c = client(CERT, IP4, ME4);
	struct proxy_style s = { send, 0, RECEIVER_DOVECOT, PROTO_IMAP };
	const uint8_t *value = NULL;
	uint8_t buf[PROXY_MAX];
	size_t n;

	c.tls = tls;
	c.cert_sent = cert;
	c.cert_now = now;
	c.verify = verifies[v];
	n = proxy_write(&c, &s, buf);
	ck_assert_int_eq(find(buf, n, 0x22, 1, &value) == 5, proven && send == PROXY_V2_SSL_CN);
	if (find(buf, n, 0x20, 0, &value) >= 0) {
		uint32_t verify = (uint32_t)value[1] << 24 | (uint32_t)value[2] << 16 |
		    (uint32_t)value[3] << 8 | value[4];

		ck_assert_int_eq(tls, 1);
		ck_assert_int_eq(verify == 0, proven);
		ck_assert_int_eq(value[0], 1 | (cert ? 4 : 0) | (cert && now ? 2 : 0));
		if (v)
			ck_assert_uint_eq(verify, verifies[v]);
	} else
		ck_assert(!tls || send == PROXY_V2);
	c.cn = "alice\n";
	n = proxy_write(&c, &s, buf);
	ck_assert_int_eq(find(buf, n, 0x22, 1, &value), -1);
}
END_TEST

/* Names that are none of OpenSSL's are not sent, and nothing else suffers. */
START_TEST(absent_and_absurd)
{
	struct proxy_client c = client(CERT, IP4, ME4);
	struct proxy_style s = { PROXY_V2_SSL_CN, 63, RECEIVER_HAPROXY, PROTO_TCP };
	char absurd[1000];
	const uint8_t *value = NULL;
	uint8_t buf[PROXY_MAX];
	size_t n;

	memset(absurd, 'x', sizeof(absurd) - 1);
	absurd[sizeof(absurd) - 1] = '\0';
	c.tls_version = c.cipher = c.key_alg = c.sig_alg = c.alpn = c.sni = c.cn = absurd;
	n = proxy_write(&c, &s, buf);
	ck_assert_uint_eq(n, 28 + 7 + 19 + 8);
	c.tls_version = c.cipher = c.key_alg = c.sig_alg = c.alpn = c.sni = c.cn = NULL;
	ck_assert_uint_eq(proxy_write(&c, &s, buf), n);
	c.tls_version = c.cipher = c.key_alg = c.sig_alg = absurd + 1000 - 65;
	c.alpn = absurd + 1000 - 256;
	n = proxy_write(&c, &s, buf);
	for (uint8_t type = 0x21; type <= 0x25; type++)
		ck_assert_int_eq(find(buf, n, type, 1, &value), type == 0x22 ? -1 : 64);
	ck_assert_int_eq(find(buf, n, 1, 0, &value), 255);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("proxy");
	TCase *t = tcase_create("proxy");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(t, byte_for_byte, 0, COUNT(bytes));
	tcase_add_loop_test(t, version_1, 0, COUNT(lines));
	tcase_add_test(t, local);
	tcase_add_test(t, budget_sizes);
	tcase_add_loop_test(t, budgets, 0, COUNT(fits));
	tcase_add_loop_test(t, alpn_by_receiver, 0, COUNT(alpns));
	tcase_add_loop_test(t, clean_names, 0, COUNT(names));
	tcase_add_loop_test(t, clean_cns, 0, COUNT(cns));
	tcase_add_loop_test(t, no_cn_without_proof, PROXY_V2 << 5, (PROXY_V2_SSL_CN + 1) << 5);
	tcase_add_test(t, absent_and_absurd);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
