/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Everything that can be configured, as it is after validation: names are resolved to indexes,
 * inheritance is done, every number is in its range and every duration in milliseconds.
 * The meaning of each key is in mailreeve.conf(5).
 *
 * The master reads the file; worker and checker read the same text out of their bundle with the
 * same code, so there is no second configuration format.
 */
#ifndef COMMON_CONF_H
#define COMMON_CONF_H

#include "common/addr.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CONF_NAME      64 /* bytes of a name, without its NUL */
#define CONF_FRONTENDS 1024
#define CONF_LISTENERS 4096 /* addresses of all frontends together */
#define CONF_BACKENDS  1024
#define CONF_SERVERS   8192 /* servers of all backends together; slots on the board */
#define CONF_FAMILY    32   /* slots of a server with resolve = "all" */

enum protocol {
	PROTO_TCP,
	PROTO_IMAP,
	PROTO_POP3,
	PROTO_SMTP,
	PROTO_SUBMISSION,
	PROTO_LMTP,
	PROTO_SIEVE,
	PROTO_COUNT,
};

/* In the order of less to more; milliseconds. */
struct conf_timeouts {
	uint32_t handshake;
	uint32_t idle; /* 0 in the file's own group: by protocol; never 0 after resolution */
	uint32_t half_closed;
	uint32_t keepalive; /* 0: off */
	uint32_t connect;
	uint32_t drain; /* 0: no end */
	uint32_t stop;
};

enum tls_mode { TLS_NONE, TLS_IMPLICIT, TLS_PASSTHROUGH };
enum tls_verify {
	VERIFY_NONE,
	VERIFY_OPTIONAL,
	VERIFY_CHAIN, /* servers: by a CA that is trusted, for whatever name */
	VERIFY_REQUIRED,
};
enum tls_policy { POLICY_INTERMEDIATE, POLICY_MODERN };

/* A list of texts; items belongs to the conf. */
struct conf_texts {
	char **items;
	size_t count;
};

/*
 * Every `line` below is a place in the merged text of the file and its includes, never one of the
 * file: conf_where and conf_problem say which line of which file it is.
 */

/* A value of `certificates`. */
struct conf_certificate {
	const char *path; /* file or directory */
	const char *key;  /* of a group: the file with its key; NULL: it is looked for */
	int hold;         /* once loaded, only `reload certificates` loads it again */
};

struct conf_certificates {
	struct conf_certificate *items;
	size_t count;
};

/* TLS with clients.  File names are absolute; NULL where not given. */
struct conf_front_tls {
	enum tls_mode mode;
	struct conf_certificates certificates; /* in the file's order */
	int strict_sni;                        /* refuse a name that no certificate covers */
	enum tls_verify verify;
	const char *client_ca;
	const char *client_crl;
	enum tls_policy policy;
	const char *min_version; /* "TLSv1.2", "TLSv1.3" or NULL: by policy; so the next three */
	const char *ciphers;
	const char *ciphersuites;
	const char *curves;
	int tickets;             /* 0 or 1, resolved; never with client certificates */
	const char *ticket_seed; /* the same in all frontends: conf.ticket_seed */
	struct conf_texts alpn;  /* ids accepted, resolved by protocol; none: ALPN is ignored */
	int detach;
	int line;
};

/* Another backend for clients that ask for one of these names. */
struct conf_route {
	struct conf_texts sni; /* lower case; "name" or "*.name" */
	uint32_t backend;      /* index in backends */
	int line;
};

struct conf_frontend {
	const char *name;
	enum protocol protocol;
	uint32_t backend; /* index in backends */
	struct conf_front_tls tls;
	struct conf_route *routes; /* in the file's order; the first that matches counts */
	size_t route_count;
	struct conf_timeouts timeouts;
	const char *hostname; /* for refusals; never NULL */
	int line;
};

/* One bind of one frontend. */
struct conf_listener {
	uint32_t frontend; /* index in frontends */
	struct addr addr;
	int line;
};

enum send_proxy { PROXY_NONE, PROXY_V1, PROXY_V2, PROXY_V2_SSL, PROXY_V2_SSL_CN };

