/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Good configurations: what every key gives, what it is without the key, inheritance, the forms
 * of values, routes.  Wrong ones are in test_conf_wrong.c, files and includes in
 * test_conf_text.c.
 */
#include "common/conf.h"

#include <check.h>
#include <libconfig.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* Parse a text that must be good; warnings are not looked at. */
static struct conf *
parsed(const char *text)
{
	struct problems p = { 0 };
	struct conf *c = conf_parse(text, "f", "/etc/x", &p);

	for (size_t i = 0; i < p.count; i++)
		if (p.items[i].kind == PROBLEM_ERROR)
			ck_abort_msg("%s", p.items[i].text);
	ck_assert_ptr_nonnull(c);
	problems_clear(&p);
	return c;
}

static const char smallest[] =
    "frontends = ( { name = \"imaps\"; bind = \"*:993\"; backend = \"dovecot\"; tls = { "
    "certificates = "
    "\"/etc/letsencrypt/live/mail.example.org\"; }; } );\n"
    "backends  = ( { name = \"dovecot\"; protocol = \"imap\"; servers = \"10.0.0.1:143\"; } );\n";

START_TEST(defaults_of_the_top)
{
	struct conf *c = parsed(smallest);
	char host[256] = "";

	gethostname(host, sizeof(host) - 1);
	ck_assert_str_eq(c->user, "mailreeve");
	ck_assert_str_eq(c->keeper_user, "mailreeve-keeper");
	ck_assert_str_eq(c->checker_user, "mailreeve-check");
	ck_assert_uint_eq(c->workers, 0);
	ck_assert_int_eq(c->sandbox_required, 0);
	ck_assert_str_eq(c->hostname, host);
	ck_assert_str_eq(c->state_directory, "/var/lib/mailreeve");
	ck_assert_str_eq(c->control.socket, "/run/mailreeve/control.sock");
	ck_assert_ptr_null(c->control.group);
	ck_assert_ptr_null(c->control.monitor_socket);
	ck_assert_ptr_null(c->control.monitor_group);
	ck_assert_int_eq(c->log.level, LOG_INFO);
	ck_assert_int_eq(c->log.format, LOG_TEXT);
	ck_assert_int_eq(c->log.connections, LOG_CONN_END);
	ck_assert_int_eq(c->log.client, LOG_CLIENT_FULL);
	ck_assert_uint_eq(c->watch, 300000);
	ck_assert_int_eq(c->watch_config, 0);
	ck_assert_uint_eq(c->timeouts.drain, 0);
	ck_assert_uint_eq(c->timeouts.stop, 30000);
	ck_assert_ptr_null(c->ticket_seed);
	ck_assert_uint_eq(c->slot_count, 1);
	conf_free(&c);
	ck_assert_ptr_null(c);
}
END_TEST

START_TEST(defaults_of_a_frontend)
{
	struct conf *c = parsed(smallest);
	const struct conf_frontend *f = c->frontends;

	ck_assert_uint_eq(c->frontend_count, 1);
	ck_assert_str_eq(f->name, "imaps");
	ck_assert_int_eq(f->protocol, PROTO_IMAP);
	ck_assert_uint_eq(f->backend, 0);
	ck_assert_str_eq(f->hostname, c->hostname);
	ck_assert_uint_eq(f->route_count, 0);
	ck_assert_uint_eq(f->timeouts.handshake, 10000);
	ck_assert_uint_eq(f->timeouts.half_closed, 30000);
	ck_assert_uint_eq(f->timeouts.keepalive, 120000);
	ck_assert_uint_eq(c->listener_count, 1);
	ck_assert_int_eq(c->listeners[0].addr.wildcard, 1);
	ck_assert_uint_eq(c->listeners[0].addr.port, 993);
	ck_assert_int_eq(f->tls.mode, TLS_IMPLICIT);
	ck_assert_uint_eq(f->tls.certificates.count, 1);
	ck_assert_str_eq(
	    f->tls.certificates.items[0].path, "/etc/letsencrypt/live/mail.example.org");
	ck_assert_int_eq(f->tls.strict_sni, 0);
	ck_assert_int_eq(f->tls.verify, VERIFY_NONE);
	ck_assert_ptr_null(f->tls.client_ca);
	ck_assert_ptr_null(f->tls.client_crl);
	ck_assert_int_eq(f->tls.policy, POLICY_INTERMEDIATE);
	ck_assert_ptr_null(f->tls.min_version);
	ck_assert_ptr_null(f->tls.ciphers);
	ck_assert_ptr_null(f->tls.ciphersuites);
	ck_assert_ptr_null(f->tls.curves);
	ck_assert_int_eq(f->tls.tickets, 1);
	ck_assert_int_eq(f->tls.detach, 1);
	conf_free(&c);
}
END_TEST

