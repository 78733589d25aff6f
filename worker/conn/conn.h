/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The life of a connection, as the rest of the worker sees it: it begins, runs, and is asked to end.
 */
#ifndef WORKER_CONN_CONN_H
#define WORKER_CONN_CONN_H

#include "common/msg.h"
#include "worker/conn/base.h"

/*
 * What an idle connection costs in bytes of the worker's memory, with TLS 1.3 and AES-128, on a
 * 64-bit machine, all that malloc itself adds included; test_idle.c counts it.  On top comes the
 * master's record of it, 80 bytes (master/door/conns.h), and the kernel's two sockets.
 */
#define CONN_IDLE_BYTES     448 /* TLS to plain */
#define CONN_IDLE_BYTES_TLS 608 /* TLS on both sides */
#define CONN_IDLE_BYTES_LOG 144 /* more, with a line in the log at its end */

/*
 * Begin with a connection that was handed over; fd becomes its own.  Returns -1 when there is no
 * memory: fd is closed then.
 */
int conn_begin(struct service *s, const struct msg_handover *h, int fd);

/* Go as far as possible without blocking; the connection may be gone afterwards. */
void conn_run(struct conn *c);

/* Run those that asked for another pass (list.h), each once, in the order in which they asked. */
void conn_run_again(struct service *s);

/* End it politely for a reason that is not its own: END_DRAIN, END_STOP, END_SERVER_DOWN. */
void conn_end(struct conn *c, enum conn_end end);

/*
 * Whether it is a session at rest of a protocol whose clients come back by themselves (imap, pop3,
 * sieve): no byte for a second, and none that waits.  Before the client has begun, the same.
 */
int conn_rests(const struct conn *c);

/* If it is ending already, its peers get no more than a moment. */
void conn_hurry(struct conn *c);

#endif
