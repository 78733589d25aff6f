/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Opening files that the configuration names, as root, without being led astray: a symbolic link
 * is followed only where nobody but root and ourselves could have put it, only regular files are
 * opened, and never more is read than the caller has room for.
 */
#ifndef MASTER_BUNDLE_FILES_H
#define MASTER_BUNDLE_FILES_H

#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#define FILE_WHY 512

/*
 * Open a regular file (or, with want_dir, a directory) to be read.  Returns a descriptor, or -1
 * with the reason in why_r, beginning with the path.
 */
int file_open(const char *path, int want_dir, struct stat *st_r, char why_r[FILE_WHY]);

/*
 * Read a whole file into buf, with a NUL behind it: at most size - 1 bytes.
 * Returns its length, or -1 with the reason in why_r.
 */
ssize_t
file_read(const char *path, char *buf, size_t size, struct stat *st_r, char why_r[FILE_WHY]);

/* Whether a file of that name is there, whatever it is. */
int file_exists(const char *path);

/* Where this distribution keeps the certificates of the public CAs; it may not be there. */
const char *file_system_ca(void);

/*
 * "/etc/x/key.pem belongs to "acme", mode 0600; the master has no right to override that: chgrp
 * root, chmod 0640": why a file or directory with these attributes cannot be read by us.
 */
void file_forbidden(const char *path, const struct stat *st, char why_r[FILE_WHY]);

#endif
