/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Writing the PROXY header, in a worker for a client and in the checker for itself.  The client's
 * own bytes (server name, ALPN, the common name of its certificate) go into a message that the
 * mail server believes, so each is checked here once more, whatever the caller has done.
 * Never writes a value cut short, nor a common name without a certificate that verified.
 *
 * Source: HAProxy's proxy-protocol.txt, sections 2.1, 2.2 and 2.2.1 to 2.2.7; the order of the
 * TLVs is HAProxy's.
 */
#include "common/proxy/proxy.h"

#include "common/proxy/clean.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const uint8_t signature[12] = { 0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49,
	0x54, 0x0a };

enum { HEAD = 16, LOCAL = 0x20, PROXY = 0x21, UNSPEC = 0x00, TCP4 = 0x11, TCP6 = 0x21 };

enum tlv_type {
	PP2_ALPN = 0x01,
	PP2_AUTHORITY = 0x02,
	PP2_CRC32C = 0x03,
	PP2_UNIQUE_ID = 0x05,
	PP2_SSL = 0x20,
	PP2_SSL_VERSION = 0x21,
	PP2_SSL_CN = 0x22,
	PP2_SSL_CIPHER = 0x23,
	PP2_SSL_SIG_ALG = 0x24,
	PP2_SSL_KEY_ALG = 0x25,
};

enum { CLIENT_SSL = 0x01, CLIENT_CERT_CONN = 0x02, CLIENT_CERT_SESS = 0x04 };

#define TLV_HEAD  3
#define SSL_FIXED 5  /* client bits, verify */
#define PLAIN_MAX 64 /* of names that OpenSSL gives: no real one comes near */
#define ALPN_MAX  255
#define ID_DIGITS 20 /* of 64 bits; 16 until the year 2272 */

/* What may be left out, one bit each, the first to go first. */
enum part { UNIQUE_ID, CIPHER, CERT_ALGS, ALPN, AUTHORITY, CN, PARTS };

/* The values that a header will hold; NULL (or 0) for those that it will not. */
struct values {
	const char *unique_id, *alpn, *authority, *version, *cn, *cipher, *sig_alg, *key_alg;
	int ssl, crc;
	uint8_t bits;
	uint32_t verify;
	char name[254], id[ID_DIGITS + 1];
};

/* Where bytes go, or (buf NULL) how many they would be. */
struct out {
	uint8_t *buf;
	size_t len;
};

static void
put(struct out *o, const void *bytes, size_t n)
{
	if (o->buf)
		memcpy(o->buf + o->len, bytes, n);
	o->len += n;
}

static void
put_tlv(struct out *o, enum tlv_type type, const void *value, size_t n)
{
	uint8_t head[TLV_HEAD] = { (uint8_t)type, (uint8_t)(n >> 8), (uint8_t)n };

	put(o, head, sizeof(head));
	put(o, value, n);
}

static void
put_text(struct out *o, enum tlv_type type, const char *value)
{
	if (value)
		put_tlv(o, type, value, strlen(value));
}

size_t
proxy_budget(enum receiver r)
{
	switch (r) {
	case RECEIVER_POSTFIX:
		return 536;
	case RECEIVER_DOVECOT:
		return 1500;
	case RECEIVER_HAPROXY:
		return PROXY_MAX;
	case RECEIVER_EXIM:
	case RECEIVER_GENERIC:
		break;
	}
	return 232;
}

/*
 * Dovecot from 2.4 closes on an ALPN that is not its service's own name, and its submission
 * service has another one than clients use: only the two names that are sure go there.  Nobody
 * knows what stands behind "generic", so it gets the names that are registered for its protocol
 * (RFC 2595, RFC 5804) and none where none is.  The others take or ignore what was negotiated.
 */
static int
alpn_stands(const char *alpn, const struct proxy_style *s)
{
	size_t n = strlen(alpn);

	if (n == 0 || n > ALPN_MAX)
		return 0;
	if (s->receiver != RECEIVER_DOVECOT && s->receiver != RECEIVER_GENERIC)
		return 1;
	switch (s->protocol) {
	case PROTO_IMAP:
		return strcmp(alpn, "imap") == 0;
	case PROTO_POP3:
		return strcmp(alpn, "pop3") == 0;
	case PROTO_SIEVE:
		return s->receiver == RECEIVER_GENERIC && strcmp(alpn, "managesieve") == 0;
	case PROTO_TCP:
		return s->receiver == RECEIVER_GENERIC;
	default:
		return 0;
	}
}

