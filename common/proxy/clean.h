/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* What of a client's own words may stand in a PROXY header. */
#ifndef COMMON_PROXY_CLEAN_H
#define COMMON_PROXY_CLEAN_H

#include <stddef.h>

/*
 * Whether a client's SNI may be passed on: 1 to 253 bytes, letters, digits, `-`, `_` in labels of
 * 1 to 63 bytes, not an empty label; a single final dot is dropped.  The clean, lower-cased name
 * goes to out_r (254 bytes).  Returns 1 or 0.
 */
int proxy_clean_name(const char *sni, char out_r[254]);

/*
 * Whether a CN may be passed on: UTF-8, 1 to 64 characters, no control character, no NUL (size
 * says how many bytes the certificate had).
 */
int proxy_clean_cn(const char *cn, size_t size);

#endif
