/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The path between an OpenSSL object and its socket. */
#ifndef WORKER_SIDE_BIO_H
#define WORKER_SIDE_BIO_H

#include <openssl/ssl.h>

/* The object reads from and writes to this socket, which stays ours.  -1: no memory. */
int bio_attach(SSL *ssl, int fd);

/* Before each call that reads: it may do so again. */
void bio_turn(void);

#endif
