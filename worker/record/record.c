/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The record protocol after the handshake: RFC 8446 sections 4.6 (messages after the handshake),
 * 5 (records, padding, limits) and 6 (alerts); RFC 5246 sections 6.2 and 7.2.  Worker only, on
 * bytes of clients and servers: what is wrong ends the connection with an alert that depends on
 * nothing but public bytes or authentic ones, so it tells an attacker nothing.
 * Never allocates, never looks at a byte of content before its record is authentic.
 */
#include "worker/record/record.h"

#include "common/stack.h"
#include "worker/record/crypt.h"

#include <openssl/crypto.h>
#include <string.h>

/*
 * RFC 8446 section 5.5 permits 2^24.5 records under one key of AES-GCM: ours changes well before,
 * and a peer that is nearer than we would be is asked to change its own.
 */
#define KEY_RECORDS (UINT64_C(1) << 23)

/* What a pass may bring besides data: so many records, of which dear messages count for four. */
#define IDLE_MOST 32
#define IDLE_DEAR 4

#define MESSAGE_MOST (64 * 1024)

/* Handshake messages that may come after the handshake: RFC 8446 section 4, RFC 5246 7.4. */
enum { HELLO_REQUEST = 0, CLIENT_HELLO = 1, NEW_SESSION_TICKET = 4, KEY_UPDATE = 24 };

/* RFC 8446 section 6, RFC 5246 section 7.2. */
enum { WARNING = 1, FATAL = 2 };
enum {
	CLOSE_NOTIFY = 0,
	UNEXPECTED_MESSAGE = 10,
	BAD_RECORD_MAC = 20,
	RECORD_OVERFLOW = 22,
	ILLEGAL_PARAMETER = 47,
	DECODE_ERROR = 50,
	PROTOCOL_VERSION = 70,
	INTERNAL_ERROR = 80,
	USER_CANCELED = 90,
	NO_RENEGOTIATION = 100,
};

static enum record_result
end(struct record *r, struct record_in *in, enum record_result how, uint8_t alert)
{
	r->broken = 1;
	r->closed_in = how == RECORD_ALERTED; /* tells the two apart when asked again */
	/* RFC 8446 section 6.2: after a fatal alert nothing is sent, close_notify neither */
	if (how == RECORD_ALERTED)
		r->closed_out = 1;
	r->alert = in->alert = alert;
	return how;
}

static enum record_result
broken(struct record *r, struct record_in *in, uint8_t alert)
{
	return end(r, in, RECORD_BROKEN, alert);
}

/* Most content of a record, either way: RFC 6066 section 4 where it was negotiated. */
static size_t
fragment_most(const struct record *r)
{
	return r->fragment_code ? (size_t)256 << r->fragment_code : RECORD_PLAIN;
}

/* Something that is not data; a peer that sends little else is ended. */
static int
too_idle(struct record *r, unsigned weight)
{
	if (r->idle + weight > IDLE_MOST)
		return 1;
	r->idle += weight;
	return 0;
}

void
record_pass(struct record *r)
{
	r->idle = 0;
}

static enum record_result
on_alert(struct record *r, const uint8_t *p, size_t n, struct record_in *in)
{
	/* RFC 8446 sections 5.1 and 5.4: whole, alone and never empty */
	if (n != 2)
		return broken(r, in, n ? DECODE_ERROR : UNEXPECTED_MESSAGE);
	if (p[1] == CLOSE_NOTIFY) {
		r->closed_in = 1;
		return RECORD_CLOSED;
	}
	/* RFC 8446 section 6: the level means nothing; 6.1: user_canceled announces the end */
	if (r->v12 ? p[0] == FATAL : p[1] != USER_CANCELED)
		return end(r, in, RECORD_ALERTED, p[1]);
	if (r->v12 && p[0] != WARNING)
		return broken(r, in, ILLEGAL_PARAMETER);
	return too_idle(r, 1) ? broken(r, in, UNEXPECTED_MESSAGE) : RECORD_HANDLED;
}

/* A message's head is complete: may it come at all?  Returns an alert, 0 if it may. */
static uint8_t
check_message(const struct record *r)
{
	uint32_t type = r->message >> 24, size = r->message & 0xffffff;

	if (!r->v12 && type == KEY_UPDATE)
		return size == 1 ? 0 : DECODE_ERROR;
	/* those that came before the take-over were OpenSSL's; one more would gain little */
	if ((!r->v12 && !r->server && type == NEW_SESSION_TICKET) ||
	    (r->v12 && r->server && type == CLIENT_HELLO))
		return size <= MESSAGE_MOST ? 0 : ILLEGAL_PARAMETER;
	if (r->v12 && !r->server && type == HELLO_REQUEST)
		return size == 0 ? 0 : DECODE_ERROR;
	return UNEXPECTED_MESSAGE;
}