START_TEST(defaults_of_a_backend)
{
	struct conf *c = parsed(smallest);
	const struct conf_backend *b = c->backends;
	const struct conf_server *s = c->servers;

	ck_assert_uint_eq(c->backend_count, 1);
	ck_assert_int_eq(b->send_proxy, PROXY_V2_SSL);
	ck_assert_uint_eq(b->proxy_tlvs, 0);
	ck_assert_int_eq(b->receiver, RECEIVER_GENERIC);
	ck_assert_int_eq(b->tls.on, 0);
	ck_assert_int_eq(b->balance, BALANCE_LEASTCONN);
	ck_assert_uint_eq(b->retries, 3);
	ck_assert_uint_eq(b->slowstart, 0);
	ck_assert_int_eq(b->on_down_close, 0);
	ck_assert_int_eq(b->on_up_close_backup, 0);
	ck_assert_uint_eq(b->bind_address_count, 0);
	ck_assert_uint_eq(b->connect, 5000);
	ck_assert_int_eq(b->passthrough, 0);
	ck_assert_int_eq(b->check.type, CHECK_IMAP);
	ck_assert_uint_eq(b->check.interval, 5000);
	ck_assert_uint_eq(b->check.fast_interval, 5000);
	ck_assert_uint_eq(b->check.down_interval, 5000);
	ck_assert_uint_eq(b->check.timeout, 5000);
	ck_assert_uint_eq(b->check.rise, 2);
	ck_assert_uint_eq(b->check.fall, 3);
	ck_assert_uint_eq(b->check.port, 0);
	ck_assert_int_eq(b->check.tls.on, 0);
	ck_assert_int_eq(b->check.send_proxy, CHECK_PROXY_AUTO);
	ck_assert_int_eq(b->check.initial_up, 0);
	ck_assert_uint_eq(c->server_count, 1);
	ck_assert_str_eq(s->name, "10.0.0.1:143");
	ck_assert_ptr_null(s->host);
	ck_assert_uint_eq(s->addr.port, 143);
	ck_assert_uint_eq(s->weight, 100);
	ck_assert_int_eq(s->backup, 0);
	ck_assert_uint_eq(s->max_connections, 0);
	ck_assert_uint_eq(s->check_port, 0);
	ck_assert_ptr_null(s->server_name);
	ck_assert_int_eq(s->send_proxy, PROXY_V2_SSL);
	ck_assert_int_eq(s->resolve, RESOLVE_ONE);
	ck_assert_uint_eq(s->slots, 1);
	conf_free(&c);
}
END_TEST

/* What hangs on the protocol. */
static const struct by_protocol {
	const char *name;
	uint32_t idle_minutes;
	const char *alpn[2];
	enum check_type check;
	uint32_t check_timeout;
} by_protocol[] = {
	{ "imap", 31, { "imap" }, CHECK_IMAP, 5000 },
	{ "pop3", 11, { "pop3" }, CHECK_POP3, 5000 },
	{ "smtp", 11, { "smtp", "submission" }, CHECK_SMTP, 10000 },
	{ "submission", 11, { "smtp", "submission" }, CHECK_SUBMISSION, 10000 },
	{ "lmtp", 11, { NULL }, CHECK_LMTP, 10000 },
	{ "sieve", 31, { "managesieve" }, CHECK_SIEVE, 5000 },
	{ "tcp", 31, { NULL }, CHECK_TCP, 5000 },
};

START_TEST(defaults_by_protocol)
{
	const struct by_protocol *b = &by_protocol[_i];
	char text[512];
	struct conf *c;

	snprintf(text, sizeof(text),
	    "frontends = { name = \"f\"; bind = \"*:1\"; backend = \"b\"; protocol = \"%s\";"
	    "tls = { certificates = \"/c\"; }; };"
	    "backends = { name = \"b\"; servers = \"10.0.0.1:2\"; };",
	    b->name);
	c = parsed(text);
	ck_assert_str_eq(protocol_name(c->frontends[0].protocol), b->name);
	ck_assert_str_eq(protocol_name(c->backends[0].protocol), b->name);
	ck_assert_uint_eq(c->frontends[0].timeouts.idle, b->idle_minutes * 60000);
	ck_assert_int_eq(c->backends[0].check.type, b->check);
	ck_assert_uint_eq(c->backends[0].check.timeout, b->check_timeout);
	for (size_t i = 0; i < 2; i++) {
		if (!b->alpn[i])
			ck_assert_uint_le(c->frontends[0].tls.alpn.count, i);
		else
			ck_assert_str_eq(c->frontends[0].tls.alpn.items[i], b->alpn[i]);
	}
	conf_free(&c);
}
END_TEST

/* Every key that there is, none at its default. */
static const char full[] =
    "user = \"u\"; keeper_user = 1001; checker_user = \"c\"; workers = 3; sandbox = \"required\";\n"
    "hostname = \"mx.example.org\"; state_directory = \"/s\"; watch = \"7s\";\n"
    "watch_config = true;\n"
    "control = { socket = \"unix:/c.sock\"; group = \"g\"; monitor_socket = \"m.sock\";\n"
    "  monitor_group = 7; };\n"
    "log = { level = \"debug\"; format = \"json\"; connections = \"both\"; client = \"prefix\"; "
    "};\n"
    "timeouts = { handshake = \"1s\"; idle = \"2s\"; half_closed = \"3s\"; keepalive = \"4s\";\n"
    "  connect = \"5\" \"s\"; drain = \"6h\"; stop = \"7d\"; };\n"
    "tls = { strict_sni = true; verify = \"optional\"; client_ca = \"ca\"; client_crl = \"crl\";\n"
    "  policy = \"modern\"; min_version = \"TLSv1.3\"; ciphers = \"C\"; ciphersuites = \"S\";\n"
    "  curves = \"X25519\"; tickets = false; ticket_seed = \"seed\"; alpn = \"a\"; detach = false; "
    "};\n"
    "frontends = ( { name = \"f\"; bind = ( \"*:1\", \"10.0.0.1:2\" ); backend = \"b\";\n"
    "  protocol = \"smtp\"; hostname = \"f.example.org\";\n"
    "  tls = { mode = \"implicit\"; certificates = ( { certificate = \"a\"; key = \"ak\";\n"
    "    hold = true; }, \"/b\" ); strict_sni = false;\n"
    "    verify = \"required\"; client_ca = \"fca\"; client_crl = \"\"; policy = "
    "\"intermediate\";\n"
    "    min_version = \"TLSv1.2\"; ciphers = \"FC\"; ciphersuites = \"FS\"; curves = \"P-256\";\n"
    "    tickets = false; ticket_seed = \"seed\"; alpn = ( \"x\", \"y\" ); detach = true; };\n"
    "  routes = ( { sni = [ \"*.Example.org\", \"example.org\" ]; backend = \"b\"; } );\n"
    "  timeouts = { handshake = \"11s\"; idle = \"12m\"; half_closed = \"13s\"; keepalive = "
    "\"0s\"; "
    "}; } );\n"
    "backends = ( { name = \"b\"; protocol = \"smtp\"; send_proxy = \"v1\"; receiver = "
    "\"postfix\";\n"
    "  proxy_tlvs = [ \"authority\", \"cipher\", \"alpn\", \"crc32c\", \"unique_id\", "
    "\"cert_algs\" ];\n"
    "  tls = { verify = \"none\"; ca_file = \"bca\"; server_name = \"sn\"; certificate = \"bc\";\n"
    "    key = \"bk\"; crl = \"bcrl\"; };\n"
    "  balance = \"source\"; retries = 9; slowstart = \"8s\"; on_down = \"close\";\n"
    "  on_up = \"close_backup\"; bind_address = ( \"10.9.9.9\", \"2001:db8::9\" );\n"
    "  timeouts = { connect = \"21s\"; };\n"
    "  check = { type = \"expect\"; interval = \"1s\"; fast_interval = \"2s\"; down_interval = "
    "\"3s\";\n"
    "    timeout = \"4s\"; rise = 5; fall = 6; port = 7; send_proxy = \"local\"; initial = "
    "\"up\";\n"
    "    send = \"HELO\\r\\n\"; expect = \"250\";\n"
    "    tls = { verify = \"required\"; ca_file = \"kca\"; server_name = \"ksn\"; certificate = "
    "\"kc\";\n"
    "      key = \"kk\"; crl = \"kcrl\"; }; };\n"
    "  servers = ( { name = \"s1\"; address = \"mx.example.org:25\"; weight = 256; backup = true;\n"
    "    disabled = true; check = false;\n"
    "    max_connections = 2147483647; check_port = 65535; server_name = \"s1.example.org\";\n"
    "    send_proxy = \"v2-ssl-cn\"; resolve = \"all\"; }, \"[2001:db8::1]:25\" ); } );\n";

