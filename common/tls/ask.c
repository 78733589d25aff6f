/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Asks the keeper, in a worker or the checker.  Blocks, because a handshake can do nothing else
 * meanwhile and the answer takes less time than the handshake's own arithmetic; but never longer
 * than ASK_WAIT_MS.  Every answer is checked: a keeper is trusted with keys, not with our memory.
 */
#include "common/tls/ask.h"

#include "common/clock.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

/* libcrypto calls the provider without a word of ours, so the channel has to be known here. */
static const struct chan *keeper;
static uint32_t serial;

/* Room for one answer. */
static _Alignas(8) uint8_t buf[CHAN_BUF];

void
ask_init(const struct chan *k)
{
	keeper = k;
}

/* Wait until the channel can be read or written.  0, or -1 with errno. */
static int
wait_for(short events, int64_t deadline)
{
	for (;;) {
		int64_t left = deadline - (int64_t)mono_ms();
		struct pollfd p = { .fd = keeper->fd, .events = events };
		int n = left > 0 ? poll(&p, 1, (int)left) : 0;
		if (n > 0)
			return 0; /* an error shows when we read or write */
		if (n == 0) {
			errno = ETIMEDOUT;
			return -1;
		}
		if (errno != EINTR)
			return -1;
	}
}

static int
put(enum msg_type type, const void *fixed, const void *items, uint32_t count, int64_t deadline)
{
	while (chan_send(keeper, type, fixed, items, count, NULL, 0) == -1) {
		if (errno != EAGAIN)
			return -1;
		if (wait_for(POLLOUT, deadline) == -1)
			return -1;
	}
	return 0;
}

/* The serial number that an answer repeats. */
static uint32_t
serial_of(const struct msg *m)
{
	if (m->type == MSG_KEY)
		return ((const struct msg_key *)m->fixed)->serial;
	if (m->type == MSG_TICKETS)
		return ((const struct msg_tickets *)m->fixed)->serial;
	return ((const struct msg_signed *)m->fixed)->serial;
}

/* The answer of that type to the last question; answers to earlier ones are passed over. */
static int
get(enum msg_type type, struct msg *m_r, int64_t deadline)
{
	for (;;) {
		/* It has hardly begun: to look first would be in vain. */
		if (wait_for(POLLIN, deadline) == -1)
			return -1;
		switch (chan_recv(keeper, buf, sizeof(buf), m_r)) {
		case CHAN_AGAIN:
			break;
		case CHAN_GONE:
			errno = EPIPE;
			return -1;
		case CHAN_BAD:
			errno = EPROTO;
			return -1;
		case CHAN_MSG:
			if (serial_of(m_r) != serial)
				break;
			if (m_r->type == type)
				return 0;
			errno = EPROTO;
			return -1;
		}
	}
}

/* Whether there is a keeper to ask; takes the next serial number. */
static int
begin(int64_t *deadline_r)
{
	if (!keeper || keeper->fd == -1) {
		errno = EPIPE;
		return -1;
	}
	serial++;
	*deadline_r = (int64_t)mono_ms() + ASK_WAIT_MS;
	return 0;
}

int
ask_key(uint32_t n, struct msg_key *key_r)
{
	int64_t deadline;
	struct msg m;
	if (begin(&deadline) == -1)
		return -1;
	struct msg_ask_key q = { .number = n, .serial = serial };
	if (put(MSG_ASK_KEY, &q, NULL, 0, deadline) == -1 || get(MSG_KEY, &m, deadline) == -1)
		return -1;
	memcpy(key_r, m.fixed, sizeof(*key_r));
	key_r->kind[sizeof(key_r->kind) - 1] = '\0';
	if (!key_r->known) {
		errno = ENOENT;
		return -1;
	}
	return 0;
}

int
ask_sign(const uint8_t id[MSG_KEY_ID], uint32_t scheme, uint32_t purpose, const void *tbs,
    size_t size, uint8_t *sig_r, size_t max, size_t *len_r)
{
	int64_t deadline;
	struct msg m;
	if (size > TBS_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	if (begin(&deadline) == -1)
		return -1;
	struct msg_sign q = { .scheme = scheme, .purpose = purpose, .serial = serial };
	memcpy(q.id, id, sizeof(q.id));
	if (put(MSG_SIGN, &q, tbs, (uint32_t)size, deadline) == -1 ||
	    get(MSG_SIGNED, &m, deadline) == -1)
		return -1;
	const struct msg_signed *answer = m.fixed;
	if (answer->refused != 0) {
		errno = EACCES;
		return -1;
	}
	/* chan_recv has counted the bytes; whether they fit the caller is ours to see. */
	if (m.count == 0 || m.count > max) {
		errno = EPROTO;
		return -1;
	}
	memcpy(sig_r, m.items, m.count);
	*len_r = m.count;
	return 0;
}

int
ask_tickets(struct msg_ticket_key keys_r[TICKET_KEYS], uint32_t *left_r)
{
	int64_t deadline;
	struct msg m;
	if (begin(&deadline) == -1)
		return -1;
	struct msg_ask_tickets q = { .serial = serial };
	if (put(MSG_ASK_TICKETS, &q, NULL, 0, deadline) == -1 ||
	    get(MSG_TICKETS, &m, deadline) == -1)
		return -1;
	if (m.count != TICKET_KEYS)
		return 0;
	*left_r = ((const struct msg_tickets *)m.fixed)->left;
	memcpy(keys_r, m.items, TICKET_KEYS * sizeof(*keys_r));
	explicit_bzero(buf, sizeof(buf));
	return 1;
}