/* The peer's next records come under its next key.  Returns an alert, 0 if all is well. */
static uint8_t
on_key_update(struct record *r, uint8_t asks, size_t rest)
{
	/* RFC 8446 section 5.1: a message before a change of keys ends its record */
	if (rest)
		return UNEXPECTED_MESSAGE;
	if (asks > 1)
		return ILLEGAL_PARAMETER;
	if (too_idle(r, IDLE_DEAR - 1))
		return UNEXPECTED_MESSAGE;
	if (record_crypt_update(r, RECORD_READ) == -1)
		return INTERNAL_ERROR;
	r->asked = 0;
	/* section 4.6.3: several requests in a row get one answer */
	if (asks)
		r->owe_update = 1;
	return 0;
}

static void
message_done(struct record *r)
{
	/* RFC 5246 sections 7.2.2 and 7.4.1.1: both kinds of renegotiation get a warning */
	if (r->v12)
		r->owe_refusal = 1;
	r->message = 0;
	r->head = 0;
}

/* Messages may be cut anywhere, also within their heads; nothing of them need be kept. */
static uint8_t
read_messages(struct record *r, const uint8_t *p, size_t n)
{
	uint8_t alert;
	size_t take;

	while (n) {
		if (r->head < 4) {
			r->message = r->message << 8 | *p;
			r->head++;
			p++;
			n--;
			if (r->head < 4)
				continue;
			alert = check_message(r);
			if (alert)
				return alert;
		} else {
			take = r->message & 0xffffff;
			take = take < n ? take : n;
			if (!r->v12 && r->message >> 24 == KEY_UPDATE) {
				alert = on_key_update(r, *p, n - 1);
				if (alert)
					return alert;
			}
			r->message -= (uint32_t)take;
			p += take;
			n -= take;
		}
		if ((r->message & 0xffffff) == 0)
			message_done(r);
	}
	return 0;
}

static enum record_result
on_handshake(struct record *r, const uint8_t *p, size_t n, struct record_in *in)
{
	uint8_t alert = n ? read_messages(r, p, n) : UNEXPECTED_MESSAGE;

	if (!alert && too_idle(r, 1))
		alert = UNEXPECTED_MESSAGE;
	return alert ? broken(r, in, alert) : RECORD_HANDLED;
}

static enum record_result
on_data(struct record *r, uint8_t *p, size_t n, struct record_in *in)
{
	/* RFC 8446 section 5.1: nothing between the parts of a handshake message */
	if (r->head)
		return broken(r, in, UNEXPECTED_MESSAGE);
	if (n == 0)
		return too_idle(r, 1) ? broken(r, in, UNEXPECTED_MESSAGE) : RECORD_HANDLED;
	in->data = p;
	in->len = n;
	return RECORD_DATA;
}

/* What can be said of a record by its header, which anybody can write.  0: let it come. */
static uint8_t
check_header(const struct record *r, const uint8_t *p)
{
	size_t body = (size_t)p[3] << 8 | p[4];

	/* RFC 8446 section 5: all that comes now is protected, and outwardly data */
	if (r->v12 ? p[0] < TYPE_ALERT || p[0] > TYPE_DATA : p[0] != TYPE_DATA)
		return UNEXPECTED_MESSAGE;
	/* the alerts are OpenSSL's; docs/records.md */
	if (p[1] != 3 || (r->v12 && p[2] != 3))
		return PROTOCOL_VERSION;
	if (p[2] != 3)
		return DECODE_ERROR;
	return body > RECORD_MAX - RECORD_HEAD ? RECORD_OVERFLOW : 0;
}

/*
 * TLS 1.3: take padding and type off the plaintext, RFC 8446 section 5.4.  Returns the type, 0
 * if there is none.
 */
static uint8_t
inner_type(const uint8_t *p, size_t *n)
{
	while (*n && p[*n - 1] == 0)
		(*n)--;
	return *n ? p[--*n] : 0;
}