static void
full_has(const char *group, const char *key, void *arg)
{
	static const struct {
		const char *group, *path;
	} first[] = {
		{ "frontends", "frontends.[0]" },
		{ "frontends.tls", "frontends.[0].tls" },
		{ "frontends.tls.certificates", "frontends.[0].tls.certificates.[0]" },
		{ "frontends.timeouts", "frontends.[0].timeouts" },
		{ "frontends.routes", "frontends.[0].routes.[0]" },
		{ "backends", "backends.[0]" },
		{ "backends.tls", "backends.[0].tls" },
		{ "backends.timeouts", "backends.[0].timeouts" },
		{ "backends.check", "backends.[0].check" },
		{ "backends.check.tls", "backends.[0].check.tls" },
		{ "backends.servers", "backends.[0].servers.[0]" },
	};
	char path[128];

	for (int i = 0; i < COUNT(first); i++)
		if (strcmp(group, first[i].group) == 0)
			group = first[i].path;
	snprintf(path, sizeof(path), "%s%s%s", group, *group == '\0' ? "" : ".", key);
	ck_assert_msg(config_lookup(arg, path), "%s is not in the test", path);
}

START_TEST(full_is_full)
{
	config_t tree;

	config_init(&tree);
	ck_assert_int_eq(config_read_string(&tree, full), CONFIG_TRUE);
	conf_each_key(full_has, &tree);
	config_destroy(&tree);
}
END_TEST

START_TEST(every_key_of_the_top)
{
	struct conf *c = parsed(full);

	ck_assert_str_eq(c->user, "u");
	ck_assert_str_eq(c->keeper_user, "1001");
	ck_assert_str_eq(c->checker_user, "c");
	ck_assert_uint_eq(c->workers, 3);
	ck_assert_int_eq(c->sandbox_required, 1);
	ck_assert_str_eq(c->hostname, "mx.example.org");
	ck_assert_str_eq(c->state_directory, "/s");
	ck_assert_uint_eq(c->watch, 7000);
	ck_assert_int_eq(c->watch_config, 1);
	ck_assert_str_eq(c->control.socket, "/c.sock");
	ck_assert_str_eq(c->control.group, "g");
	ck_assert_str_eq(c->control.monitor_socket, "/etc/x/m.sock");
	ck_assert_str_eq(c->control.monitor_group, "7");
	ck_assert_int_eq(c->log.level, LOG_DEBUG);
	ck_assert_int_eq(c->log.format, LOG_JSON);
	ck_assert_int_eq(c->log.connections, LOG_CONN_BOTH);
	ck_assert_int_eq(c->log.client, LOG_CLIENT_PREFIX);
	ck_assert_uint_eq(c->timeouts.handshake, 1000);
	ck_assert_uint_eq(c->timeouts.idle, 2000);
	ck_assert_uint_eq(c->timeouts.half_closed, 3000);
	ck_assert_uint_eq(c->timeouts.keepalive, 4000);
	ck_assert_uint_eq(c->timeouts.connect, 5000);
	ck_assert_uint_eq(c->timeouts.drain, 6 * 3600000);
	ck_assert_uint_eq(c->timeouts.stop, 7 * 86400000);
	ck_assert_int_eq(c->tls.mode, TLS_NONE);
	ck_assert_int_eq(c->tls.strict_sni, 1);
	ck_assert_int_eq(c->tls.verify, VERIFY_OPTIONAL);
	ck_assert_str_eq(c->tls.client_ca, "/etc/x/ca");
	ck_assert_str_eq(c->tls.client_crl, "/etc/x/crl");
	ck_assert_int_eq(c->tls.policy, POLICY_MODERN);
	ck_assert_str_eq(c->tls.min_version, "TLSv1.3");
	ck_assert_str_eq(c->tls.ciphers, "C");
	ck_assert_str_eq(c->tls.ciphersuites, "S");
	ck_assert_str_eq(c->tls.curves, "X25519");
	ck_assert_int_eq(c->tls.tickets, 0);
	ck_assert_int_eq(c->tls.detach, 0);
	ck_assert_str_eq(c->ticket_seed, "/etc/x/seed");
	conf_free(&c);
}
END_TEST

