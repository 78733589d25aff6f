/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* What the log says of servers.  Lines about those that do not serve yet are not written. */
#ifndef MASTER_SERVERS_TELL_H
#define MASTER_SERVERS_TELL_H

#include "master/servers/servers.h"

/* It is up or down now, and was this. */
void tell_state(const struct servers *s, const struct server *server, enum health_state was);
/* An address that a server's name now has, or has no more; NULL for none. */
void tell_address(const struct servers *s, const struct server *server, const struct addr *a,
    const struct addr *was);
/* A new address, for which none of the places of the name beginning with first is free. */
void tell_crowded(const struct servers *s, const struct server *first, const struct addr *a);
/* Its certificate has so many days left; also of those that do not serve yet. */
void tell_certificate(const struct servers *s, const struct server *server, int32_t days);

#endif
