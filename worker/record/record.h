/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * TLS records without an SSL object.
 *
 * OpenSSL does every handshake.  When one is complete and nothing is pending, record_take copies
 * what the kernel's TLS would be given (keys, sequence numbers) into a struct record, the SSL
 * object is freed, and from then on this module does the record layer, with libcrypto's AEADs and
 * nothing but public interfaces of OpenSSL.  What it costs is record_size() a side: 144 bytes with
 * AES-128 in TLS 1.3.
 *
 * Worker only, single-threaded.  record_open works on hostile bytes.  The sections followed are
 * RFC 8446 (TLS 1.3) 4.6, 5 and 6, and RFC 5246 (TLS 1.2) 6 and 7.2; docs/records.md says what could
 * go wrong and which test would notice.
 */
#ifndef WORKER_RECORD_RECORD_H
#define WORKER_RECORD_RECORD_H

#include "worker/record/crypt.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum record_result {
	RECORD_MORE,    /* not a whole record: need bytes in all, nothing was used */
	RECORD_DATA,    /* application data */
	RECORD_HANDLED, /* a record without data for the caller; see record_pending */
	RECORD_CLOSED,  /* close_notify: the peer will send no more */
	RECORD_ALERTED, /* the peer broke it off with this alert */
	RECORD_BROKEN,  /* the peer broke the rules: send this alert, then close */
};

struct record_in {
	size_t used;   /* bytes of the input that are done with */
	size_t need;   /* MORE: how many bytes this record has, header included */
	uint8_t *data; /* DATA: in the input, never empty */
	size_t len;
	uint8_t alert; /* ALERTED, BROKEN: its number, RFC 8446 section 6 */
};

/* A new pass over a connection's input begins: what may come without data is counted from 0 again. */
void record_pass(struct record *r);

/*
 * Decrypt, in place, the record that buf begins with.  Once anything but MORE, DATA or HANDLED was
 * returned, it is returned for ever: after CLOSED the rest of the input is ignored (RFC 8446
 * section 6.1).
 */
enum record_result record_open(struct record *r, uint8_t *buf, size_t len, struct record_in *in_r);

/* Whether something of our own waits to be written (the answer to a KeyUpdate, a refusal). */
int record_pending(const struct record *r);

/*
 * Encrypt into out, of size bytes, what is pending and then as much of in as fits, in records of
 * at most fragment bytes (0: the most).  in and out do not overlap.  *taken_r is how much of in
 * was taken.  Returns the bytes written, or -1 after a close_notify or alert of our own, or when
 * libcrypto fails.  A KeyUpdate of our own comes in time (RFC 8446 section 5.5).
 */
ssize_t record_seal(struct record *r, const uint8_t *in, size_t len, size_t fragment, uint8_t *out,
    size_t size, size_t *taken_r);

/* Bytes that suffice for sealing len bytes in records of this size, everything pending included. */
size_t record_sealed_size(size_t len, size_t fragment);

/*
 * Write an alert; 0 is close_notify, all others are fatal, and nothing can be sealed after it.
 * Returns the bytes written, 0 if one was written before or libcrypto fails.
 */
size_t record_alert(struct record *r, uint8_t alert, uint8_t out_r[RECORD_SMALL]);

/*
 * Write a KeyUpdate (RFC 8446 section 4.6.3), asking the peer for one where ask is set.  Returns
 * the bytes written, 0 in TLS 1.2, after an alert, and when libcrypto fails.
 */
size_t record_keyupdate(struct record *r, int ask, uint8_t out_r[RECORD_SMALL]);

/* The connection is over: no key of it stays in memory. */
void record_wipe(struct record *r);

#endif