/* nginx's and stunnel's way, beside ours and alone. */
START_TEST(groups_of_certificate_and_key)
{
	struct problems p = { 0 };
	static const char *const texts[] = {
		"( \"a\", { certificate = \"b.pem\"; key = \"/k\"; hold = true; } )",
		"{ certificate = \"b.pem\"; key = \"/k\"; hold = true; }",
	};

	for (size_t i = 0; i < 2; i++) {
		const struct conf_certificates *all;
		struct conf *c;
		char text[512];

		snprintf(text, sizeof(text),
		    "frontends = ( { name = \"f\"; bind = \"*:1\"; backend = \"b\"; protocol = "
		    "\"imap\";\ntls = { certificates = %s; }; } );\n"
		    "backends = ( { name = \"b\"; servers = \"127.0.0.1:143\"; } );\n",
		    texts[i]);
		c = conf_parse(text, "f", "/etc/x", &p);
		ck_assert_msg(c, "%s", p.count > 0 ? p.items[0].text : "");
		all = &c->frontends[0].tls.certificates;
		ck_assert_uint_eq(all->count, 2 - i);
		ck_assert_str_eq(all->items[1 - i].path, "/etc/x/b.pem");
		ck_assert_str_eq(all->items[1 - i].key, "/k");
		ck_assert_int_eq(all->items[1 - i].hold, 1);
		if (i == 0)
			ck_assert(strcmp(all->items[0].path, "/etc/x/a") == 0 &&
			    !all->items[0].key && !all->items[0].hold);
		conf_free(&c);
		problems_clear(&p);
	}
}
END_TEST

START_TEST(every_key_of_a_frontend)
{
	const struct conf_frontend *f;
	struct conf *c;

	c = parsed(full);
	f = c->frontends;
	ck_assert_str_eq(f->name, "f");
	ck_assert_int_eq(f->protocol, PROTO_SMTP);
	ck_assert_str_eq(f->hostname, "f.example.org");
	ck_assert_uint_eq(c->listener_count, 2);
	ck_assert_uint_eq(c->listeners[1].addr.port, 2);
	ck_assert_int_eq(f->tls.mode, TLS_IMPLICIT);
	ck_assert_uint_eq(f->tls.certificates.count, 2);
	ck_assert_str_eq(f->tls.certificates.items[0].path, "/etc/x/a");
	ck_assert_str_eq(f->tls.certificates.items[1].path, "/b");
	ck_assert_int_eq(f->tls.strict_sni, 0);
	ck_assert_int_eq(f->tls.verify, VERIFY_REQUIRED);
	ck_assert_str_eq(f->tls.client_ca, "/etc/x/fca");
	ck_assert_ptr_null(f->tls.client_crl);
	ck_assert_int_eq(f->tls.policy, POLICY_INTERMEDIATE);
	ck_assert_str_eq(f->tls.min_version, "TLSv1.2");
	ck_assert_str_eq(f->tls.ciphers, "FC");
	ck_assert_str_eq(f->tls.ciphersuites, "FS");
	ck_assert_str_eq(f->tls.curves, "P-256");
	ck_assert_int_eq(f->tls.tickets, 0);
	ck_assert_int_eq(f->tls.detach, 1);
	ck_assert_uint_eq(f->tls.alpn.count, 2);
	ck_assert_str_eq(f->tls.alpn.items[1], "y");
	ck_assert_uint_eq(f->route_count, 1);
	ck_assert_uint_eq(f->routes[0].sni.count, 2);
	ck_assert_str_eq(f->routes[0].sni.items[0], "*.example.org");
	ck_assert_uint_eq(f->timeouts.handshake, 11000);
	ck_assert_uint_eq(f->timeouts.idle, 12 * 60000);
	ck_assert_uint_eq(f->timeouts.half_closed, 13000);
	ck_assert_uint_eq(f->timeouts.keepalive, 0);
	conf_free(&c);
}
END_TEST

