/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * A bundle of any bytes: refused, or readable to the end of every piece.  The master writes it,
 * so nobody hostile should; but a child reads it before it has a filter.
 */
#include "common/bundle.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy that ends where a reader must end, so that the sanitizer sees who goes on. */
static void
read_to_end(const struct piece *p)
{
	char *copy = malloc(p->size + 1);

	if (!copy)
		abort();
	memcpy(copy, p->data, p->size + 1);
	if (copy[p->size] != '\0')
		abort();
	free(copy);
	if (strlen(p->name) + strlen(p->key_name) > 1 << 30)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	struct bundle *b;

	if (fd == -1 || write(fd, data, size) != (ssize_t)size ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == -1)
		abort();
	b = bundle_open(fd);
	close(fd);
	if (!b)
		return 0;
	for (size_t i = 0; i < bundle_count(b); i++)
		read_to_end(bundle_piece(b, i));
	if (bundle_piece(b, bundle_count(b)))
		abort();
	bundle_close(&b);
	return 0;
}
