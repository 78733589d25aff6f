/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Session tickets towards clients.
 */
#ifndef WORKER_TLS_TICKET_H
#define WORKER_TLS_TICKET_H

#include "common/msg.h"

#include <openssl/ssl.h>

/* Keys of all frontends: the one that makes tickets, and its neighbours in time, which open them. */
struct tls_tickets {
	struct msg_ticket_key keys[TICKET_KEYS];
	uint64_t until; /* CLOCK_MONOTONIC, seconds: ask the keeper again */
};

/* Get the first keys.  1, 0 when there are no tickets, -1 with errno. */
int tls_tickets_open(struct tls_tickets *t);

/* Issue and take tickets in ctx, one of a frontend without client certificates.  0 or -1. */
int tls_tickets_use(SSL_CTX *ctx, struct tls_tickets *t);

void tls_tickets_close(struct tls_tickets *t);

#endif