START_TEST(every_key_of_a_backend)
{
	char ip[ADDR_TEXT];
	const struct conf_backend *b;
	struct conf *c;

	c = parsed(full);
	b = c->backends;
	ck_assert_int_eq(b->send_proxy, PROXY_V1);
	ck_assert_int_eq(b->receiver, RECEIVER_POSTFIX);
	ck_assert_uint_eq(b->proxy_tlvs, 0x3f);
	ck_assert_int_eq(b->tls.on, 1);
	ck_assert_int_eq(b->tls.verify, VERIFY_NONE);
	ck_assert_str_eq(b->tls.ca_file, "/etc/x/bca");
	ck_assert_str_eq(b->tls.server_name, "sn");
	ck_assert_str_eq(b->tls.certificate, "/etc/x/bc");
	ck_assert_str_eq(b->tls.key, "/etc/x/bk");
	ck_assert_str_eq(b->tls.crl, "/etc/x/bcrl");
	ck_assert_int_eq(b->balance, BALANCE_SOURCE);
	ck_assert_uint_eq(b->retries, 9);
	ck_assert_uint_eq(b->slowstart, 8000);
	ck_assert_int_eq(b->on_down_close, 1);
	ck_assert_int_eq(b->on_up_close_backup, 1);
	ck_assert_uint_eq(b->bind_address_count, 2);
	ck_assert_str_eq(addr_ip_text(&b->bind_address[0], ip), "10.9.9.9");
	ck_assert_str_eq(addr_ip_text(&b->bind_address[1], ip), "2001:db8::9");
	ck_assert_uint_eq(b->bind_address[1].port, 0);
	ck_assert_uint_eq(b->connect, 21000);
	ck_assert_uint_eq(b->server, 0);
	ck_assert_uint_eq(b->servers, 2);
	ck_assert_str_eq(c->servers[0].name, "s1");
	ck_assert_str_eq(c->servers[0].host, "mx.example.org");
	ck_assert_uint_eq(c->servers[0].addr.port, 25);
	ck_assert_uint_eq(c->servers[0].weight, 256);
	ck_assert_int_eq(c->servers[0].backup, 1);
	ck_assert_uint_eq(c->servers[0].max_connections, 2147483647);
	ck_assert_int_eq(c->servers[0].disabled, 1);
	ck_assert_int_eq(c->servers[0].unchecked, 1);
	ck_assert(!conf_is_checked(c, &c->servers[0]));
	ck_assert_uint_eq(c->servers[0].check_port, 65535);
	ck_assert_str_eq(c->servers[0].server_name, "s1.example.org");
	ck_assert_int_eq(c->servers[0].send_proxy, PROXY_V2_SSL_CN);
	ck_assert_int_eq(c->servers[0].resolve, RESOLVE_ALL);
	ck_assert_uint_eq(c->servers[0].slots, CONF_FAMILY);
	ck_assert_str_eq(c->servers[1].name, "[2001:db8::1]:25");
	ck_assert_int_eq(c->servers[1].send_proxy, PROXY_V1);
	ck_assert_uint_eq(c->servers[1].slot, CONF_FAMILY);
	ck_assert_uint_eq(c->slot_count, CONF_FAMILY + 1);
	conf_free(&c);
}
END_TEST

START_TEST(every_key_of_a_check)
{
	const struct conf_check *k;
	struct conf *c;

	c = parsed(full);
	k = &c->backends[0].check;
	ck_assert_int_eq(k->type, CHECK_EXPECT);
	ck_assert_uint_eq(k->interval, 1000);
	ck_assert_uint_eq(k->fast_interval, 2000);
	ck_assert_uint_eq(k->down_interval, 3000);
	ck_assert_uint_eq(k->timeout, 4000);
	ck_assert_uint_eq(k->rise, 5);
	ck_assert_uint_eq(k->fall, 6);
	ck_assert_uint_eq(k->port, 7);
	ck_assert_int_eq(k->send_proxy, CHECK_PROXY_LOCAL);
	ck_assert_int_eq(k->initial_up, 1);
	ck_assert_str_eq(k->send, "HELO\r\n");
	ck_assert_str_eq(k->expect, "250");
	ck_assert_int_eq(k->tls.on, 1);
	ck_assert_int_eq(k->tls.verify, VERIFY_REQUIRED);
	ck_assert_str_eq(k->tls.ca_file, "/etc/x/kca");
	ck_assert_str_eq(k->tls.server_name, "ksn");
	ck_assert_str_eq(k->tls.certificate, "/etc/x/kc");
	ck_assert_str_eq(k->tls.key, "/etc/x/kk");
	ck_assert_str_eq(k->tls.crl, "/etc/x/kcrl");
	conf_free(&c);
}
END_TEST

/* Parts of a file, put where they belong. */
static struct conf *
with(const char *top, const char *front, const char *back)
{
	char text[4096];

	snprintf(text, sizeof(text),
	    "%s\nfrontends = ( { name = \"f\"; bind = \"*:1\"; backend = \"b\"; %s } );\n"
	    "backends = ( { name = \"b\"; servers = \"10.0.0.1:2\"; %s },\n"
	    "  { name = \"b2\"; servers = \"10.0.0.2:2\"; } );\n",
	    top, front, back);
	return parsed(text);
}

START_TEST(timeouts_are_inherited_key_by_key)
{
	struct conf *c =
	    with("timeouts = { idle = \"1h\"; handshake = \"7s\"; connect = \"8s\"; };",
		"timeouts = { handshake = \"9s\"; };", "timeouts = { connect = \"1s\"; };");

	ck_assert_uint_eq(c->frontends[0].timeouts.idle, 3600000);
	ck_assert_uint_eq(c->frontends[0].timeouts.handshake, 9000);
	ck_assert_uint_eq(c->frontends[0].timeouts.half_closed, 30000);
	ck_assert_uint_eq(c->backends[0].connect, 1000);
	ck_assert_uint_eq(c->backends[1].connect, 8000);
	conf_free(&c);
}
END_TEST

START_TEST(order_does_not_matter)
{
	struct conf *c = parsed(
	    "backends = { servers = \"10.0.0.1:2\"; name = \"b\"; send_proxy = \"none\"; };\n"
	    "frontends = { tls = { certificates = \"/c\"; }; backend = \"b\"; bind = \"*:1\"; name "
	    "= "
	    "\"f\"; };\n"
	    "tls = { policy = \"modern\"; }; timeouts = { idle = \"1h\"; }; hostname = \"h\";");

	ck_assert_int_eq(c->servers[0].send_proxy, PROXY_NONE);
	ck_assert_int_eq(c->frontends[0].tls.policy, POLICY_MODERN);
	ck_assert_uint_eq(c->frontends[0].timeouts.idle, 3600000);
	ck_assert_str_eq(c->frontends[0].hostname, "h");
	conf_free(&c);
}
END_TEST

START_TEST(tls_of_the_top_switches_nothing_on)
{
	struct conf *c = with("tls = { strict_sni = true; };", "", "");

	ck_assert_int_eq(c->frontends[0].tls.mode, TLS_NONE);
	ck_assert_int_eq(c->frontends[0].tls.strict_sni, 0);
	conf_free(&c);
}
END_TEST