/* Optional TLVs of proxy_tlvs, one bit each. */
enum proxy_tlv {
	TLV_AUTHORITY = 1 << 0,
	TLV_CIPHER = 1 << 1,
	TLV_ALPN = 1 << 2,
	TLV_CRC32C = 1 << 3,
	TLV_UNIQUE_ID = 1 << 4,
	TLV_CERT_ALGS = 1 << 5,
};

enum receiver {
	RECEIVER_GENERIC,
	RECEIVER_DOVECOT,
	RECEIVER_POSTFIX,
	RECEIVER_EXIM,
	RECEIVER_HAPROXY
};

enum balance {
	BALANCE_LEASTCONN,
	BALANCE_ROUNDROBIN,
	BALANCE_SOURCE,
	BALANCE_RANDOM,
	BALANCE_FIRST
};

/* TLS towards servers, of a backend or of its checks. */
struct conf_back_tls {
	int on;
	enum tls_verify verify;  /* NONE, CHAIN or REQUIRED */
	const char *ca_file;     /* NULL: the system's */
	const char *server_name; /* NULL: the server's host name, else its address */
	const char *certificate;
	const char *key; /* NULL: in certificate */
	const char *crl;
	int line;
};

enum check_type {
	CHECK_NONE,
	CHECK_TCP,
	CHECK_TLS,
	CHECK_EXPECT,
	CHECK_IMAP,
	CHECK_POP3,
	CHECK_SMTP,
	CHECK_SUBMISSION,
	CHECK_LMTP,
	CHECK_SIEVE,
	CHECK_TYPE_COUNT,
};
enum check_proxy { CHECK_PROXY_AUTO, CHECK_PROXY_NONE, CHECK_PROXY_LOCAL, CHECK_PROXY_PROXY };

struct conf_check {
	enum check_type type;
	uint32_t interval, fast_interval, down_interval, timeout; /* milliseconds */
	uint32_t rise, fall;
	uint16_t port;            /* 0: the server's */
	struct conf_back_tls tls; /* resolved: as the backend's, or its own, or off */
	enum check_proxy send_proxy;
	int initial_up;
	const char *send; /* CHECK_EXPECT; NULL: nothing */
	const char *expect;
	int line;
};

enum resolve { RESOLVE_ONE, RESOLVE_ALL };

struct conf_server {
	const char *name;
	const char *host; /* DNS name, or NULL where the address is literal */
	struct addr addr; /* literal address; only the port with a host */
	uint32_t backend; /* index in backends */
	uint32_t weight;  /* 0 to 256 */
	int backup;
	int disabled;             /* starts in maintenance */
	int unchecked;            /* check = false: always up */
	uint32_t max_connections; /* 0: no limit */
	uint16_t check_port;      /* 0: the check's, else the server's */
	const char *server_name;  /* NULL: the backend's */
	enum send_proxy send_proxy;
	enum resolve resolve;
	uint32_t slot;  /* first slot on the board */
	uint32_t slots; /* 1, or CONF_FAMILY with resolve = "all" */
	int line;
};

struct conf_backend {
	const char *name;
	enum protocol protocol;
	enum send_proxy send_proxy;
	uint32_t proxy_tlvs; /* enum proxy_tlv, or-ed */
	enum receiver receiver;
	struct conf_back_tls tls;
	enum balance balance;
	uint32_t retries;
	uint32_t slowstart; /* milliseconds */
	int on_down_close, on_up_close_backup;
	struct addr *bind_address; /* source addresses, port 0 */
	size_t bind_address_count;
	struct conf_check check;
	uint32_t connect;         /* milliseconds */
	uint32_t server, servers; /* first index in servers, and how many */
	int passthrough;          /* a passthrough frontend uses it */
	int line;
};

enum log_format { LOG_TEXT, LOG_JSON };
enum log_connections { LOG_CONN_END, LOG_CONN_BOTH, LOG_CONN_NONE };
enum log_client { LOG_CLIENT_FULL, LOG_CLIENT_PREFIX };

struct conf_log {
	int level; /* syslog: LOG_ERR to LOG_DEBUG */
	enum log_format format;
	enum log_connections connections;
	enum log_client client;
};

struct conf_control {
	const char *socket; /* path, without the `unix:` it may carry in the file */
	const char *group;  /* NULL: none */
	const char *monitor_socket;
	const char *monitor_group;
	int line; /* 0: not given */
};

