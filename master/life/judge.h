/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The certificates of a generation that is being built, beside those in use: if one of these would
 * be lost, it is refused.
 */
#ifndef MASTER_LIFE_JUDGE_H
#define MASTER_LIFE_JUDGE_H

#include "master/life/generation.h"

/*
 * Take what the first worker of a generation that is being built says of a certificate.  Returns
 * NULL, or what is wrong with the message.
 */
const char *
judge_take(struct generation *g, const struct msg_cert *c, const char *text, size_t len);

/*
 * When that worker is ready: say what was left out.  Returns 0, or -1 if something that is in use
 * by the current generation would be lost, which was said as a complaint of g.
 */
int judge_pairs(struct generation *g);

/*
 * Say of each of these names, "a.example,b.example", that no certificate of g covers it.  Returns
 * how many there are.
 */
size_t judge_uncovered(struct generation *g, const char *names);

/*
 * Say in one line which certificates g shows that old did not.  Returns that line (free), or NULL
 * where there are none.
 */
char *judge_tell(const struct generation *old, const struct generation *g);

#endif