START_TEST(tls_is_inherited_key_by_key)
{
	struct conf *c = with(
	    "tls = { strict_sni = true; policy = \"modern\"; alpn = \"z\"; ticket_seed = \"s\"; };",
	    "tls = { certificates = \"/c\"; policy = \"intermediate\"; };", "");
	const struct conf_front_tls *t = &c->frontends[0].tls;

	ck_assert_int_eq(t->mode, TLS_IMPLICIT);
	ck_assert_int_eq(t->strict_sni, 1);
	ck_assert_int_eq(t->policy, POLICY_INTERMEDIATE);
	ck_assert_str_eq(t->alpn.items[0], "z");
	ck_assert_str_eq(t->ticket_seed, "/etc/x/s");
	conf_free(&c);
}
END_TEST

START_TEST(alpn_can_be_ignored)
{
	struct conf *c =
	    with("", "protocol = \"imap\"; tls = { certificates = \"/c\"; alpn = []; };", "");

	ck_assert_uint_eq(c->frontends[0].tls.alpn.count, 0);
	conf_free(&c);
}
END_TEST

/* Whoever asks for client certificates neither issues nor takes tickets. */
START_TEST(no_tickets_with_client_certificates)
{
	struct conf *c = with("tls = { tickets = true; };",
	    "tls = { certificates = \"/c\"; verify = \"optional\"; client_ca = \"/a\"; };", "");

	ck_assert_int_eq(c->frontends[0].tls.tickets, 0);
	conf_free(&c);
}
END_TEST

START_TEST(seed_of_a_frontend_is_everybodys)
{
	struct conf *c = with("", "tls = { certificates = \"/c\"; ticket_seed = \"s\"; };", "");

	ck_assert_str_eq(c->ticket_seed, "/etc/x/s");
	conf_free(&c);
}
END_TEST

/* The protocol goes from whoever has it to whoever has none. */
static const struct shared {
	const char *front, *back, *want;
} shared[] = {
	{ "protocol = \"imap\";", "", "imap" },
	{ "", "protocol = \"pop3\";", "pop3" },
	{ "protocol = \"lmtp\";", "protocol = \"lmtp\";", "lmtp" },
	{ "", "", "tcp" },
};

START_TEST(protocol_is_shared)
{
	struct conf *c = with("", shared[_i].front, shared[_i].back);

	ck_assert_str_eq(protocol_name(c->frontends[0].protocol), shared[_i].want);
	ck_assert_str_eq(protocol_name(c->backends[0].protocol), shared[_i].want);
	conf_free(&c);
}
END_TEST

START_TEST(protocol_goes_all_the_way)
{
	struct conf *c =
	    parsed("frontends = ("
		   "{ name = \"1\"; bind = \"*:1\"; backend = \"x\"; },"
		   "{ name = \"2\"; bind = \"*:2\"; backend = \"y\"; tls = { mode = "
		   "\"passthrough\"; };"
		   "  routes = { sni = \"a\"; backend = \"x\"; }; },"
		   "{ name = \"3\"; bind = \"*:3\"; backend = \"y\"; protocol = \"sieve\"; } );"
		   "backends = ( { name = \"x\"; servers = \"10.0.0.1:1\"; },"
		   "{ name = \"y\"; servers = \"10.0.0.1:1\"; } );");

	for (size_t i = 0; i < 3; i++)
		ck_assert_int_eq(c->frontends[i].protocol, PROTO_SIEVE);
	for (size_t i = 0; i < 2; i++)
		ck_assert_int_eq(c->backends[i].protocol, PROTO_SIEVE);
	conf_free(&c);
}
END_TEST

/* What a check does about TLS. */
static const struct check_tls {
	const char *name, *front, *back;
	enum check_type type;
	int on;
	enum tls_verify verify;
	const char *ca_file;
} check_tls[] = {
	{ "none", "", "", CHECK_TCP, 0, VERIFY_NONE, NULL },
	{ "as the backend", "", "tls = { ca_file = \"/a\"; };", CHECK_TCP, 1, VERIFY_REQUIRED,
	    "/a" },
	{ "as the backend, unverified", "", "tls = { verify = \"none\"; };", CHECK_TCP, 1,
	    VERIFY_NONE, NULL },
	{ "not as the backend", "", "tls = { }; check = { tls = false; };", CHECK_TCP, 0,
	    VERIFY_NONE, NULL },
	{ "inherits from the backend", "",
	    "check = { tls = { verify = \"none\"; }; }; tls = { ca_file = \"/a\"; };", CHECK_TCP, 1,
	    VERIFY_NONE, "/a" },
	{ "of its own", "", "check = { tls = { }; };", CHECK_TCP, 1, VERIFY_REQUIRED, NULL },
	{ "of its own, unverified", "", "check = { tls = { verify = \"none\"; }; };", CHECK_TCP, 1,
	    VERIFY_NONE, NULL },
	{ "passthrough", "tls = { mode = \"passthrough\"; }; protocol = \"imap\";", "", CHECK_IMAP,
	    1, VERIFY_NONE, NULL },
	{ "passthrough, the backend's protocol", "tls = { mode = \"passthrough\"; };",
	    "protocol = \"sieve\";", CHECK_SIEVE, 1, VERIFY_NONE, NULL },
	{ "passthrough of any protocol", "tls = { mode = \"passthrough\"; };", "", CHECK_TLS, 1,
	    VERIFY_NONE, NULL },
	{ "passthrough, a plain port", "tls = { mode = \"passthrough\"; }; protocol = \"smtp\";",
	    "check = { port = 25; tls = false; };", CHECK_SMTP, 0, VERIFY_NONE, NULL },
	{ "passthrough of any protocol, plain", "tls = { mode = \"passthrough\"; };",
	    "check = { tls = false; };", CHECK_TCP, 0, VERIFY_NONE, NULL },
	{ "passthrough, another type", "tls = { mode = \"passthrough\"; };",
	    "check = { type = \"imap\"; };", CHECK_IMAP, 1, VERIFY_NONE, NULL },
	{ "passthrough, without", "tls = { mode = \"passthrough\"; };",
	    "check = { type = \"tcp\"; tls = false; };", CHECK_TCP, 0, VERIFY_NONE, NULL },
	{ "passthrough, verified", "tls = { mode = \"passthrough\"; };",
	    "check = { tls = { ca_file = \"/a\"; }; };", CHECK_TLS, 1, VERIFY_REQUIRED, "/a" },
	{ "type tls", "", "check = { type = \"tls\"; };", CHECK_TLS, 1, VERIFY_NONE, NULL },
	{ "type tls of a tls backend", "", "tls = { }; check = { type = \"tls\"; };", CHECK_TLS, 1,
	    VERIFY_REQUIRED, NULL },
};

