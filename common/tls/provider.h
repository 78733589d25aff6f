/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The OpenSSL provider "keeper": keys whose private half is in another process.
 */
#ifndef COMMON_TLS_PROVIDER_H
#define COMMON_TLS_PROVIDER_H

#include "common/msg.h"

#include <openssl/evp.h>

/* Load the default provider and, behind it, ours.  0, or -1 with OpenSSL's error queue. */
int provider_load(void);

/* A key of ours with this public half (the caller's); NULL with OpenSSL's error queue. */
EVP_PKEY *provider_key(EVP_PKEY *pub);

/* SHA-256 of the key's SubjectPublicKeyInfo in DER.  0 or -1. */
int provider_key_id(const EVP_PKEY *pub, uint8_t id_r[MSG_KEY_ID]);

#endif
