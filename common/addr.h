/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * One internet address with its port, in a form that may cross a process wall:
 * fixed size, no padding, and one spelling per address (an IPv4-mapped IPv6
 * address is always stored as IPv4).
 */
#ifndef COMMON_ADDR_H
#define COMMON_ADDR_H

#include <assert.h>
#include <stdint.h>
#include <sys/socket.h>

enum { ADDR_NONE = 0, ADDR_V4 = 4, ADDR_V6 = 6 };

struct addr {
	uint8_t ip[16];   /* network order; the first four bytes for IPv4, the rest 0 */
	uint32_t scope;   /* interface of a link-local IPv6 address, else 0 */
	uint16_t port;    /* host order */
	uint8_t family;   /* ADDR_NONE, ADDR_V4 or ADDR_V6 */
	uint8_t wildcard; /* 1: the `*` of a bind, IPv4 and IPv6 in one socket */
};
static_assert(sizeof(struct addr) == 24, "crosses process walls: no padding");

/* Room for any address as text with its NUL: "[v6 with scope]:65535". */
#define ADDR_TEXT 80

/*
 * Read "10.0.0.1:993", "[2001:db8::1]:993" or "*:993" (only if wildcard_ok).
 * The whole text must be the address, the port 1 to 65535.
 * Returns 0, or -1 and leaves *a_r alone.
 */
int addr_parse(const char *text, int wildcard_ok, struct addr *a_r);

/*
 * Split "host:port" where host is a DNS name (letters, digits, `-`, `_`, dots; 1 to 253
 * bytes).  host_r has room for 254 bytes.  Returns 0 or -1.
 */
int addr_split_host(const char *text, char *host_r, uint16_t *port_r);

/* From the kernel's form; v4-mapped becomes IPv4; other families give ADDR_NONE. */
void addr_from_sockaddr(const struct sockaddr *sa, struct addr *a_r);

/* To the kernel's form; returns its length.  A wildcard becomes [::]. */
socklen_t addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *ss_r);

/* "10.0.0.1:993", "[2001:db8::1]:993", "*:993", "-" for none.  Both return buf. */
const char *addr_text(const struct addr *a, char buf[ADDR_TEXT]);

/* The same without port and brackets: "10.0.0.1", "2001:db8::1". */
const char *addr_ip_text(const struct addr *a, char buf[ADDR_TEXT]);

/* Whether both are the same address and port / the same address whatever the port. */
int addr_equal(const struct addr *a, const struct addr *b);
int addr_same_ip(const struct addr *a, const struct addr *b);

/* Whether a is `*`, 0.0.0.0 or ::. */
int addr_is_any(const struct addr *a);

/*
 * Whether one of them is all addresses, or all of a family, and the other among these, with the
 * same port.
 */
int addr_covers(const struct addr *a, const struct addr *b);

/* Whether a is in 127.0.0.0/8 or is ::1. */
int addr_is_loopback(const struct addr *a);
/* Whether this stands for every address of its family. */
int addr_is_any(const struct addr *a);

#endif