START_TEST(tls_of_checks)
{
	const struct check_tls *k = &check_tls[_i];
	struct conf *c = with("", k->front, k->back);
	const struct conf_check *got = &c->backends[0].check;

	ck_assert_msg(got->type == k->type, "%s: type", k->name);
	ck_assert_msg(got->tls.on == k->on, "%s: on", k->name);
	if (k->on) {
		ck_assert_msg(got->tls.verify == k->verify, "%s: verify", k->name);
		ck_assert_pstr_eq(got->tls.ca_file, k->ca_file);
	}
	conf_free(&c);
}
END_TEST

START_TEST(passthrough_is_known_to_the_backend)
{
	struct conf *c = with("tls = { policy = \"modern\"; };",
	    "tls = { mode = \"passthrough\"; }; routes = { sni = \"a.b\"; backend = \"b2\"; };",
	    "");

	ck_assert_int_eq(c->frontends[0].tls.mode, TLS_PASSTHROUGH);
	ck_assert_int_eq(c->frontends[0].tls.policy, POLICY_INTERMEDIATE);
	ck_assert_int_eq(c->frontends[0].tls.tickets, 0);
	ck_assert_int_eq(c->backends[0].passthrough, 1);
	ck_assert_int_eq(c->backends[1].passthrough, 1);
	ck_assert_int_eq(c->backends[1].check.type, CHECK_TLS);
	conf_free(&c);
}
END_TEST

/* Lists, arrays and single values are the same. */
static const char *const forms[] = {
	"\"10.0.0.1:1\"",
	"[ \"10.0.0.1:1\" ]",
	"( \"10.0.0.1:1\" )",
	"( { address = \"10.0.0.1:1\"; } )",
	"{ address = \"10.0.0.1:1\"; }",
	"\"10.0.0.1\" \":1\"",
	"( { name = \"10.0.0.1:1\"; address = \"10.0.0.1:1\"; } )",
};

START_TEST(forms_of_servers)
{
	char text[512];
	struct conf *c;

	snprintf(text, sizeof(text),
	    "frontends = ( { name = \"f\"; bind = [ \"*:1\" ]; backend = \"b\"; } );"
	    "backends = { name = \"b\"; servers = %s; };",
	    forms[_i]);
	c = parsed(text);
	ck_assert_uint_eq(c->server_count, 1);
	ck_assert_str_eq(c->servers[0].name, "10.0.0.1:1");
	conf_free(&c);
}
END_TEST

/* Only a name can have several addresses. */
START_TEST(slots_of_servers)
{
	struct conf *c = with("", "",
	    "}, { name = \"all\"; servers = ( { address = \"10.0.0.1:1\"; resolve = \"all\"; },"
	    "{ address = \"h.example:1\"; resolve = \"all\"; }, { address = \"h.example:2\"; } );");

	ck_assert_uint_eq(c->servers[1].slots, 1);
	ck_assert_uint_eq(c->servers[2].slots, CONF_FAMILY);
	ck_assert_uint_eq(c->servers[3].slots, 1);
	ck_assert_uint_eq(c->servers[3].slot, 2 + CONF_FAMILY);
	ck_assert_uint_eq(c->slot_count, 4 + CONF_FAMILY);
	conf_free(&c);
}
END_TEST

/* Values that are written in more than one way, or at the end of their range. */
static const struct value {
	const char *top;
	uint32_t want;
	size_t offset;
} values[] = {
#define AT(f) offsetof(struct conf, f)
	{ "workers = 0;", 0, AT(workers) },
	{ "workers = 1024;", 1024, AT(workers) },
	{ "workers = 0x10;", 16, AT(workers) },
	{ "workers = 5L;", 5, AT(workers) },
	{ "workers = 5LL;", 5, AT(workers) },
	{ "workers = +5;", 5, AT(workers) },
	{ "workers : 5", 5, AT(workers) },
	{ "watch = \"100ms\";", 100, AT(watch) },
	{ "watch = \"0s\";", 0, AT(watch) },
	{ "watch = \"7d\";", 604800000, AT(watch) },
	{ "watch = \"604800000ms\";", 604800000, AT(watch) },
	{ "watch = \"168h\";", 604800000, AT(watch) },
	{ "watch = \"10080m\";", 604800000, AT(watch) },
	{ "watch = \"0007s\";", 7000, AT(watch) },
	{ "timeouts = { keepalive = \"0s\"; };", 0, AT(timeouts.keepalive) },
	{ "timeouts = { keepalive = \"2h\"; };", 7200000, AT(timeouts.keepalive) },
	{ "timeouts = { drain = \"0d\"; };", 0, AT(timeouts.drain) },
	{ "timeouts = { drain = \"24d\"; };", 2073600000, AT(timeouts.drain) },
	{ "timeouts = { idle = \"10ms\"; };", 10, AT(timeouts.idle) },
	{ "log = { connections = false; };", LOG_CONN_NONE, AT(log.connections) },
	{ "log = { connections = \"none\"; };", LOG_CONN_NONE, AT(log.connections) },
	{ "log = { connections = \"end\"; };", LOG_CONN_END, AT(log.connections) },
	{ "log = { level = \"error\"; };", LOG_ERR, AT(log.level) },
	{ "log = { level = \"warning\"; };", LOG_WARNING, AT(log.level) },
	{ "log = { level = \"notice\"; };", LOG_NOTICE, AT(log.level) },
	{ "sandbox = \"best\";", 0, AT(sandbox_required) },
	{ "tls = { detach = FALSE; };", 0, AT(tls.detach) },
	{ "tls = { detach = True; };", 1, AT(tls.detach) },
};

