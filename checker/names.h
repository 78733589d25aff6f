/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The parts of name resolution that need no network: /etc/hosts, /etc/resolv.conf, search lists,
 * and which of many addresses a server gets.  Pure; reads the host's own files and DNS answers.
 */
#ifndef CHECKER_NAMES_H
#define CHECKER_NAMES_H

#include "common/addr.h"
#include "common/msg.h"

#include <stddef.h>

#define NAME_SIZE    254                /* a DNS name with its NUL */
#define NAMES_MOST   (REPORT_ADDRS + 1) /* one more than is used, for the log to name */
#define RESOLV_LISTS 6                  /* name servers, domains: as many domains as glibc reads */

/* What resolv.conf(5) says. */
struct resolv {
	char servers[RESOLV_LISTS][64]; /* as written, perhaps with a port */
	size_t server_count;
	char search[RESOLV_LISTS][NAME_SIZE];
	size_t search_count;
	unsigned ndots, timeout /* seconds */, attempts;
};

/* Read the text of a resolv.conf; what is wrong in it is ignored.  Never fails. */
void names_resolv(const char *text, struct resolv *r_r);

/*
 * Read the text of a hosts file: pair is called for each name (lower case) with its address (port
 * 0).  What is wrong in it is ignored.
 */
void names_hosts(
    const char *text, void (*pair)(void *arg, const char *name, const struct addr *a), void *arg);

/*
 * The n-th full name to ask for (from 0), in the order of resolv.conf: as it stands, or with a
 * domain of the search list.  Returns 1, or 0 when there are no more.
 */
int names_candidate(const struct resolv *r, const char *host, unsigned n, char out_r[NAME_SIZE]);

/*
 * Which addresses a server gets out of an answer: those that it had and that are in got stay, in
 * their order; then new ones, IPv4 first, the smallest first.  Addresses that no server can have
 * (0.0.0.0, multicast) and duplicates are left out.  Ports are not looked at.  Returns how many of
 * out_r are filled; those after the first REPORT_ADDRS have no place.
 */
size_t names_choose(const struct addr *had, size_t had_count, const struct addr *got,
    size_t got_count, struct addr out_r[NAMES_MOST]);

#endif
