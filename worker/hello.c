/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Runs in the worker, on the first bytes of an unknown peer.  Every length is checked against
 * what there is before it is believed; nothing is allocated and nothing kept.
 */
#include "hello.h"

#include <string.h>

enum { RECORD_HANDSHAKE = 22, CLIENT_HELLO = 1, EXTENSION_SERVER_NAME = 0, NAME_HOST = 0 };

/* A stretch of bytes that is read from the front. */
struct bytes {
	const uint8_t *at;
	size_t left;
};

/* Take a number of n bytes.  Returns 0, or -1 when there are fewer. */
static int
take_number(struct bytes *b, size_t n, size_t *value_r)
{
	size_t value = 0;

	if (b->left < n)
		return -1;
	for (size_t i = 0; i < n; i++)
		value = value << 8 | b->at[i];
	b->at += n;
	b->left -= n;
	*value_r = value;
	return 0;
}

/* Take a vector whose length stands before it in n bytes. */
static int
take_vector(struct bytes *b, size_t n, struct bytes *vector_r)
{
	size_t length;

	if (take_number(b, n, &length) == -1 || length > b->left)
		return -1;
	*vector_r = (struct bytes){ b->at, length };
	b->at += length;
	b->left -= length;
	return 0;
}

/* RFC 6066 section 3: a list of names, of which there may be one host name. */
static int
parse_server_name(struct bytes ext, char sni_r[256])
{
	struct bytes list, name;
	size_t type;

	if (take_vector(&ext, 2, &list) == -1)
		return -1;
	while (list.left > 0) {
		if (take_number(&list, 1, &type) == -1 || take_vector(&list, 2, &name) == -1)
			return -1;
		if (type != NAME_HOST || name.left > 255 || memchr(name.at, 0, name.left))
			continue;
		memcpy(sni_r, name.at, name.left);
		sni_r[name.left] = '\0';
		return 0;
	}
	return 0;
}

/* The body of a ClientHello, RFC 8446 section 4.1.2. */
static int
parse_body(struct bytes body, char sni_r[256])
{
	struct bytes skip, extensions, ext;
	size_t type;

	if (body.left < 34)
		return -1;
	body.at += 34; /* legacy_version, random */
	body.left -= 34;
	if (take_vector(&body, 1, &skip) == -1 || skip.left > 32 || /* legacy_session_id */
	    take_vector(&body, 2, &skip) == -1 || skip.left < 2 ||  /* cipher_suites */
	    take_vector(&body, 1, &skip) == -1)                     /* compression methods */
		return -1;
	if (body.left == 0)
		return 0; /* a client without extensions: TLS 1.2 permits it */
	if (take_vector(&body, 2, &extensions) == -1 || body.left != 0)
		return -1;
	while (extensions.left > 0) {
		if (take_number(&extensions, 2, &type) == -1 ||
		    take_vector(&extensions, 2, &ext) == -1)
			return -1;
		if (type == EXTENSION_SERVER_NAME && parse_server_name(ext, sni_r) == -1)
			return -1;
	}
	return 0;
}

enum hello_result
hello_parse(const uint8_t *bytes, size_t size, char sni_r[256])
{
	uint8_t message[HELLO_MAX]; /* the records' contents, put together */
	struct bytes in = { bytes, size }, record, whole;
	size_t have = 0, type, version, length;

	sni_r[0] = '\0';
	for (;;) {
		struct bytes here = in;

		/* What has come of this record's head must already look right. */
		if ((here.left > 0 && here.at[0] != RECORD_HANDSHAKE) ||
		    (here.left > 1 && here.at[1] != 3))
			return HELLO_BAD;
		if (take_number(&here, 1, &type) == -1 || take_number(&here, 2, &version) == -1)
			break;
		if (here.left >= 2 && ((size_t)here.at[0] << 8 | here.at[1]) > HELLO_MAX)
			return HELLO_BAD;
		if (take_vector(&here, 2, &record) == -1)
			break;
		if (record.left == 0 || record.left > sizeof(message) - have)
			return HELLO_BAD;
		memcpy(message + have, record.at, record.left);
		have += record.left;
		in = here;
		if (message[0] != CLIENT_HELLO)
			return HELLO_BAD;
		if (have < 4)
			continue;
		whole = (struct bytes){ message + 1, have - 1 };
		(void)take_number(&whole, 3, &length);
		if (length > sizeof(message) - 4)
			return HELLO_BAD;
		if (length > whole.left)
			continue;
		whole.left = length;
		return parse_body(whole, sni_r) == -1 ? HELLO_BAD : HELLO_WHOLE;
	}
	return size < HELLO_MAX ? HELLO_MORE : HELLO_BAD;
}