START_TEST(reads_values)
{
	struct conf *c = with(values[_i].top, "", "");
	uint32_t got;

	memcpy(&got, (const char *)c + values[_i].offset, sizeof(got));
	ck_assert_msg(got == values[_i].want, "%s gives %u", values[_i].top, got);
	conf_free(&c);
}
END_TEST

/* Empty texts that stand for none. */
START_TEST(empty_is_none)
{
	struct conf *c =
	    with("control = { group = \"\"; monitor_socket = \"\"; monitor_group = \"\"; };"
		 "tls = { client_ca = \"/a\"; ciphers = \"C\"; };",
		"tls = { certificates = \"/c\"; client_ca = \"\"; ciphers = \"\"; };",
		"bind_address = [];");

	ck_assert_ptr_null(c->control.group);
	ck_assert_ptr_null(c->control.monitor_socket);
	ck_assert_ptr_null(c->control.monitor_group);
	ck_assert_ptr_null(c->frontends[0].tls.client_ca);
	ck_assert_ptr_null(c->frontends[0].tls.ciphers);
	ck_assert_str_eq(c->tls.client_ca, "/a");
	conf_free(&c);
}
END_TEST

static const struct routed {
	const char *sni;
	uint32_t want;
} routed[] = {
	{ NULL, 0 },
	{ "", 0 },
	{ ".", 0 },
	{ "a.example.org", 1 },
	{ "A.EXAMPLE.org", 1 },
	{ "a.example.org.", 1 },
	{ "b.example.org",
	    2 }, /* the exact name comes after the wildcard, so the wildcard has it */
	{ "a.b.example.org", 0 },
	{ ".example.org", 0 },
	{ "example.org", 2 },
	{ "example.org.", 2 },
	{ "example.org..", 0 },
	{ "xexample.org", 0 },
	{ "example.orgx", 0 },
	{ "example.or", 0 },
	{ "*.example.org", 2 },
	{ "only.net", 1 },
	{ "b.only.net", 0 },
};

START_TEST(routes)
{
	struct conf *c =
	    parsed("frontends = { name = \"f\"; bind = \"*:1\"; backend = \"0\"; tls = { mode = "
		   "\"passthrough\"; };"
		   "  routes = ( { sni = [ \"a.Example.org\", \"only.net\" ]; backend = \"1\"; },"
		   "    { sni = ( \"*.example.org\", \"example.ORG\" ); backend = \"2\"; },"
		   "    { sni = \"b.example.org\"; backend = \"3\"; } ); };"
		   "backends = ( { name = \"0\"; servers = \"10.0.0.1:1\"; },"
		   "{ name = \"1\"; servers = \"10.0.0.1:1\"; }, { name = \"2\"; servers = "
		   "\"10.0.0.1:1\"; },"
		   "{ name = \"3\"; servers = \"10.0.0.1:1\"; } );");

	ck_assert_uint_eq(conf_route(c, 0, routed[_i].sni), routed[_i].want);
	conf_free(&c);
}
END_TEST

START_TEST(names_of_values)
{
	ck_assert_str_eq(protocol_name(PROTO_SUBMISSION), "submission");
	ck_assert_str_eq(protocol_name(PROTO_COUNT), "(unknown)");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf");
	TCase *t = tcase_create("conf");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(t, defaults_of_the_top);
	tcase_add_test(t, defaults_of_a_frontend);
	tcase_add_test(t, defaults_of_a_backend);
	tcase_add_loop_test(t, defaults_by_protocol, 0, COUNT(by_protocol));
	tcase_add_test(t, full_is_full);
	tcase_add_test(t, every_key_of_the_top);
	tcase_add_test(t, every_key_of_a_frontend);
	tcase_add_test(t, groups_of_certificate_and_key);
	tcase_add_test(t, every_key_of_a_backend);
	tcase_add_test(t, every_key_of_a_check);
	tcase_add_test(t, timeouts_are_inherited_key_by_key);
	tcase_add_test(t, order_does_not_matter);
	tcase_add_test(t, tls_of_the_top_switches_nothing_on);
	tcase_add_test(t, tls_is_inherited_key_by_key);
	tcase_add_test(t, alpn_can_be_ignored);
	tcase_add_test(t, no_tickets_with_client_certificates);
	tcase_add_test(t, seed_of_a_frontend_is_everybodys);
	tcase_add_loop_test(t, protocol_is_shared, 0, COUNT(shared));
	tcase_add_test(t, protocol_goes_all_the_way);
	tcase_add_loop_test(t, tls_of_checks, 0, COUNT(check_tls));
	tcase_add_test(t, passthrough_is_known_to_the_backend);
	tcase_add_loop_test(t, forms_of_servers, 0, COUNT(forms));
	tcase_add_test(t, slots_of_servers);
	tcase_add_loop_test(t, reads_values, 0, COUNT(values));
	tcase_add_test(t, empty_is_none);
	tcase_add_loop_test(t, routes, 0, COUNT(routed));
	tcase_add_test(t, names_of_values);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
