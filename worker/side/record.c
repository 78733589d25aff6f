/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * A side whose TLS records are done by record.c, without an OpenSSL object.  Runs in the
 * worker, on bytes of clients and servers.  Between two events it holds the keys and, rarely, the
 * beginning of a record; several records go out in one send.
 */
#include "worker/side/record.h"

#include "worker/record/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * Records of a connection that was quiet fit into one segment each, so that the peer can decrypt
 * what has come; in bulk they are as large as they may be.
 */
#define FRAGMENT_QUIET 1371

/*
 * Records on their way out.  Nothing stays in it between two calls.  It holds a whole window in
 * records of the largest size; what comes to more takes another round.
 */
static uint8_t sealed[((size_t)1 << SIDE_WINDOW_MAX) + 16384];

enum io
rec_write(struct side *s, const uint8_t *data, size_t n)
{
	size_t fragment = s->window == SIDE_WINDOW_MIN ? FRAGMENT_QUIET : 0, taken;
	enum io io = IO_DONE;
	ssize_t size;

	do {
		size = record_seal(s->record, data, n, fragment, sealed, sizeof(sealed), &taken);
		if (size == -1)
			return errno = 0, IO_FAILED;
		io = side_queue(s, sealed, (size_t)size, side_put);
		data += taken;
		n -= taken;
	} while (n > 0 && (io == IO_DONE || io == IO_WAIT));
	return io;
}

/* The peer broke the rules, or broke it off. */
static enum io
broken(struct side *s, enum record_result result, uint8_t alert)
{
	uint8_t out[RECORD_SMALL];

	s->alert = alert;
	s->alerted = result == RECORD_ALERTED;
	if (result == RECORD_BROKEN)
		(void)side_queue(s, out, record_alert(s->record, alert, out), side_put);
	errno = 0;
	return IO_FAILED;
}

/*
 * Decrypt what is in buf; the data moves to its front.  *used_r: bytes of the input that are done
 * with.  WAIT: all whole records are; another answer is the end.
 */
static enum io
open_records(struct side *s, uint8_t *buf, size_t size, size_t *used_r, size_t *data_r)
{
	struct record_in in;
	enum record_result result;

	record_pass(s->record);
	for (*used_r = *data_r = 0; *used_r < size; *used_r += in.used) {
		result = record_open(s->record, buf + *used_r, size - *used_r, &in);
		switch (result) {
		case RECORD_MORE:
			return IO_WAIT;
		case RECORD_DATA:
			memmove(buf + *data_r, in.data, in.len);
			*data_r += in.len;
			break;
		case RECORD_HANDLED:
			break;
		case RECORD_CLOSED:
			*used_r = size; /* what follows is ignored, RFC 8446 section 6.1 */
			return IO_EOF;
		case RECORD_ALERTED:
		case RECORD_BROKEN:
			*used_r = size;
			return broken(s, result, in.alert);
		}
	}
	return IO_WAIT;
}

/* Keep the beginning of a record until its rest comes. */
static int
keep_partial(struct side *s, const uint8_t *bytes, size_t n)
{
	if (n == 0)
		return 0;
	if ((s->partial = malloc(sizeof(*s->partial) + n)) == NULL)
		return -1;
	s->partial->start = 0;
	s->partial->end = n;
	memcpy(s->partial->bytes, bytes, n);
	return 0;
}

enum io
rec_read(struct side *s, uint8_t *buf, size_t size, size_t *n_r)
{
	size_t held = s->partial ? s->partial->end : 0, used, data;
	ssize_t n = side_recv(s, buf + held, size - held);
	size_t left;
	enum io io;

	if (n == 0)
		return IO_CUT;
	if (n == -1)
		return side_socket_error();
	if (held) {
		memcpy(buf, s->partial->bytes, held);
		free(s->partial);
		s->partial = NULL;
	}
	io = open_records(s, buf, held + (size_t)n, &used, &data);
	left = held + (size_t)n - used;
	if (io == IO_WAIT && keep_partial(s, buf + used, left) == -1)
		io = IO_FAILED;
	if (record_pending(s->record) && io == IO_WAIT && !s->spill)
		(void)rec_write(s, NULL, 0); /* what fails here shows at the next write */
	if (data == 0)
		return io;
	if (io != IO_WAIT)
		s->last = (uint8_t)io; /* no event may come to tell it */
	return *n_r = data, IO_DONE;
}

enum io
rec_notify(struct side *s)
{
	uint8_t out[RECORD_SMALL];
	size_t n = record_alert(s->record, 0, out); /* 0 bytes: it was written before */

	return n ? side_queue(s, out, n, side_put) : IO_DONE;
}

void
rec_free(struct side *s)
{
	free(s->partial);
	s->partial = NULL;
	if (!s->record)
		return;
	record_wipe(s->record);
	free(s->record);
	s->record = NULL;
}
