/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Every key that there is, in one table: a new key is a line here and a field in conf.h.  What
 * stands in a group and is not in the table is an error, with the key that was probably meant.
 */
#include "common/conf/int.h"

#include <string.h>

#define TOP(f)      offsetof(struct top, c.f)
#define TOP_READ(f) offsetof(struct top, f)
#define CTL(f)      offsetof(struct conf_control, f)
#define LOGS(f)     offsetof(struct conf_log, f)
#define TIME(f)     offsetof(struct conf_timeouts, f)
#define FRONT(f)    offsetof(struct front, f)
#define FTLS(f)     offsetof(struct conf_front_tls, f)
#define CERT(f)     offsetof(struct conf_certificate, f)
#define ROUTE(f)    offsetof(struct route, f)
#define BACK(f)     offsetof(struct back, f)
#define BTLS(f)     offsetof(struct conf_back_tls, f)
#define CHECK(f)    offsetof(struct back, b.check.f)
#define SERVER(f)   offsetof(struct conf_server, f)

#define IN(scope) (1U << SCOPE_##scope)

enum { SECOND = 1000, HOUR = 3600 * SECOND, DAY = 24 * HOUR };

#define KEY(where_, name_, read_, offset_, ...) \
	{ \
		.where = (where_), .name = (name_), .read = (read_), .offset = (offset_), \
		__VA_ARGS__ \
	}
#define RANGE(low, high) .min = (low), .max = (high)
#define NOT_EMPTY        .min = 1
#define ANY              .min = 0

