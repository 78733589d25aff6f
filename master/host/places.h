/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* Places that the configuration names for what is made at run time. */
#ifndef MASTER_HOST_PLACES_H
#define MASTER_HOST_PLACES_H

#include "common/conf.h"

/*
 * Sockets and a state directory, named in the file, that could not be made are errors in *p.
 * Nothing is made here.  Default places are not looked at: they are no mistake of the file's.
 */
void places_check(const struct conf *conf, struct problems *p);

#endif
