/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Questions to the keeper and its answers, one at a time, with a bounded wait.
 */
#ifndef COMMON_TLS_ASK_H
#define COMMON_TLS_ASK_H

#include "common/chan.h"

/*
 * How long anybody waits for the keeper.  One that hangs is replaced sooner, which ends the waiting;
 * so this is for one that has much to do.
 */
#define ASK_WAIT_MS 5000

/* Ask over *keeper from now on; its descriptor may change, or be -1, between questions. */
void ask_init(const struct chan *keeper);

/*
 * What is key n of the keeper's bundle?  Returns 0, also for one that is not KEY_GOOD, or -1 with
 * errno: ENOENT there is none,
 * ETIMEDOUT, EPIPE no keeper, EPROTO it does not keep to the protocol.
 */
int ask_key(uint32_t n, struct msg_key *key_r);

/*
 * Have tbs signed.  At most max bytes are written to sig_r, their number to *len_r.
 * Returns 0, or -1 with errno: as above, EACCES refused, EMSGSIZE too much to be signed.
 */
int ask_sign(const uint8_t id[MSG_KEY_ID], uint32_t scheme, uint32_t purpose, const void *tbs,
    size_t size, uint8_t *sig_r, size_t max, size_t *len_r);

/*
 * The ticket keys of this time, and how many seconds until they change.  Returns 1, 0 when there
 * are no tickets, or -1 with errno.
 */
int ask_tickets(struct msg_ticket_key keys_r[TICKET_KEYS], uint32_t *left_r);

#endif