/* clang-format off */
static const struct key keys[] = {
	KEY(IN(TOP), "user",            key_user,     TOP(user), NOT_EMPTY),
	KEY(IN(TOP), "keeper_user",     key_user,     TOP(keeper_user), NOT_EMPTY),
	KEY(IN(TOP), "checker_user",    key_user,     TOP(checker_user), NOT_EMPTY),
	KEY(IN(TOP), "workers",         key_number,   TOP(workers), RANGE(0, 1024)),
	KEY(IN(TOP), "sandbox",         key_word,     TOP(sandbox_required), .words = words_sandbox),
	KEY(IN(TOP), "hostname",        key_host,     TOP(hostname), ANY),
	KEY(IN(TOP), "state_directory", key_path,     TOP(state_directory), NOT_EMPTY),
	KEY(IN(TOP), "control",         key_group,    TOP(control), .group = SCOPE_CONTROL),
	KEY(IN(TOP), "log",             key_group,    TOP(log), .group = SCOPE_LOG),
	KEY(IN(TOP), "timeouts",        key_group,    TOP(timeouts), .group = SCOPE_TIMEOUTS),
	KEY(IN(TOP), "tls",             key_group,    TOP(tls), .group = SCOPE_TLS),
	KEY(IN(TOP), "watch",           key_duration, TOP(watch), RANGE(100, 7 * DAY), .off = 1),
	KEY(IN(TOP), "watch_config",    key_bool,     TOP(watch_config), ANY),
	KEY(IN(TOP), "frontends",       key_later,    TOP_READ(frontends), ANY),
	KEY(IN(TOP), "backends",        key_later,    TOP_READ(backends), ANY),

	KEY(IN(CONTROL), "socket",         key_socket, CTL(socket), NOT_EMPTY),
	KEY(IN(CONTROL), "group",          key_user,   CTL(group), ANY),
	KEY(IN(CONTROL), "monitor_socket", key_socket, CTL(monitor_socket), ANY),
	KEY(IN(CONTROL), "monitor_group",  key_user,   CTL(monitor_group), ANY),

	KEY(IN(LOG), "level",       key_word,        LOGS(level), .words = words_level),
	KEY(IN(LOG), "format",      key_word,        LOGS(format), .words = words_format),
	KEY(IN(LOG), "connections", key_connections, LOGS(connections), .words = words_connections),
	KEY(IN(LOG), "client",      key_word,        LOGS(client), .words = words_client),

#define TIMES IN(TIMEOUTS) | IN(FRONT_TIMEOUTS)
	KEY(TIMES,                            "handshake",   key_duration, TIME(handshake), RANGE(10, HOUR)),
	KEY(TIMES,                            "idle",        key_duration, TIME(idle), RANGE(10, 7 * DAY)),
	KEY(TIMES,                            "half_closed", key_duration, TIME(half_closed), RANGE(10, DAY)),
	KEY(TIMES,                            "keepalive",   key_duration, TIME(keepalive), RANGE(0, 7200 * SECOND)),
	KEY(IN(TIMEOUTS) | IN(BACK_TIMEOUTS), "connect",     key_duration, TIME(connect), RANGE(10, HOUR)),
	KEY(IN(TIMEOUTS),                     "drain",       key_duration, TIME(drain), RANGE(0, 24 * DAY)),
	KEY(IN(TIMEOUTS),                     "stop",        key_duration, TIME(stop), RANGE(0, 24 * DAY)),

	KEY(IN(FRONT), "name",     key_name,  FRONT(f.name), ANY),
	KEY(IN(FRONT), "bind",     key_later, FRONT(bind), ANY),
	KEY(IN(FRONT), "backend",  key_name,  FRONT(backend), ANY),
	KEY(IN(FRONT), "protocol", key_word,  FRONT(f.protocol), .words = words_protocol),
	KEY(IN(FRONT), "tls",      key_later, FRONT(tls), ANY),
	KEY(IN(FRONT), "routes",   key_later, FRONT(routes), ANY),
	KEY(IN(FRONT), "timeouts", key_group, FRONT(f.timeouts), .group = SCOPE_FRONT_TIMEOUTS),
	KEY(IN(FRONT), "hostname", key_host,  FRONT(f.hostname), ANY),

#define TLSES IN(TLS) | IN(FRONT_TLS)
	KEY(IN(FRONT_TLS), "mode",         key_word,    FTLS(mode), .words = words_mode),
	KEY(IN(FRONT_TLS), "certificates", key_certificates, FTLS(certificates), .group = SCOPE_CERTIFICATE),
	KEY(TLSES,         "strict_sni",   key_bool,    FTLS(strict_sni), ANY),
	KEY(TLSES,         "verify",       key_word,    FTLS(verify), .words = words_verify),
	KEY(TLSES,         "client_ca",    key_path,    FTLS(client_ca), ANY),
	KEY(TLSES,         "client_crl",   key_path,    FTLS(client_crl), ANY),
	KEY(TLSES,         "policy",       key_word,    FTLS(policy), .words = words_policy),
	KEY(TLSES,         "min_version",  key_version, FTLS(min_version), .words = words_version),
	KEY(TLSES,         "ciphers",      key_text,    FTLS(ciphers), ANY),
	KEY(TLSES,         "ciphersuites", key_text,    FTLS(ciphersuites), ANY),
	KEY(TLSES,         "curves",       key_text,    FTLS(curves), ANY),
	KEY(TLSES,         "tickets",      key_bool,    FTLS(tickets), ANY),
	KEY(TLSES,         "ticket_seed",  key_path,    FTLS(ticket_seed), ANY),
	KEY(TLSES,         "alpn",         key_texts,   FTLS(alpn), RANGE(1, 255)),
	KEY(TLSES,         "detach",       key_bool,    FTLS(detach), ANY),

	KEY(IN(CERTIFICATE), "certificate", key_path, CERT(path), NOT_EMPTY),
	KEY(IN(CERTIFICATE), "key",         key_path, CERT(key), NOT_EMPTY),
	KEY(IN(CERTIFICATE), "hold",        key_bool, CERT(hold), ANY),

	KEY(IN(ROUTE), "sni",     key_texts, ROUTE(r.sni), RANGE(1, 253)),
	KEY(IN(ROUTE), "backend", key_name,  ROUTE(backend), ANY),

	KEY(IN(BACK), "name",         key_name,     BACK(b.name), ANY),
	KEY(IN(BACK), "servers",      key_later,    BACK(servers), ANY),
	KEY(IN(BACK), "protocol",     key_word,     BACK(b.protocol), .words = words_protocol),
	KEY(IN(BACK), "send_proxy",   key_word,     BACK(b.send_proxy), .words = words_send_proxy),
	KEY(IN(BACK), "proxy_tlvs",   key_bits,     BACK(b.proxy_tlvs), .words = words_tlvs),
	KEY(IN(BACK), "receiver",     key_word,     BACK(b.receiver), .words = words_receiver),
	KEY(IN(BACK), "tls",          key_back_tls, BACK(b.tls), .group = SCOPE_BACK_TLS),
	KEY(IN(BACK), "balance",      key_word,     BACK(b.balance), .words = words_balance),
	KEY(IN(BACK), "retries",      key_number,   BACK(b.retries), RANGE(0, 100)),
	KEY(IN(BACK), "slowstart",    key_duration, BACK(b.slowstart), RANGE(0, DAY)),
	KEY(IN(BACK), "on_down",      key_word,     BACK(b.on_down_close), .words = words_down),
	KEY(IN(BACK), "on_up",        key_word,     BACK(b.on_up_close_backup), .words = words_up),
	KEY(IN(BACK), "bind_address", key_ips,      BACK(b), ANY),
	KEY(IN(BACK), "check",        key_check,    0, .group = SCOPE_CHECK),
	KEY(IN(BACK), "timeouts",     key_group,    BACK(timeouts), .group = SCOPE_BACK_TIMEOUTS),

#define SERVER_TLS IN(BACK_TLS) | IN(CHECK_TLS)
	KEY(SERVER_TLS, "verify",      key_word, BTLS(verify), .words = words_back_verify),
	KEY(SERVER_TLS, "ca_file",     key_path, BTLS(ca_file), ANY),
	KEY(SERVER_TLS, "server_name", key_host, BTLS(server_name), ANY),
	KEY(SERVER_TLS, "certificate", key_path, BTLS(certificate), ANY),
	KEY(SERVER_TLS, "key",         key_path, BTLS(key), ANY),
	KEY(SERVER_TLS, "crl",         key_path, BTLS(crl), ANY),

	KEY(IN(CHECK), "type",          key_word,     CHECK(type), .words = words_check_type),
	KEY(IN(CHECK), "interval",      key_duration, CHECK(interval), RANGE(10, DAY)),
	KEY(IN(CHECK), "fast_interval", key_duration, CHECK(fast_interval), RANGE(10, DAY)),
	KEY(IN(CHECK), "down_interval", key_duration, CHECK(down_interval), RANGE(10, DAY)),
	KEY(IN(CHECK), "timeout",       key_duration, CHECK(timeout), RANGE(10, HOUR)),
	KEY(IN(CHECK), "rise",          key_number,   CHECK(rise), RANGE(1, 1000)),
	KEY(IN(CHECK), "fall",          key_number,   CHECK(fall), RANGE(1, 1000)),
	KEY(IN(CHECK), "port",          key_port,     CHECK(port), RANGE(0, 65535)),
	KEY(IN(CHECK), "send_proxy",    key_word,     CHECK(send_proxy), .words = words_check_proxy),
	KEY(IN(CHECK), "initial",       key_word,     CHECK(initial_up), .words = words_initial),
	KEY(IN(CHECK), "send",          key_payload,  CHECK(send), ANY),
	KEY(IN(CHECK), "expect",        key_payload,  CHECK(expect), ANY),
	KEY(IN(CHECK), "tls",           key_later,    BACK(check_tls), ANY),

	KEY(IN(SERVER), "name",            key_name,    SERVER(name), ANY),
	KEY(IN(SERVER), "address",         key_address, 0, ANY),
	KEY(IN(SERVER), "weight",          key_number,  SERVER(weight), RANGE(0, 256)),
	KEY(IN(SERVER), "backup",          key_bool,    SERVER(backup), ANY),
	KEY(IN(SERVER), "disabled",        key_bool,    SERVER(disabled), ANY),
	KEY(IN(SERVER), "check",           key_off,     SERVER(unchecked), ANY),
	KEY(IN(SERVER), "max_connections", key_number,  SERVER(max_connections), RANGE(0, INT32_MAX)),
	KEY(IN(SERVER), "check_port",      key_port,    SERVER(check_port), RANGE(0, 65535)),
	KEY(IN(SERVER), "server_name",     key_host,    SERVER(server_name), ANY),
	KEY(IN(SERVER), "send_proxy",      key_word,    SERVER(send_proxy), .words = words_send_proxy),
	KEY(IN(SERVER), "resolve",         key_word,    SERVER(resolve), .words = words_resolve),
};

