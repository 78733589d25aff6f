/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Runs in the worker, on the first bytes of an unknown peer.  They are read by common/bytes.h
 * alone; nothing is allocated and nothing kept.
 */
#include "worker/conn/hello.h"

#include "common/bytes.h"

/*@ predicate string(char *s) = \exists integer n; 0 <= n <= 255 && s[n] == 0; */

enum { RECORD_HANDSHAKE = 22, CLIENT_HELLO = 1, EXTENSION_SERVER_NAME = 0, NAME_HOST = 0 };

/* RFC 6066 section 3: a list of names, of which there may be one host name. */
/*@ requires readable(ext) && \valid(sni_r + (0 .. 255));
    requires \separated(ext.at + (0 .. ext.left - 1), sni_r + (0 .. 255));
    assigns sni_r[0 .. 255];
    ensures \result == 0 || \result == -1;
    ensures \result == 0 ==> string(sni_r);
*/
static int
parse_server_name(struct bytes ext, char *sni_r)
{
	struct bytes list, name;
	size_t type;

	if (bytes_vector(&ext, 2, &list) == -1)
		return -1;
	/*@ loop invariant readable(list);
	    loop invariant \separated(list.at + (0 .. list.left - 1), sni_r + (0 .. 255));
	    loop assigns list, name, type, sni_r[0 .. 255];
	    loop variant list.left;
	*/
	while (list.left > 0) {
		if (bytes_number(&list, 1, &type) == -1 || bytes_vector(&list, 2, &name) == -1)
			return -1;
		if (type == NAME_HOST && name.left <= 255 && bytes_string(&name, sni_r) == 0)
			return 0;
	}
	sni_r[0] = '\0';
	return 0;
}

/* The body of a ClientHello, RFC 8446 section 4.1.2. */
/*@ requires readable(body) && \valid(sni_r + (0 .. 255)) && string(sni_r);
    requires \separated(body.at + (0 .. body.left - 1), sni_r + (0 .. 255));
    assigns sni_r[0 .. 255];
    ensures \result == 0 || \result == -1;
    ensures \result == 0 ==> string(sni_r);
*/
static int
parse_body(struct bytes body, char *sni_r)
{
	struct bytes skip, extensions, ext;
	size_t type;

	if (bytes_field(&body, 34, &skip) == -1 ||                   /* legacy_version, random */
	    bytes_vector(&body, 1, &skip) == -1 || skip.left > 32 || /* legacy_session_id */
	    bytes_vector(&body, 2, &skip) == -1 || skip.left < 2 ||  /* cipher_suites */
	    bytes_vector(&body, 1, &skip) == -1)                     /* compression methods */
		return -1;
	if (body.left == 0)
		return 0; /* a client without extensions: TLS 1.2 permits it */
	if (bytes_vector(&body, 2, &extensions) == -1 || body.left != 0)
		return -1;
	/*@ loop invariant readable(extensions);
	    loop invariant string(sni_r);
	    loop invariant
	      \separated(extensions.at + (0 .. extensions.left - 1), sni_r + (0 .. 255));
	    loop assigns extensions, ext, type, sni_r[0 .. 255];
	    loop variant extensions.left;
	*/
	while (extensions.left > 0) {
		if (bytes_number(&extensions, 2, &type) == -1 ||
		    bytes_vector(&extensions, 2, &ext) == -1)
			return -1;
		if (type == EXTENSION_SERVER_NAME && parse_server_name(ext, sni_r) == -1)
			return -1;
	}
	return 0;
}

/* What has come of a record's head must look right before all of it is here. */
/*@ requires \valid_read(in) && readable(*in);
    assigns \nothing;
*/
static int
head_is_wrong(const struct bytes *in)
{
	int type = bytes_peek(in, 0), major = bytes_peek(in, 1);
	int high = bytes_peek(in, 3), low = bytes_peek(in, 4);

	return (type != -1 && type != RECORD_HANDSHAKE) || (major != -1 && major != 3) ||
	    (low != -1 && high * 256 + low > HELLO_MAX);
}

/* The handshake message that was put together, as far as it goes: RFC 8446 section 4. */
/*@ requires readable(message) && 0 < message.left <= HELLO_MAX;
    requires \valid(sni_r + (0 .. 255)) && sni_r[0] == 0;
    requires \separated(message.at + (0 .. message.left - 1), sni_r + (0 .. 255));
    assigns sni_r[0 .. 255];
    ensures \result == HELLO_WHOLE || \result == HELLO_MORE || \result == HELLO_BAD;
    ensures \result == HELLO_MORE ==> sni_r[0] == 0;
    ensures \result == HELLO_WHOLE ==> string(sni_r);
*/
static enum hello_result
parse_message(struct bytes message, char *sni_r)
{
	struct bytes body;
	size_t type, length;

	if (bytes_number(&message, 1, &type) == -1 || type != CLIENT_HELLO)
		return HELLO_BAD;
	if (bytes_number(&message, 3, &length) == -1)
		return HELLO_MORE;
	if (length > HELLO_MAX - 4)
		return HELLO_BAD;
	if (bytes_field(&message, length, &body) == -1)
		return HELLO_MORE;
	return parse_body(body, sni_r) == -1 ? HELLO_BAD : HELLO_WHOLE;
}

enum hello_result
hello_parse(const uint8_t *bytes, size_t size, char sni_r[256])
{
	uint8_t message[HELLO_MAX]; /* the records' contents, put together */
	struct bytes in = bytes_of(bytes, size), skip, record;
	enum hello_result result;
	size_t have = 0;

	sni_r[0] = '\0';
	/*@ loop invariant readable(in) && have <= HELLO_MAX && sni_r[0] == 0;
	    loop invariant \separated(in.at + (0 .. in.left - 1), sni_r + (0 .. 255),
	      &message[0 .. HELLO_MAX - 1]);
	    loop assigns in, skip, record, result, have, message[0 .. HELLO_MAX - 1],
	      sni_r[0 .. 255];
	    loop variant in.left;
	*/
	for (;;) {
		if (head_is_wrong(&in))
			return HELLO_BAD;
		if (bytes_field(&in, 3, &skip) == -1 || bytes_vector(&in, 2, &record) == -1)
			return size < HELLO_MAX ? HELLO_MORE : HELLO_BAD;
		if (record.left == 0 || record.left > HELLO_MAX - have)
			return HELLO_BAD;
		have += record.left;
		(void)bytes_copy(&record, record.left, message + have - record.left);
		result = parse_message(bytes_of(message, have), sni_r);
		if (result != HELLO_MORE)
			return result;
	}
}