struct conf {
	const char *user, *keeper_user, *checker_user;
	int user_line, keeper_user_line, checker_user_line; /* 0 where not given */
	uint32_t workers;                                   /* 0: one per available CPU */
	int sandbox_required;
	const char *hostname; /* never NULL */
	int hostname_line;    /* 0: the system's */
	const char *state_directory;
	int state_directory_line; /* 0: the default */
	struct conf_control control;
	struct conf_log log;
	struct conf_timeouts timeouts; /* defaults: frontends and backends have their own */
	struct conf_front_tls tls;     /* the same */
	const char *ticket_seed;       /* file, or NULL */
	int ticket_seed_line;
	uint32_t watch; /* milliseconds */
	int watch_config;
	struct conf_frontend *frontends;
	size_t frontend_count;
	struct conf_listener *listeners;
	size_t listener_count;
	struct conf_backend *backends;
	size_t backend_count;
	struct conf_server *servers; /* of all backends, in their order */
	size_t server_count;
	uint32_t slot_count; /* slots on the board: every server's slots added up */
	const char *name;    /* of the file */
	struct conf_lines *lines;
	struct arena *arena; /* where all the texts and arrays live */
};

/* What is wrong with a file, or worth a warning: "FILE:LINE: message" each. */
enum problem_kind {
	PROBLEM_WARNING,
	PROBLEM_ERROR,
	PROBLEM_LEFT_OUT, /* an error as well, of one among many that the rest does without */
};
struct problem {
	enum problem_kind kind;
	char *text;
};
struct problems {
	struct problem *items;
	size_t count, errors; /* errors: PROBLEM_ERROR alone */
	size_t outside;       /* ... of which so many may be gone without a change of any text */
};

void problems_add(struct problems *p, enum problem_kind kind, const char *file, int line,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void problems_clear(struct problems *p);

/* The same for a `line` of the conf. */
void conf_problem(const struct conf *c, struct problems *p, enum problem_kind kind, int line,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* "FILE:LINE" for a `line` of the conf, also in a child, where it is the administrator's own file
 * and line all the same.  Returns buf. */
const char *conf_where(const struct conf *c, int line, char *buf, size_t size);

/*
 * Read and validate a file, with its includes.  Every problem goes to *p, errors and warnings in
 * the file's order; whoever gets errors gets no conf.  The files that the configuration names are
 * not opened here.  *text_r, if not NULL, becomes the canonical text of the whole configuration
 * with all includes in it (malloc; the caller's), which conf_parse reads.
 * Returns the conf (conf_free), or NULL.
 */
struct conf *conf_load(const char *path, struct problems *p, char **text_r);

/* The same where relative paths start at the directory from; NULL: at that of the file. */
struct conf *conf_load_from(const char *path, const char *from, struct problems *p, char **text_r);

/*
 * The same for a text; name stands in the problems as the file's name, and relative paths and
 * includes start at the directory dir.  dir NULL is for the canonical text: the file system is
 * not touched, relative paths and includes are errors.
 */
struct conf *conf_parse(const char *text, const char *name, const char *dir, struct problems *p);

/* Frees and clears the caller's pointer; NULL is fine. */
void conf_free(struct conf **conf);

/*
 * The backend (index) for a client of this frontend that asked for this name: the first route
 * with that name, or with a `*.` in the place of its first label; else the frontend's backend.
 * sni may be NULL and hostile; upper and lower case are the same.
 */
uint32_t conf_route(const struct conf *c, uint32_t frontend, const char *sni);

/*
 * Give the servers their slots on the board, so many to each with resolve = "all".  Reading a
 * configuration does it with CONF_FAMILY; whoever takes over the board of another version of the
 * program does it again, with what that one had.
 */
void conf_lay_out(struct conf *c, uint32_t family);

/* Whether the checker looks at this server. */
int conf_is_checked(const struct conf *c, const struct conf_server *s);

/* Call fn for every key that there is: its group ("frontends.tls", "" at the top) and name. */
void conf_each_key(void (*fn)(const char *group, const char *key, void *arg), void *arg);

/* The file's word for it: "imap". */
const char *protocol_name(enum protocol p);

#endif
