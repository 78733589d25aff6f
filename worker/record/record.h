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

#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum record_way { RECORD_READ, RECORD_WRITE };

/*
 * What protects one direction, at most: an iv, a key, and in TLS 1.3 the secret that the next key
 * is derived from.
 */
#define RECORD_KEYS_MOST (12 + 32 + 48)

/*
 * Both directions of one side of one connection.  Nothing outside the module looks inside.  It is
 * kept for as long as the connection lives, so only record_size() bytes of it need be.
 */
struct record {
	uint64_t seq[2];            /* number of the next record, by enum record_way */
	uint32_t message;           /* handshake message that has begun: its type, bytes to come */
	unsigned suite : 2;         /* enum record_suite */
	unsigned v12 : 1;           /* TLS 1.2, else 1.3 */
	unsigned server : 1;        /* we are the server */
	unsigned fragment_code : 3; /* max_fragment_length, RFC 6066 section 4; 0: none */
	unsigned head : 3;          /* bytes of the message's head that are here */
	unsigned idle : 6;          /* what came in this pass instead of data */
	unsigned alert : 8;         /* why it is broken */
	unsigned broken : 1;        /* nothing can be read any more */
	unsigned closed_in : 1;     /* close_notify came */
	unsigned closed_out : 1;    /* close_notify or a fatal alert was written */
	unsigned owe_update : 1;    /* a KeyUpdate to write */
	unsigned owe_refusal : 1;   /* a no_renegotiation to write */
	unsigned asked : 1;         /* the peer was asked for a KeyUpdate and has not sent it yet */
	uint8_t keys[2 * RECORD_KEYS_MOST]; /* as much of it as the suite needs: record_keys() */
};

/* Header and the longest ciphertext that is not refused by its header: RFC 8446 section 5.2. */
#define RECORD_HEAD 5
#define RECORD_MAX  (RECORD_HEAD + 16384 + 256)
/* Most plaintext in a record, and most that a record adds to it. */
#define RECORD_PLAIN    16384
#define RECORD_OVERHEAD 29
/* Room for any alert or KeyUpdate. */
#define RECORD_SMALL 40

/*
 * Before anything else in the process uses OpenSSL: memory is wiped when OpenSSL frees it, because
 * its SSL_free leaves secrets behind.  Returns 0, or -1 if it is too late.
 */
int record_wipe_memory(void);

/*
 * Once in a process, before its system calls are restricted: prepare the ciphers, and prove on
 * handshakes in memory that what OpenSSL reports is what this module believes.  If it is, libssl
 * makes its secrets by provider.c from then on, and nobody else may set libcrypto's default
 * properties.  Returns NULL, or in words why not; then record_take always says no and every
 * connection keeps its SSL object.
 */
const char *record_init(void);

/*
 * Watch this object from before its first byte, so that record_take can succeed.  Its message and
 * info callbacks are ours then (the context's info callback goes on).  What is seen is freed at
 * the take-over or with the object.  Returns 0, or -1 without memory.
 */
int record_watch(SSL *ssl);

/*
 * Take over, if the handshake is complete, nothing read is waiting in the object, nothing written is
 * half sent, and read_ahead was never on.  Returns 0: *r_r does the records from here on, what logs
 * need must have been copied, and the caller frees the object (its session stays good).  Returns
 * -1: stay on the object; asking again later is fine.
 */
int record_take(SSL *ssl, struct record *r_r);

/* How many bytes of *r are in use; a copy of so many, in memory of that size, does as well. */
size_t record_size(const struct record *r);

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

/* A new pass over a connection's input begins: what may come without data is counted anew. */
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

/* Bytes that suffice for sealing so many in records of this size, everything pending included. */
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
