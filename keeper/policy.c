/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Tells a handshake from everything else that an attacker in a worker might want signed (an OCSP
 * answer, a certificate, a mail, the other side of a handshake).  Runs in the keeper, over bytes
 * from a process that may be compromised.
 */
#include "keeper/policy.h"

#include "common/bundle.h"
#include "common/msg.h"

#include <string.h>

uint32_t
policy_use(uint32_t purpose)
{
	switch (purpose) {
	case SIGN_TLS13_SERVER:
	case SIGN_TLS12_SERVER:
		return USE_SERVER;
	case SIGN_TLS13_CLIENT:
	case SIGN_TLS12_CLIENT:
		return USE_CLIENT;
	default:
		return 0;
	}
}

static int
is_certificate_verify(const uint8_t *tbs, size_t size, const char *context)
{
	size_t len = strlen(context) + 1; /* its NUL is part of the format */
	if (size != 64 + len + 32 && size != 64 + len + 48)
		return 0;
	for (size_t i = 0; i < 64; i++)
		if (tbs[i] != 0x20)
			return 0;
	return memcmp(tbs + 64, context, len) == 0;
}

static int
is_key_exchange(const uint8_t *tbs, size_t size)
{
	/* NamedGroup (RFC 8422 section 5.1.1), the length of its point, how that begins. */
	static const struct {
		uint8_t group, len;
		int uncompressed;
	} groups[] = {
		{ 23, 65, 1 }, /* secp256r1 */
		{ 24, 97, 1 },
		{ 25, 133, 1 },
		{ 29, 32, 0 }, /* x25519 */
		{ 30, 56, 0 },
	};
	const size_t params = 64; /* behind client_random and server_random */
	if (size < params + 4 || tbs[params] != 3 /* named_curve */ || tbs[params + 1] != 0)
		return 0;
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (tbs[params + 2] == groups[i].group)
			return tbs[params + 3] == groups[i].len &&
			    size == params + 4 + groups[i].len &&
			    (!groups[i].uncompressed || tbs[params + 4] == 4);
	return 0;
}

/* HandshakeType, RFC 5246 section 7.4 and RFC 6066 section 8, in the order of the handshake. */
static const struct {
	uint8_t type;
	int optional;
} flight[] = {
	{ 1, 0 },  /* ClientHello */
	{ 2, 0 },  /* ServerHello */
	{ 11, 0 }, /* Certificate, the server's */
	{ 22, 1 }, /* CertificateStatus */
	{ 12, 1 }, /* ServerKeyExchange; not with RSA key exchange */
	{ 13, 0 }, /* CertificateRequest */
	{ 14, 0 }, /* ServerHelloDone */
	{ 11, 0 }, /* Certificate, ours */
	{ 16, 0 }, /* ClientKeyExchange: the last before CertificateVerify */
};

static int
is_client_transcript(const uint8_t *tbs, size_t size)
{
	size_t at = 0, step = 0;
	const size_t steps = sizeof(flight) / sizeof(flight[0]);
	while (at < size) {
		if (size - at < 4)
			return 0;
		size_t len = (size_t)tbs[at + 1] << 16 | (size_t)tbs[at + 2] << 8 | tbs[at + 3];
		if (len > size - at - 4)
			return 0;
		while (step < steps && flight[step].type != tbs[at] && flight[step].optional)
			step++;
		if (step == steps || flight[step].type != tbs[at])
			return 0;
		/* Both hellos begin with the version, then 32 random bytes. */
		if (step < 2 && (len < 34 || tbs[at + 4] != 3 || tbs[at + 5] != 3))
			return 0;
		at += 4 + len;
		step++;
	}
	return step == steps;
}

int
policy_shape(uint32_t purpose, const uint8_t *tbs, size_t size)
{
	switch (purpose) {
	case SIGN_TLS13_SERVER:
		return is_certificate_verify(tbs, size, "TLS 1.3, server CertificateVerify");
	case SIGN_TLS13_CLIENT:
		return is_certificate_verify(tbs, size, "TLS 1.3, client CertificateVerify");
	case SIGN_TLS12_SERVER:
		return is_key_exchange(tbs, size);
	case SIGN_TLS12_CLIENT:
		return size <= TBS_MAX && is_client_transcript(tbs, size);
	default:
		return 0;
	}
}