/* A name as OpenSSL makes it, or NULL if it is not one. */
static const char *
plain(const char *s)
{
	return s && *s && strlen(s) <= PLAIN_MAX ? s : NULL;
}

static void
take_ssl(const struct proxy_client *c, const struct proxy_style *s, struct values *v)
{
	int verified = c->cert_sent && c->verify == 0;

	v->ssl = 1;
	v->bits = CLIENT_SSL;
	if (c->cert_sent)
		v->bits |= CLIENT_CERT_SESS | (c->cert_now ? CLIENT_CERT_CONN : 0);
	/* Receivers take 0 for "verified", so it must never stand for "no certificate". */
	v->verify = verified || c->verify ? c->verify : 1;
	v->version = plain(c->tls_version);
	if (s->send == PROXY_V2_SSL_CN && verified && c->cn && proxy_clean_cn(c->cn, strlen(c->cn)))
		v->cn = c->cn;
	if (s->tlvs & TLV_CERT_ALGS) {
		v->key_alg = plain(c->key_alg);
		v->sig_alg = plain(c->sig_alg);
	}
	if (s->tlvs & TLV_CIPHER)
		v->cipher = plain(c->cipher);
}

static void
take_values(const struct proxy_client *c, const struct proxy_style *s, struct values *v)
{
	v->crc = (s->tlvs & TLV_CRC32C) != 0;
	if (s->tlvs & TLV_ALPN && c->alpn && alpn_stands(c->alpn, s))
		v->alpn = c->alpn;
	if (s->tlvs & TLV_AUTHORITY && c->sni && proxy_clean_name(c->sni, v->name))
		v->authority = v->name;
	if (s->tlvs & TLV_UNIQUE_ID) {
		snprintf(v->id, sizeof(v->id), "%016llu", (unsigned long long)c->unique_id);
		v->unique_id = v->id;
	}
	if (c->tls && s->send != PROXY_V2)
		take_ssl(c, s, v);
}

static void
put_ssl_values(struct out *o, const struct values *v)
{
	uint32_t verify = htonl(v->verify);

	put(o, &v->bits, 1);
	put(o, &verify, sizeof(verify));
	put_text(o, PP2_SSL_VERSION, v->version);
	put_text(o, PP2_SSL_CN, v->cn);
	put_text(o, PP2_SSL_KEY_ALG, v->key_alg);
	put_text(o, PP2_SSL_SIG_ALG, v->sig_alg);
	put_text(o, PP2_SSL_CIPHER, v->cipher);
}

/* All TLVs; returns where the checksum's four bytes stand, 0 without one. */
static size_t
put_tlvs(struct out *o, const struct values *v)
{
	static const uint8_t zero[4];
	struct out ssl = { NULL, 0 };
	size_t crc_at = 0;

	if (v->crc) {
		crc_at = o->len + TLV_HEAD;
		put_tlv(o, PP2_CRC32C, zero, sizeof(zero));
	}
	put_text(o, PP2_ALPN, v->alpn);
	put_text(o, PP2_AUTHORITY, v->authority);
	put_text(o, PP2_UNIQUE_ID, v->unique_id);
	if (v->ssl) {
		put_ssl_values(&ssl, v);
		put(o, (uint8_t[]){ PP2_SSL, (uint8_t)(ssl.len >> 8), (uint8_t)ssl.len }, TLV_HEAD);
		put_ssl_values(o, v);
	}
	return crc_at;
}

static void
leave_out(struct values *v, enum part p)
{
	switch (p) {
	case UNIQUE_ID:
		v->unique_id = NULL;
		break;
	case CIPHER:
		v->cipher = NULL;
		break;
	case CERT_ALGS:
		v->key_alg = v->sig_alg = NULL;
		break;
	case ALPN:
		v->alpn = NULL;
		break;
	case AUTHORITY:
		v->authority = NULL;
		break;
	case CN:
		v->cn = NULL;
		break;
	case PARTS:
		break;
	}
}

