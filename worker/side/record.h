/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* A side whose TLS is done with the keys of its records alone: side.c's functions for it. */
#ifndef WORKER_SIDE_RECORD_H
#define WORKER_SIDE_RECORD_H

#include "worker/side/socket.h"

enum io rec_read(struct side *s, uint8_t *buf, size_t size, size_t *n_r);
enum io rec_write(struct side *s, const uint8_t *data, size_t n);
enum io rec_notify(struct side *s);
void rec_free(struct side *s);

#endif