static const struct {
	const char *path; /* from the top, for the manual */
	const char *word; /* for messages */
} scopes[SCOPE_COUNT] = {
	[SCOPE_TOP] = { "", "the top level" },
	[SCOPE_CONTROL] = { "control", "control" },
	[SCOPE_LOG] = { "log", "log" },
	[SCOPE_TIMEOUTS] = { "timeouts", "timeouts" },
	[SCOPE_TLS] = { "tls", "tls at the top level" },
	[SCOPE_FRONT] = { "frontends", "frontend" },
	[SCOPE_FRONT_TIMEOUTS] = { "frontends.timeouts", "timeouts of a frontend" },
	[SCOPE_FRONT_TLS] = { "frontends.tls", "tls" },
	[SCOPE_CERTIFICATE] = { "frontends.tls.certificates", "certificates" },
	[SCOPE_ROUTE] = { "frontends.routes", "routes" },
	[SCOPE_BACK] = { "backends", "backend" },
	[SCOPE_BACK_TIMEOUTS] = { "backends.timeouts", "timeouts of a backend" },
	[SCOPE_BACK_TLS] = { "backends.tls", "tls of a backend" },
	[SCOPE_CHECK] = { "backends.check", "check" },
	[SCOPE_CHECK_TLS] = { "backends.check.tls", "tls of a check" },
	[SCOPE_SERVER] = { "backends.servers", "server" },
};