enum record_result
record_open(struct record *r, uint8_t *buf, size_t len, struct record_in *in_r)
{
	uint8_t type, alert, *p;
	size_t n;

	memset(in_r, 0, sizeof(*in_r));
	in_r->used = len;
	if (r->broken) {
		in_r->alert = (uint8_t)r->alert;
		return r->closed_in ? RECORD_ALERTED : RECORD_BROKEN;
	}
	if (r->closed_in)
		return RECORD_CLOSED;
	if (len >= RECORD_HEAD) {
		alert = check_header(r, buf);
		if (alert)
			return broken(r, in_r, alert);
		in_r->need = RECORD_HEAD + ((size_t)buf[3] << 8 | buf[4]);
	} else
		in_r->need = RECORD_HEAD;
	if (len < RECORD_HEAD || len < in_r->need) {
		in_r->used = 0;
		return RECORD_MORE;
	}
	in_r->used = in_r->need;
	p = record_crypt_open(r, buf, &n);
	if (!p)
		return broken(r, in_r, BAD_RECORD_MAC);
	/* sections 5.2 and 5.4: with its type and padding, content may be one byte longer */
	if (n > fragment_most(r) + !r->v12)
		return broken(r, in_r, RECORD_OVERFLOW);
	type = r->v12 ? buf[0] : inner_type(p, &n);
	switch (type) {
	case TYPE_DATA:
		return on_data(r, p, n, in_r);
	case TYPE_HANDSHAKE:
		return on_handshake(r, p, n, in_r);
	case TYPE_ALERT:
		return on_alert(r, p, n, in_r);
	default:
		return broken(r, in_r, UNEXPECTED_MESSAGE);
	}
}

int
record_pending(const struct record *r)
{
	return !r->closed_out && (r->owe_update || r->owe_refusal);
}

size_t
record_keyupdate(struct record *r, int ask, uint8_t out_r[RECORD_SMALL])
{
	const uint8_t message[5] = { KEY_UPDATE, 0, 0, 1, ask != 0 };
	size_t n;

	if (r->v12 || r->closed_out)
		return 0;
	n = record_crypt_seal(r, TYPE_HANDSHAKE, message, sizeof(message), out_r);
	/* a key that could not be changed after its peer was told is of no use any more */
	if (n && record_crypt_update(r, RECORD_WRITE) == -1)
		n = 0;
	if (n == 0)
		r->closed_out = 1;
	r->owe_update = 0;
	r->asked |= ask != 0;
	return n;
}

static size_t
put_alert(struct record *r, uint8_t level, uint8_t alert, uint8_t out_r[RECORD_SMALL])
{
	const uint8_t message[2] = { level, alert };

	return record_crypt_seal(r, TYPE_ALERT, message, sizeof(message), out_r);
}

size_t
record_alert(struct record *r, uint8_t alert, uint8_t out_r[RECORD_SMALL])
{
	if (r->closed_out)
		return 0;
	r->closed_out = 1;
	return put_alert(r, alert == CLOSE_NOTIFY ? WARNING : FATAL, alert, out_r);
}

/* Whether a KeyUpdate must come before the next data, and whether to ask for one in return. */
static int
update_due(const struct record *r, int *ask_r)
{
	*ask_r = r->seq[RECORD_READ] >= KEY_RECORDS && !r->asked;
	return !r->v12 && (*ask_r || r->seq[RECORD_WRITE] >= KEY_RECORDS);
}

/* What comes before the next data, if there is any.  Returns its length, or -1. */
static ssize_t
put_owed(struct record *r, int ask, uint8_t out_r[RECORD_SMALL])
{
	size_t n;

	if (r->owe_refusal) {
		r->owe_refusal = 0;
		n = put_alert(r, WARNING, NO_RENEGOTIATION, out_r);
	} else
		n = record_keyupdate(r, ask, out_r);
	return n ? (ssize_t)n : -1;
}

size_t
record_sealed_size(size_t len, size_t fragment)
{
	size_t most = fragment && fragment < RECORD_PLAIN ? fragment : RECORD_PLAIN;

	/* a smaller maximum may have been negotiated: at most as many records as 512 bytes need */
	if (most > 512)
		most = 512;
	return len + (len / most + 1) * RECORD_OVERHEAD + RECORD_SMALL;
}

ssize_t
record_seal(struct record *r, const uint8_t *in, size_t len, size_t fragment, uint8_t *out,
    size_t size, size_t *taken_r)
{
	size_t overhead = record_crypt_overhead(r), most = fragment_most(r), done = 0, take, n;
	ssize_t owed;
	int ask = 0;

	*taken_r = 0;
	if (r->closed_out)
		return -1;
	if (fragment && fragment < most)
		most = fragment;
	for (;;) {
		take = len - *taken_r < most ? len - *taken_r : most;
		if (record_pending(r) || (take && update_due(r, &ask))) {
			if (size - done < RECORD_SMALL)
				break;
			owed = put_owed(r, ask, out + done);
			if (owed == -1)
				return -1;
			done += (size_t)owed;
			continue;
		}
		if (take == 0 || size - done <= overhead)
			break;
		if (take > size - done - overhead)
			take = size - done - overhead;
		n = record_crypt_seal(r, TYPE_DATA, in + *taken_r, take, out + done);
		if (n == 0)
			return -1;
		done += n;
		*taken_r += take;
	}
	return (ssize_t)done;
}

void
record_wipe(struct record *r)
{
	record_crypt_forget(r);
	OPENSSL_cleanse(r, record_size(r));
	stack_secret();
}
