/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What each kind of child is given of the file system, as a table would have it:
 *
 *   worker   configuration; frontends' certificates, client CAs and CRLs; what backends' TLS needs
 *   checker  configuration; what checks' TLS needs; /etc/hosts and /etc/resolv.conf
 *   keeper   private keys and what each may sign; the seed of the ticket keys
 */
#ifndef MASTER_BUNDLE_BUNDLES_H
#define MASTER_BUNDLE_BUNDLES_H

#include "common/conf.h"
#include "master/bundle/pairs.h"

/*
 * Read every file that conf names and make the three bundles of it, bundles_r[enum helper]: sealed
 * memory, the caller's.  conf_path names the configuration in messages, text is its canonical
 * form.  ticket_seed serves where no file has one.  now is what serves (NULL: nothing
 * yet): what it shows must not be left out, and what the configuration holds is taken from
 * it and not from the files, unless anew.  Every problem goes to *p.  Returns 0, or -1 and
 * no bundle.
 */
int bundles_make(const struct conf *conf, const char *conf_path, const char *text,
    const uint8_t ticket_seed[32], const struct shown *now, int anew, struct problems *p,
    int *bundles_r);

/* Whether these three are the same as those, byte for byte. */
int bundles_same(const int *a, const int *b);

void bundles_close(int *bundles);

#endif