/* What HAProxy calls it, where that is not near enough to our own name to be found by it. */
static const struct {
	uint32_t where;
	const char *theirs;
	const char *ours;
} haproxy[] = {
	{ IN(TOP), "frontend", "a list \"frontends\"" },
	{ IN(TOP), "listen", "a list \"frontends\" and a list \"backends\"" },
	{ IN(TOP), "backend", "a list \"backends\"" },
	{ IN(TOP), "nbthread", "\"workers\"" },
	{ IN(TOP), "nbproc", "\"workers\"" },
	{ IN(TOP), "stats", "\"control\"" },
	{ IN(TOP), "global", "the top level itself" },
	{ IN(TOP), "defaults", "\"timeouts\" and \"tls\" at the top level" },
	{ IN(TOP), "server", "\"servers\" of a backend" },
	{ IN(TOP), "ssl-default-bind-ciphers", "\"ciphers\" in tls" },
	{ IN(TOP), "ssl-default-bind-ciphersuites", "\"ciphersuites\" in tls" },
	{ IN(TOP), "ssl-default-bind-curves", "\"curves\" in tls" },
	{ IN(TOP), "ssl-default-bind-options", "\"min_version\" in tls" },
	{ IN(TOP), "chroot", "\"sandbox\"" },
	{ IN(FRONT), "listen", "\"bind\"" },
	{ IN(FRONT), "server", "\"servers\" of a backend" },
	{ IN(FRONT), "option", "\"timeouts\" or \"log\"" },
	{ IN(FRONT), "default-backend", "\"backend\"" },
	{ IN(BACK), "mode", "\"protocol\"" },
	{ IN(BACK), "maxconn", "\"max_connections\" of a server" },
	{ IN(BACK), "fullconn", "\"max_connections\" of a server" },
	{ IN(BACK), "tcp-check", "\"send\" and \"expect\" in check" },
	{ IN(BACK), "hash-type", "balance = \"source\"" },
	{ IN(BACK), "stick-table", "balance = \"source\"" },
	{ IN(BACK) | IN(SERVER), "cookie", "balance = \"source\"" },
	{ IN(SERVER), "tls", "a group \"tls\" of the backend" },
	{ IN(CHECK), "addr", "\"port\", on the server's own address," },
	{ IN(TOP) | IN(FRONT) | IN(BACK), "timeout", "\"timeouts\"" },
	{ TIMES | IN(BACK_TIMEOUTS), "client", "\"idle\"" },
	{ TIMES | IN(BACK_TIMEOUTS), "server", "\"idle\"" },
	{ TIMES | IN(BACK_TIMEOUTS), "tunnel", "\"idle\"" },
	{ TIMES, "client-hs", "\"handshake\"" },
	{ TIMES, "client-fin", "\"half_closed\"" },
	{ TIMES, "server-fin", "\"half_closed\"" },
	{ TIMES, "tcp-ut", "\"keepalive\"" },
	{ IN(TIMEOUTS), "hard-stop-after", "\"stop\"" },
	{ IN(TOP), "hard-stop-after", "\"timeouts.stop\" or \"timeouts.drain\"" },
	{ IN(TIMEOUTS) | IN(BACK_TIMEOUTS), "check", "\"check.timeout\" in a backend" },
	{ IN(FRONT), "mode", "\"protocol\"" },
	{ IN(FRONT), "default_backend", "\"backend\"" },
	{ IN(FRONT), "use_backend", "\"routes\"" },
	{ IN(FRONT), "ssl", "a group \"tls\"" },
	{ IN(BACK) | IN(SERVER), "ssl", "a group \"tls\" of the backend" },
	{ IN(FRONT), "crt", "\"certificates\" in tls" },
	{ IN(FRONT_TLS), "crt", "\"certificates\"" },
	{ IN(FRONT_TLS), "crt-list", "\"certificates\"" },
	{ IN(TLS), "crt", "\"certificates\" in tls of a frontend" },
	{ TLSES, "ca-file", "\"client_ca\"" },
	{ TLSES, "crl-file", "\"client_crl\"" },
	{ TLSES, "ecdhe", "\"curves\"" },
	{ TLSES, "ssl-min-ver", "\"min_version\"" },
	{ TLSES, "no-tls-tickets", "\"tickets = false\"" },
	{ TLSES, "tls-ticket-keys", "\"ticket_seed\"" },
	{ SERVER_TLS, "crt", "\"certificate\"" },
	{ SERVER_TLS, "crl-file", "\"crl\"" },
	{ SERVER_TLS, "verifyhost", "\"server_name\"" },
	{ SERVER_TLS, "sni", "\"server_name\"" },
	{ IN(SERVER), "verifyhost", "\"server_name\"" },
	{ IN(SERVER), "sni", "\"server_name\"" },
	{ IN(SERVER) | IN(BACK), "verify", "\"verify\" in tls of the backend" },
	{ IN(SERVER) | IN(BACK), "ca-file", "\"ca_file\" in tls of the backend" },
	{ IN(SERVER) | IN(BACK), "crt", "\"certificate\" in tls of the backend" },
	{ IN(SERVER) | IN(BACK), "send-proxy", "send_proxy = \"v1\"" },
	{ IN(SERVER) | IN(BACK), "send-proxy-v2", "send_proxy = \"v2\"" },
	{ IN(SERVER) | IN(BACK), "send-proxy-v2-ssl", "send_proxy = \"v2-ssl\"" },
	{ IN(SERVER) | IN(BACK), "send-proxy-v2-ssl-cn", "send_proxy = \"v2-ssl-cn\"" },
	{ IN(SERVER) | IN(BACK), "check-send-proxy", "\"send_proxy\" in check" },
	{ IN(SERVER) | IN(BACK), "check-ssl", "\"tls\" in check" },
	{ IN(SERVER) | IN(BACK), "proxy-v2-options", "\"proxy_tlvs\" of the backend" },
	{ IN(SERVER), "maxconn", "\"max_connections\"" },
	{ IN(SERVER), "port", "\"check_port\"" },
	{ IN(SERVER), "addr", "\"address\"" },
	{ IN(SERVER), "slowstart", "\"slowstart\" of the backend" },
	{ IN(SERVER) | IN(BACK), "on-marked-down", "\"on_down\" of the backend" },
	{ IN(SERVER) | IN(BACK), "on-marked-up", "\"on_up\" of the backend" },
	{ IN(SERVER) | IN(BACK), "source", "\"bind_address\" of the backend" },
	{ IN(SERVER) | IN(BACK), "inter", "\"interval\" in check" },
	{ IN(SERVER) | IN(BACK), "fastinter", "\"fast_interval\" in check" },
	{ IN(SERVER) | IN(BACK), "downinter", "\"down_interval\" in check" },
	{ IN(SERVER) | IN(BACK), "rise", "\"rise\" in check" },
	{ IN(SERVER) | IN(BACK), "fall", "\"fall\" in check" },
	{ IN(BACK), "server", "\"servers\"" },
	{ IN(BACK), "option", "\"check\"" },
	{ IN(BACK), "default-server", "\"check\", \"tls\" and \"send_proxy\"" },
	{ IN(CHECK), "inter", "\"interval\"" },
	{ IN(CHECK), "fastinter", "\"fast_interval\"" },
	{ IN(CHECK), "downinter", "\"down_interval\"" },
};

