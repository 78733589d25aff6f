/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* A keeper to talk to: its own code, in a forked child of the test. */
#ifndef FORK_KEEPER_H
#define FORK_KEEPER_H

#include "common/chan.h"

#include <openssl/evp.h>
#include <sys/types.h>

/* Its ticket seed. */
#define FORK_KEEPER_SEED "0123456789abcdef0123456789abcdef"

/*
 * Start a keeper with these keys, numbered from 0, each for servers and clients.  *ours_r becomes
 * a worker's channel to it.  It ends when that is closed; fork_keeper_end waits for that.
 */
pid_t fork_keeper(EVP_PKEY *const *keys, int count, struct chan *ours_r);

/* Close the channel and wait: 1 if it ended well. */
int fork_keeper_end(pid_t pid, struct chan *ours);

#endif
