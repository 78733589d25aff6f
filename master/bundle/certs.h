/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Which certificates and keys a value of `certificates` stands for: names only, nothing is read. */
#ifndef MASTER_BUNDLE_CERTS_H
#define MASTER_BUNDLE_CERTS_H

#include "master/bundle/files.h"

/*
 * One certificate.  key is its key's file; "" where no file beside it has one, so that it must be
 * in the certificate's own.  found: it was not named itself but lies in a directory.  key NULL: cert
 * is a sub-directory that cannot be searched, the reason is in certs_find's why_r.
 */
typedef void certs_add(void *context, const char *cert, const char *key, int found);

/*
 * Call add for each certificate of a file or directory, in the order in which they count.  A
 * directory with fullchain.pem and privkey.pem is that one certificate; any other stands for every
 * X.pem and X.crt in it and for its sub-directories, alphabetically, dot names skipped.
 * Returns 0, or -1 with the reason in why_r.
 */
int certs_find(const char *path, certs_add *add, void *context, char why_r[FILE_WHY]);

#endif