/* RFC 3720 appendix B.4, a bit at a time: a header is short, and few ask for this. */
static uint32_t
crc32c(const uint8_t *p, size_t n)
{
	uint32_t crc = 0xffffffff;

	while (n--) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

/* The 16 bytes that IPv6 has; IPv4 as ::ffff:a.b.c.d. */
static void
as_v6(const struct addr *a, uint8_t ip_r[16])
{
	if (a->family == ADDR_V6) {
		memcpy(ip_r, a->ip, 16);
		return;
	}
	memset(ip_r, 0, 16);
	ip_r[10] = ip_r[11] = 0xff;
	memcpy(ip_r + 12, a->ip, 4);
}

static void
put_addresses(struct out *o, const struct proxy_client *c, int v4)
{
	uint16_t ports[2] = { htons(c->peer.port), htons(c->local.port) };
	uint8_t ip[16];

	if (v4) {
		put(o, c->peer.ip, 4);
		put(o, c->local.ip, 4);
	} else {
		as_v6(&c->peer, ip);
		put(o, ip, 16);
		as_v6(&c->local, ip);
		put(o, ip, 16);
	}
	put(o, ports, sizeof(ports));
}

static size_t
write_v2(const struct proxy_client *c, const struct proxy_style *s, int v4, uint8_t *buf_r)
{
	size_t fixed = HEAD + (v4 ? 12 : 36), budget = proxy_budget(s->receiver), crc_at;
	struct values v = { 0 };
	struct out o;
	uint32_t crc;

	take_values(c, s, &v);
	for (int p = UNIQUE_ID; p < PARTS; p++) {
		o = (struct out){ NULL, fixed };
		put_tlvs(&o, &v);
		if (o.len <= budget)
			break;
		leave_out(&v, (enum part)p);
	}
	o = (struct out){ buf_r, HEAD };
	put_addresses(&o, c, v4);
	crc_at = put_tlvs(&o, &v);
	memcpy(buf_r, signature, sizeof(signature));
	buf_r[12] = PROXY;
	buf_r[13] = v4 ? TCP4 : TCP6;
	buf_r[14] = (uint8_t)((o.len - HEAD) >> 8);
	buf_r[15] = (uint8_t)(o.len - HEAD);
	if (crc_at) {
		crc = htonl(crc32c(buf_r, o.len));
		memcpy(buf_r + crc_at, &crc, sizeof(crc));
	}
	return o.len;
}

/*
 * Section 2.1 wants groups of hexadecimal digits; inet_ntop writes the last two of a mapped or
 * compatible address in IPv4's way.
 */
static void
v1_v6_text(const struct addr *a, char text_r[INET6_ADDRSTRLEN])
{
	uint8_t ip[16];

	as_v6(a, ip);
	inet_ntop(AF_INET6, ip, text_r, INET6_ADDRSTRLEN);
	if (strchr(text_r, '.'))
		snprintf(text_r, INET6_ADDRSTRLEN, "::%s%x:%x", ip[10] ? "ffff:" : "",
		    ip[12] << 8 | ip[13], ip[14] << 8 | ip[15]);
}

static size_t
write_v1(const struct proxy_client *c, int v4, uint8_t *buf_r)
{
	char peer[INET6_ADDRSTRLEN], local[INET6_ADDRSTRLEN];

	if (v4) {
		inet_ntop(AF_INET, c->peer.ip, peer, sizeof(peer));
		inet_ntop(AF_INET, c->local.ip, local, sizeof(local));
	} else {
		v1_v6_text(&c->peer, peer);
		v1_v6_text(&c->local, local);
	}
	return (size_t)snprintf((char *)buf_r, PROXY_MAX, "PROXY TCP%c %s %s %u %u\r\n",
	    v4 ? '4' : '6', peer, local, c->peer.port, c->local.port);
}

static int
is_ip(const struct addr *a)
{
	return a->family == ADDR_V4 || a->family == ADDR_V6;
}

size_t
proxy_write(const struct proxy_client *c, const struct proxy_style *s, uint8_t *buf_r)
{
	int known = is_ip(&c->peer) && is_ip(&c->local);
	int v4 = c->peer.family == ADDR_V4 && c->local.family == ADDR_V4;

	switch (s->send) {
	case PROXY_NONE:
		return 0;
	case PROXY_V1:
		if (!known)
			return (size_t)snprintf((char *)buf_r, PROXY_MAX, "PROXY UNKNOWN\r\n");
		return write_v1(c, v4, buf_r);
	case PROXY_V2:
	case PROXY_V2_SSL:
	case PROXY_V2_SSL_CN:
		break;
	}
	return known ? write_v2(c, s, v4, buf_r) : proxy_write_local(buf_r);
}

size_t
proxy_write_local(uint8_t *buf_r)
{
	memcpy(buf_r, signature, sizeof(signature));
	memcpy(buf_r + sizeof(signature), (uint8_t[]){ LOCAL, UNSPEC, 0, 0 }, 4);
	return HEAD;
}