/* nginx's, stunnel's, Dovecot's and Postfix's, of which the same can be said. */
static const struct {
	uint32_t where;
	const char *theirs;
	const char *remedy;
} others[] = {
#define CHAIN "name the file with the chain as certificates"
#define KEY_FILE \
	"the key stands in the file of certificates or beside it, X.pem and X.key; or write " \
	"certificates = { certificate = \"X.pem\"; key = \"Y.key\"; }"
	{ IN(TOP), "worker_processes", "write workers, a number" },
	{ IN(TOP), "upstream", "write a list backends" },
	{ IN(TOP), "syslog", "the log goes to standard error, from there to the journal" },
	{ IN(LOG), "facility", "the log goes to standard error; set SyslogFacility in the unit" },
	{ IN(LOG), "file", "the log goes to standard error, from there to the journal" },
	{ IN(LOG), "target", "the log goes to standard error, from there to the journal" },
	{ IN(TOP), "daemon", "leave it out: the program runs in the foreground" },
	{ IN(TOP), "pidfile", "leave it out: the service manager knows the process" },
	{ IN(TOP), "group", "leave it out: a user's primary group is used" },
	{ IN(FRONT), "proxy_pass", "name the backend as backend" },
	{ IN(BACK), "upstream", "name the servers as servers" },
	{ IN(SERVER), "host", "write address = \"HOST:PORT\"" },
	{ IN(SERVER), "max_fails", "write fall in check of the backend" },
	{ IN(SERVER), "fail_timeout", "write down_interval in check of the backend" },
	{ IN(SERVER), "down", "write disabled" },
	{ IN(BACK), "retry", "write retries" },
	{ IN(ROUTE), "host", "write sni" },
	{ IN(ROUTE), "name", "write sni" },
	{ IN(BACK_TLS) | IN(CHECK_TLS), "ca", "write ca_file" },
	{ IN(BACK_TLS) | IN(CHECK_TLS), "client_ca", "write ca_file" },
	{ IN(BACK_TLS) | IN(CHECK_TLS), "ca_path", "write ca_file, or leave it out for the system's CAs" },
	{ TLSES, "ca", "the CAs of client certificates are client_ca" },
	{ TLSES, "ca_file", "the CAs of client certificates are client_ca" },
	{ TLSES, "ssl_client_certificate", "write client_ca" },
	{ TLSES, "ssl_verify_client", "write verify" },
	{ TLSES, "ssl_protocols", "write min_version" },
	{ TLSES, "ssl_ciphers", "write ciphers" },
	{ TLSES, "ssl_ecdh_curve", "write curves" },
	{ TLSES, "ssl_session_tickets", "write tickets" },
	{ TLSES, "ssl_session_ticket_key", "write ticket_seed" },
	{ TLSES, "ssl_dhparam", "leave it out: DHE is not offered" },
	{ TLSES, "dh_param", "leave it out: DHE is not offered" },
	{ TLSES, "ssl_prefer_server_ciphers", "leave it out: the client's order decides" },
	{ TLSES, "no-sslv3", "leave it out: nothing below TLS 1.2 is offered" },
	{ TLSES, "no-tlsv10", "leave it out: nothing below TLS 1.2 is offered" },
	{ TLSES, "no-tlsv11", "leave it out: nothing below TLS 1.2 is offered" },
	{ TLSES, "enabled", "leave it out: a group tls switches TLS on" },
#define ONE_PAIR "write { certificate = \"X.pem\"; key = \"Y.key\"; }"
	{ IN(CERTIFICATE), "crt", ONE_PAIR },
	{ IN(CERTIFICATE), "cert", ONE_PAIR },
	{ IN(CERTIFICATE), "ssl_certificate", ONE_PAIR },
	{ IN(CERTIFICATE), "ssl_certificate_key", ONE_PAIR },
	{ IN(CERTIFICATE), "private_key", ONE_PAIR },
	{ IN(CERTIFICATE), "privkey", ONE_PAIR },
	{ IN(FRONT_TLS), "certs", CHAIN },
	{ IN(FRONT_TLS), "certificate", CHAIN },
	{ IN(FRONT_TLS), "cert", CHAIN },
	{ IN(FRONT_TLS), "fullchain", CHAIN },
	{ IN(FRONT_TLS) | IN(FRONT), "ssl_certificate", CHAIN " in tls" },
	{ IN(FRONT_TLS) | IN(FRONT), "ssl_cert", CHAIN " in tls" },
	{ IN(FRONT_TLS) | IN(FRONT), "smtpd_tls_cert_file", CHAIN " in tls" },
	{ IN(FRONT_TLS), "key", KEY_FILE },
	{ IN(FRONT_TLS), "private_key", KEY_FILE },
	{ IN(FRONT_TLS), "privkey", KEY_FILE },
	{ IN(FRONT_TLS) | IN(FRONT), "ssl_certificate_key", KEY_FILE },
	{ IN(FRONT_TLS) | IN(FRONT), "ssl_key", KEY_FILE },
	{ IN(FRONT_TLS) | IN(FRONT), "smtpd_tls_key_file", KEY_FILE },
};
/* clang-format on */

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

