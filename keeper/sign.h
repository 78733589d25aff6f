/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What the keeper signs and what it refuses.
 */
#ifndef KEEPER_SIGN_H
#define KEEPER_SIGN_H

#include "keeper/keys.h"

/* The uses of keys that a process of this role may ask for; enum piece_use, or-ed. */
uint32_t sign_uses(enum role role);

/*
 * Answer one SIGN of a process that may ask for these uses: signs tbs if it is what q->purpose says
 * (policy.h), with a key and in a scheme that fit it.
 * Returns 0 and the signature in sig_r, its length in *len_r; or the enum msg_refusal.
 */
uint32_t sign(const struct keys *k, uint32_t uses, const struct msg_sign *q, const uint8_t *tbs,
    size_t size, uint8_t sig_r[SIG_MAX], size_t *len_r);

#endif
