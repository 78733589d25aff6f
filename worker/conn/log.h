/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The log lines of a connection. */
#ifndef WORKER_CONN_LOG_H
#define WORKER_CONN_LOG_H

struct conn;

/*
 * The relaying starts: what the line at the end will need of the setup, on the heap.  NULL if there
 * will be no line, or no memory for it.
 */
struct notes *conn_log_keep(const struct conn *c);

/* The lines of the log: at the start with connections = "both", and at the end. */
void conn_log_start(const struct conn *c);
void conn_log_end(const struct conn *c);

#endif
