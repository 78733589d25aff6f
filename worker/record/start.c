/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Puts worker/record together at the start of a worker: ciphers, derivations, the provider that
 * shows secrets to take.c, and the self-test that decides whether objects may be taken over.
 */
#include "worker/record/start.h"

#include "worker/record/crypt.h"
#include "worker/record/provider.h"
#include "worker/record/selftest.h"
#include "worker/record/take.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

static void *
plain_malloc(size_t n, const char *file, int line)
{
	(void)file, (void)line;
	return malloc(n);
}

static void
wiping_free(void *p, const char *file, int line)
{
	(void)file, (void)line;
	if (p)
		explicit_bzero(p, malloc_usable_size(p));
	free(p);
}

/* Not realloc: it would leave what it moves away from. */
static void *
wiping_realloc(void *p, size_t n, const char *file, int line)
{
	size_t old = p ? malloc_usable_size(p) : 0;
	void *q;

	if (n == 0) {
		wiping_free(p, file, line);
		return NULL;
	}
	q = malloc(n);
	if (!q)
		return NULL;
	if (p)
		memcpy(q, p, old < n ? old : n);
	wiping_free(p, file, line);
	return q;
}

int
record_wipe_memory(void)
{
	return CRYPTO_set_mem_functions(plain_malloc, wiping_realloc, wiping_free) == 1 ? 0 : -1;
}

const char *
record_init(void)
{
	const char *why = "an algorithm is missing";

	if (record_crypt_start() == 0 && record_provider_start(record_take_secret) == 0) {
		record_take_permit(1);
		why = record_selftest();
	}
	record_take_permit(!why);
	if (why)
		record_provider_stop();
	return why;
}