void
conf_each_key(void (*fn)(const char *group, const char *key, void *arg), void *arg)
{
	for (uint32_t scope = 0; scope < SCOPE_COUNT; scope++)
		for (size_t i = 0; i < COUNT(keys); i++)
			if (keys[i].where & 1U << scope)
				fn(scopes[scope].path, keys[i].name, arg);
}

/* A group that has the key that stands in the wrong one, or SCOPE_COUNT. */
static enum scope
elsewhere(const char *name)
{
	for (size_t i = 0; i < COUNT(keys); i++)
		if (strcmp(keys[i].name, name) == 0)
			return (enum scope)__builtin_ctz(keys[i].where);
	return SCOPE_COUNT;
}

/* "; did you mean ...?" or whatever else can be said. */
static const char *
remedy(struct reader *r, const char *name, enum scope scope)
{
	struct nearest near = { .wanted = name };
	enum scope other;

	for (size_t i = 0; i < COUNT(haproxy); i++)
		if (haproxy[i].where & 1U << scope && strcmp(haproxy[i].theirs, name) == 0)
			return arena_printf(
			    r->arena, "; HAProxy's %s is %s here", name, haproxy[i].ours);
	for (size_t i = 0; i < COUNT(others); i++)
		if (others[i].where & 1U << scope && strcmp(others[i].theirs, name) == 0)
			return arena_printf(r->arena, "; %s", others[i].remedy);
	for (size_t i = 0; i < COUNT(keys); i++)
		if (keys[i].where & 1U << scope)
			nearest_try(&near, keys[i].name);
	if (near.best)
		return arena_printf(r->arena, "; did you mean \"%s\"?", near.best);
	other = elsewhere(name);
	if (other == SCOPE_TOP)
		return "; it stands at the top level";
	if (other != SCOPE_COUNT)
		return arena_printf(r->arena, "; it stands in \"%s\"", scopes[other].path);
	return "";
}

static void
unknown_key(struct reader *r, const config_setting_t *s, enum scope scope)
{
	const char *name = config_setting_name(s);

	reader_error(r, s, "unknown key \"%s\" %s %s%s", name, scope == SCOPE_TOP ? "at" : "in",
	    scopes[scope].word, remedy(r, name, scope));
}

void
read_group(struct reader *r, config_setting_t *s, enum scope scope, void *base)
{
	int count = config_setting_length(s);

	for (int i = 0; i < count; i++) {
		config_setting_t *value = config_setting_get_elem(s, (unsigned)i);
		const char *name = config_setting_name(value);
		size_t k = 0;

		while (k < COUNT(keys) &&
		    !(keys[k].where & 1U << scope && strcmp(keys[k].name, name) == 0))
			k++;
		if (k == COUNT(keys))
			unknown_key(r, value, scope);
		else
			keys[k].read(r, &keys[k], value, (char *)base + keys[k].offset);
	}
}
