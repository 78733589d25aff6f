/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Wrong configurations: each way to be wrong with the words that the administrator reads, and
 * each warning.  A row's piece stands on line 1 of a file that is good otherwise.
 */
#include "common/conf.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

#define FRONTEND "frontends = { name = \"f\"; bind = \"*:1\"; backend = \"b\"; };\n"
#define X60      "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define BACKEND  "backends = { name = \"b\"; servers = \"127.0.0.1:2\"; };\n"

enum place { WHOLE, TOP, FRONT, TLS, BACK, SERVER, PLACES };

static const char *const places[PLACES] = {
	[WHOLE] = "%s",
	[TOP] = "%s\n"
		"frontends = { name = \"f\"; bind = \"*:1\"; backend = \"b\"; };\n"
		"backends = { name = \"b\"; servers = \"127.0.0.1:2\"; };\n",
	[FRONT] = "frontends = { name = \"f\"; bind = \"*:1\"; backend = \"b\"; %s };\n"
		  "backends = { name = \"b\"; servers = \"127.0.0.1:2\"; };\n",
	[TLS] = "frontends = { name = \"f\"; bind = \"*:1\"; backend = \"b\"; tls = { %s }; };\n"
		"backends = { name = \"b\"; servers = \"127.0.0.1:2\"; };\n",
	[BACK] = "backends = { name = \"b\"; servers = \"127.0.0.1:2\"; %s };\n"
		 "frontends = { name = \"f\"; bind = \"*:1\"; backend = \"b\"; };\n",
	[SERVER] = "backends = { name = \"b\"; servers = ( { %s } ); };\n"
		   "frontends = { name = \"f\"; bind = \"*:1\"; backend = \"b\"; };\n",
};

/* Everything that is said about a text, a line each. */
static char *
said(enum place place, const char *piece)
{
	struct problems p = { 0 };
	char *text = NULL, *all = NULL;
	size_t size = 0;
	struct conf *c;
	FILE *f;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	ck_assert_int_ge(asprintf(&text, places[place], piece), 0);
#pragma GCC diagnostic pop
	c = conf_parse(text, "f", "/etc/x", &p);
	ck_assert_msg((!c) == (p.errors > 0), "a conf with errors, or none without");
	f = open_memstream(&all, &size);
	for (size_t i = 0; i < p.count; i++)
		fprintf(f, "%s%s", i > 0 ? "\n" : "", p.items[i].text);
	fclose(f);
	conf_free(&c);
	problems_clear(&p);
	free(text);
	return all;
}

static const struct row {
	enum place place;
	const char *piece, *want;
} rows[] = {
	/* clang-format off */
	/* Words of the manual. */
	{ BACK, "check = { interval = 5000; };",
	  "f:1: interval = 5000 has no unit; write \"5000ms\" or \"5s\"" },
	{ WHOLE, "frontends = { name = \"f\"; bind = \"*:1\"; backend = \"b\"; };\n"
	  "backends = { name = \"b\"; servers = [ { address = \"127.0.0.1:2\"; } ]; };",
	  "f:2: servers = [ { … } ]: groups stand in ( ), not in [ ]" },
	{ WHOLE, "frontends = { name = \"imaps\"; bind = \"*:1\"; backend = \"dovcot\"; };\n\n"
	  "backends = { name = \"dovecot\"; servers = \"127.0.0.1:2\"; };",
	  "f:1: frontend \"imaps\": no backend \"dovcot\"; did you mean \"dovecot\" (line 3)?" },
	{ TLS, "certificates = \"/c\"; crt = \"x\";",
	  "f:1: unknown key \"crt\" in tls; HAProxy's crt is \"certificates\" here" },

	/* The control sockets. */
	{ TOP, "control = { socket = \"a\"; monitor_socket = \"/etc/x/a\"; };",
	  "f:1: monitor_socket is the same as socket: \"/etc/x/a\"" },

	{ TLS, "certificates = \"/c\"; }; routes = { sni = []; backend = \"b\";",
	  "f:1: sni of a route of frontend \"f\" is empty" },

	/* Syntax. */
	{ WHOLE, "a = ;", "f:1: syntax error at or before \"a = ;\"" },
	{ WHOLE, "\n\nfoo # x\n", "f:3: syntax error at or before \"foo\"" },
	{ WHOLE, "a = ( 1\n2 );", "f: there is no frontend; write frontends = ( { name = \"…\"; … } )\n"
	  "f: there is no backend; write backends = ( { name = \"…\"; … } )\n"
	  "f:1: unknown key \"a\" at the top level\nf:2: a comma is missing before this value" },
	{ WHOLE, "a = { b = 1;\n", "f:1: the { that opens here is never closed; write }" },
	{ WHOLE, "servers = [ { } ];\na = ;",
	  "f:1: servers = [ { … } ]: groups stand in ( ), not in [ ]\nf:2: syntax error at or before \"a = ;\"" },
	{ WHOLE, FRONTEND "backends = ( { name = \"b\"; servers = [ \"127.0.0.1:2\", ]; },\n\n);",
	  "f:2: no comma may stand before ]\nf:4: no comma may stand before )" },
	{ TOP, "workers = 1; workers = 2;", "f:1: duplicate setting name at or before \"workers = 1; workers = 2;\"" },
	{ TOP, "user = \"x;\n", "f:1: the text in quotes that begins here does not end on its line" },
	{ TOP, "workers = 1; /* x", "f:1: the comment that begins here has no end" },
	{ TOP, "user = \"a\\\nb\";", "f:1: the text in quotes that begins here does not end on its line" },
	{ TOP, "user = \"a\\x00b\";", "f:1: \\x00 cannot stand in a text" },
	{ WHOLE, "a = (((((((((((((((((1)))))))))))))))));",
	  "f:1: groups and lists are nested too deeply here" },
	{ WHOLE, FRONTEND BACKEND "workers = ((((((((((((((((1))))))))))))))));", "f:3: workers = ( … ) is not a whole number; it may be 0 to 1024" },
	{ TOP, "watch = [ \"5s\", 1 ];", "f:1: mismatched element type in array at or before \"watch = [ \"5s\", 1 ];\"" },

	/* Numbers. */
	{ TOP, "workers = 5000000000;", "f:1: workers = 5000000000 is out of range; it may be 0 to 1024" },
	{ TOP, "workers = 2147483648;", "f:1: workers = 2147483648 is out of range; it may be 0 to 1024" },
	{ TOP, "workers = 4294967297;", "f:1: workers = 4294967297 is out of range; it may be 0 to 1024" },
	{ TOP, "workers = 0x100000001;", "f:1: workers = 4294967297 is out of range; it may be 0 to 1024" },
	{ TOP, "workers = 9223372036854775807;",
	  "f:1: workers = (more than 9223372036854775807) is out of range; it may be 0 to 1024" },
	{ TOP, "workers = 18446744073709551617;",
	  "f:1: workers = (more than 9223372036854775807) is out of range; it may be 0 to 1024" },
	{ TOP, "workers = 0x10000000000000001;",
	  "f:1: workers = (more than 9223372036854775807) is out of range; it may be 0 to 1024" },
	{ TOP, "workers = -9223372036854775809;",
	  "f:1: workers = (less than -9223372036854775808) is out of range; it may be 0 to 1024" },
	{ TOP, "workers = -1;", "f:1: workers = -1 is out of range; it may be 0 to 1024" },
	{ TOP, "workers = 1025;", "f:1: workers = 1025 is out of range; it may be 0 to 1024" },
	{ TOP, "workers = -2147483649;", "f:1: workers = -2147483649 is out of range; it may be 0 to 1024" },
	{ TOP, "workers = 1e99;", "f:1: workers = 1e+99 is not a whole number; it may be 0 to 1024" },
	{ TOP, "workers = 1.5;", "f:1: workers = 1.5 is not a whole number; it may be 0 to 1024" },
	{ TOP, "workers = \"4\";", "f:1: workers = \"4\" is not a whole number; write it without quotes" },
	{ TOP, "workers = true;", "f:1: workers = true is not a whole number; it may be 0 to 1024" },
	{ TOP, "workers = ( 1 );", "f:1: workers = ( … ) is not a whole number; it may be 0 to 1024" },
	{ TOP, "workers = 5000000000L;", "f:1: workers = 5000000000 is out of range; it may be 0 to 1024" },
	{ SERVER, "address = \"127.0.0.1:2\"; weight = 257;", "f:1: weight = 257 is out of range; it may be 0 to 256" },
	{ SERVER, "address = \"127.0.0.1:2\"; weight = -1;", "f:1: weight = -1 is out of range; it may be 0 to 256" },
	{ SERVER, "address = \"127.0.0.1:2\"; check_port = 65536;",
	  "f:1: check_port = 65536 is out of range; it may be 0 to 65535" },
	{ SERVER, "address = \"127.0.0.1:2\"; max_connections = 2147483648;",
	  "f:1: max_connections = 2147483648 is out of range; it may be 0 to 2147483647" },
	{ BACK, "retries = 101;", "f:1: retries = 101 is out of range; it may be 0 to 100" },
	{ BACK, "check = { rise = 0; };", "f:1: rise = 0 is out of range; it may be 1 to 1000" },
	{ BACK, "check = { fall = 1001; };", "f:1: fall = 1001 is out of range; it may be 1 to 1000" },
	{ BACK, "check = { port = 65536; };", "f:1: port = 65536 is out of range; it may be 0 to 65535" },
	{ TLS, "certificates = { key = \"/k\"; };",
	  "f:1: a group in certificates has no certificate; write { certificate = \"X.pem\"; key = \"Y.key\"; }" },
	{ TLS, "certificates = ( \"/c\", { certificate = \"/d\"; hold = 1; } );",
	  "f:1: hold = 1 is neither true nor false; write true, without quotes" },
	{ TLS, "certificates = { certificate = \"/d\"; keys = \"/k\"; };",
	  "f:1: unknown key \"keys\" in certificates; did you mean \"key\"?" },
	{ TLS, "certificates = ( 1 );", "f:1: certificates = 1 is not a string; write it in quotes" },
	{ TLS, "certificates = \"/c\"; detach = 1;", "f:1: detach = 1 is neither true nor false; write true, without quotes" },
	{ TLS, "certificates = \"/c\"; tickets = \"true\";", "f:1: tickets = \"true\" is neither true nor false; write true, without quotes" },

	/* Durations. */
	{ TOP, "watch = 30;", "f:1: watch = 30 has no unit; write \"30ms\" or \"30s\"" },
	{ TOP, "watch = 0;", "f:1: watch = 0 has no unit; write \"0s\"" },
	{ TOP, "watch = \"5000\";", "f:1: watch = \"5000\" has no unit; write \"5000ms\" or \"5s\"" },
	{ TOP, "watch = -5;", "f:1: watch = -5 is not a duration; write it as in \"5s\"" },
	{ TOP, "watch = 5000000000;", "f:1: watch = 5000000000 has no unit; write \"5000000000ms\" or \"5000000s\"" },
	{ TOP, "watch = 1e99;", "f:1: watch = 1e+99 is not a duration; write it as in \"5s\"" },
	{ TOP, "watch = true;", "f:1: watch = true is not a duration; write it as in \"5s\"" },
	{ TOP, "watch = { };", "f:1: watch = { … } is not a duration; write it as in \"5s\"" },
	{ TOP, "watch = \"\";", "f:1: watch = \"\" is not a duration; write a number and one of ms, s, m, h, d" },
	{ TOP, "watch = \"s\";", "f:1: watch = \"s\" is not a duration; write a number and one of ms, s, m, h, d" },
	{ TOP, "watch = \"5 s\";", "f:1: watch = \"5 s\" is not a duration; write a number and one of ms, s, m, h, d" },
	{ TOP, "watch = \"5S\";", "f:1: watch = \"5S\" is not a duration; write a number and one of ms, s, m, h, d" },
	{ TOP, "watch = \"5w\";", "f:1: watch = \"5w\" is not a duration; write a number and one of ms, s, m, h, d" },
	{ TOP, "watch = \"1h30m\";", "f:1: watch = \"1h30m\" is not a duration; write a number and one of ms, s, m, h, d" },
	{ TOP, "watch = \"-5s\";", "f:1: watch = \"-5s\" is not a duration; write a number and one of ms, s, m, h, d" },
	{ TOP, "watch = \"1.5s\";", "f:1: watch = \"1.5s\" is not a duration; write a number and one of ms, s, m, h, d" },
	{ TOP, "watch = \"99ms\";", "f:1: watch = \"99ms\" is out of range; it may be 100ms to 7d" },
	{ TOP, "watch = \"8d\";", "f:1: watch = \"8d\" is out of range; it may be 100ms to 7d" },
	{ TOP, "watch = \"604800001ms\";", "f:1: watch = \"604800001ms\" is out of range; it may be 100ms to 7d" },
	/* 2^32 and 2^64 milliseconds and a bit would be small numbers in 32 and 64 bits */
	{ TOP, "watch = \"4294967396ms\";", "f:1: watch = \"4294967396ms\" is out of range; it may be 100ms to 7d" },
	{ TOP, "watch = \"18446744073709552s\";",
	  "f:1: watch = \"18446744073709552s\" is out of range; it may be 100ms to 7d" },
	{ TOP, "watch = \"213503982334601d\";",
	  "f:1: watch = \"213503982334601d\" is out of range; it may be 100ms to 7d" },
	{ TOP, "watch = \"9223372036854775808ms\";",
	  "f:1: watch = \"9223372036854775808ms\" is out of range; it may be 100ms to 7d" },
	{ TOP, "timeouts = { stop = \"25d\"; };", "f:1: stop = \"25d\" is out of range; it may be 0s to 24d" },
	{ TOP, "timeouts = { keepalive = \"7201s\"; };", "f:1: keepalive = \"7201s\" is out of range; it may be 0s to 2h" },
	{ TOP, "timeouts = { idle = \"0s\"; };", "f:1: idle = \"0s\" is out of range; it may be 10ms to 7d" },
	{ TOP, "timeouts = { handshake = \"61m\"; };", "f:1: handshake = \"61m\" is out of range; it may be 10ms to 1h" },

	/* Words. */
	{ BACK, "balance = \"leastcon\";", "f:1: balance = \"leastcon\" is unknown; did you mean \"leastconn\"?" },
	{ BACK, "balance = \"LEASTCONN\";", "f:1: balance = \"LEASTCONN\" is unknown; did you mean \"leastconn\"?" },
	{ BACK, "send_proxy = \"v2_ssl\";", "f:1: send_proxy = \"v2_ssl\" is unknown; did you mean \"v2-ssl\"?" },
	{ BACK, "on_up = \"a\\nb\\x1b[2J\";", "f:1: on_up = \"a?b?[2J\" is unknown; it may be \"keep\" or \"close_backup\"" },
	{ BACK, "on_up = \"x\";", "f:1: on_up = \"x\" is unknown; it may be \"keep\" or \"close_backup\"" },
	{ BACK, "receiver = \"x\";", "f:1: receiver = \"x\" is unknown; it may be \"dovecot\", \"postfix\", "
	  "\"exim\", \"haproxy\" or \"generic\"" },
	{ BACK, "receiver = 1;", "f:1: receiver = 1 is not a string; it may be \"dovecot\", \"postfix\", "
	  "\"exim\", \"haproxy\" or \"generic\"" },
	{ BACK, "receiver = [ \"exim\" ];", "f:1: receiver = [ … ] is not a string; one value in quotes stands here" },
	{ BACK, "proxy_tlvs = [ \"alpn\", \"cypher\" ];", "f:1: proxy_tlvs = \"cypher\" is unknown; did you mean \"cipher\"?" },
	{ TOP, "log = { level = \"loud\"; };", "f:1: level = \"loud\" is unknown; it may be \"error\", "
	  "\"warning\", \"notice\", \"info\" or \"debug\"" },
	{ TOP, "log = { connections = true; };", "f:1: connections = true is not a string; it may be \"end\", \"both\" or \"none\"" },
	{ TLS, "certificates = \"/c\"; min_version = \"TLSv1.1\";",
	  "f:1: min_version = \"TLSv1.1\" is unknown; did you mean \"TLSv1.2\"?" },
	{ TLS, "mode = \"starttls\"; certificates = \"/c\";",
	  "f:1: mode = \"starttls\" is unknown; it may be \"implicit\" or \"passthrough\"" },

	/* Unknown keys. */
	{ TOP, "wrokers = 1;", "f:1: unknown key \"wrokers\" at the top level; did you mean \"workers\"?" },
	{ TOP, "state-directory = \"/x\";",
	  "f:1: unknown key \"state-directory\" at the top level; did you mean \"state_directory\"?" },
	{ TOP, "nbthread = 1;", "f:1: unknown key \"nbthread\" at the top level; HAProxy's nbthread is \"workers\" here" },
	{ TOP, "xyz = 1;", "f:1: unknown key \"xyz\" at the top level" },
	{ TOP, "balance = 1;", "f:1: unknown key \"balance\" at the top level; it stands in \"backends\"" },
	{ FRONT, "workers = 1;", "f:1: unknown key \"workers\" in frontend; it stands at the top level" },
	{ FRONT, "timeouts = { drain = \"1s\"; };",
	  "f:1: unknown key \"drain\" in timeouts of a frontend; it stands in \"timeouts\"" },
	{ FRONT, "timeouts = { client = \"1s\"; };",
	  "f:1: unknown key \"client\" in timeouts of a frontend; HAProxy's client is \"idle\" here" },
	{ BACK, "timeouts = { idle = \"1s\"; };",
	  "f:1: unknown key \"idle\" in timeouts of a backend; it stands in \"timeouts\"" },
	{ TOP, "tls = { mode = \"implicit\"; };",
	  "f:1: unknown key \"mode\" in tls at the top level; it stands in \"frontends.tls\"" },
	{ TOP, "tls = { certificates = \"/c\"; };",
	  "f:1: unknown key \"certificates\" in tls at the top level; it stands in \"frontends.tls\"" },
	{ SERVER, "address = \"127.0.0.1:2\"; maxconn = 5;",
	  "f:1: unknown key \"maxconn\" in server; HAProxy's maxconn is \"max_connections\" here" },
	{ SERVER, "address = \"127.0.0.1:2\"; send-proxy-v2 = true;",
	  "f:1: unknown key \"send-proxy-v2\" in server; HAProxy's send-proxy-v2 is send_proxy = \"v2\" here" },
	{ BACK, "check = { inter = \"5s\"; };",
	  "f:1: unknown key \"inter\" in check; HAProxy's inter is \"interval\" here" },
	{ BACK, "check = { tls = { verifyhost = \"x\"; }; };",
	  "f:1: unknown key \"verifyhost\" in tls of a check; HAProxy's verifyhost is \"server_name\" here" },
	{ TLS, "certificates = \"/c\"; ca-file = \"x\";",
	  "f:1: unknown key \"ca-file\" in tls; HAProxy's ca-file is \"client_ca\" here" },
	{ BACK, "tls = { ca-file = \"x\"; };", "f:1: unknown key \"ca-file\" in tls of a backend; did you mean \"ca_file\"?" },
	/* Functions that there are not yet. */
	{ FRONT, "accept_proxy = [];", "f:1: unknown key \"accept_proxy\" in frontend" },
	{ FRONT, "allow = [];", "f:1: unknown key \"allow\" in frontend" },
	{ FRONT, "deny = [];", "f:1: unknown key \"deny\" in frontend" },
	{ FRONT, "limits = { };", "f:1: unknown key \"limits\" in frontend" },
	{ TOP, "limits = { };", "f:1: unknown key \"limits\" at the top level" },
	{ TOP, "exempt = [];", "f:1: unknown key \"exempt\" at the top level" },
	{ TOP, "timeouts = { starttls = \"60s\"; };", "f:1: unknown key \"starttls\" in timeouts" },
	{ TOP, "timeouts = { proxy_header = \"3s\"; };", "f:1: unknown key \"proxy_header\" in timeouts" },
	{ BACK, "tls = { starttls = true; };", "f:1: unknown key \"starttls\" in tls of a backend" },
	{ TLS, "certificates = \"/c\"; greet_delay = \"0s\";", "f:1: unknown key \"greet_delay\" in tls" },

	/* Names. */
	{ FRONT, "hostname = \"a b\";", "f:1: hostname = \"a b\" is not a host name" },
	{ FRONT, "hostname = \"\";", "f:1: hostname = \"\" is not a host name" },
	{ FRONT, "hostname = \"a..b\";", "f:1: hostname = \"a..b\" is not a host name" },
	{ FRONT, "hostname = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.b\";", "" },
	{ FRONT, "hostname = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\";",
	  "f:1: hostname = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…\" is not a host name" },
	{ FRONT, "hostname = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\";", "" },
	{ FRONT, "hostname = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\";",
	  "f:1: hostname = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…\" is not a host name" },
	{ TOP, "user = \"\";", "f:1: user is empty" },
	{ TOP, "user = \"a:b\";", "f:1: user = \"a:b\" is not a name of a user or group" },
	{ TOP, "user = -1;", "f:1: user = -1 is not a string; write it in quotes" },
	{ TOP, "user = \"a\\nb\";", "f:1: user has a control character in it" },
	{ SERVER, "address = \"127.0.0.1:2\"; name = \"\";", "f:1: name is empty" },
	{ SERVER, "address = \"127.0.0.1:2\"; name = \"a b\";", "f:1: name has a blank, / or \" in it" },
	{ SERVER, "address = \"127.0.0.1:2\"; name = \"a/b\";", "f:1: name has a blank, / or \" in it" },
	{ SERVER, "address = \"127.0.0.1:2\"; name = \"a\\\"b\";", "f:1: name has a blank, / or \" in it" },
	{ SERVER, "address = \"127.0.0.1:2\"; name = \"a\\tb\";", "f:1: name has a blank, / or \" in it" },
	{ SERVER, "address = \"127.0.0.1:2\"; name = \"12345678901234567890123456789012345678901234567890123456789012345\";",
	  "f:1: name = \"123456789012345678901234567890123456789012345678901234567890…\" is longer than 64 bytes" },
	{ SERVER, "address = \"1234567890123456789012345678901234567890.12345678901234567890.example:25\";",
	  "f:1: address is longer than a name may be; give this server a name" },
	{ WHOLE, "frontends = ( { name = \"f\"; bind = \"*:1\"; backend = \"b\"; },\n"
	  "{ name = \"f\"; bind = \"*:9\"; backend = \"b\"; } );\n"
	  "backends = ( { name = \"b\"; servers = \"127.0.0.1:2\"; }, { name = \"c\"; servers = \"127.0.0.1:2\"; },\n"
	  "{ name = \"b\"; servers = [ \"127.0.0.1:2\", \"127.0.0.1:3\", \"127.0.0.1:2\" ]; } );",
	  "f:2: a second frontend \"f\" (the first: line 1)\n"
	  "f:4: a second backend \"b\" (the first: line 3)\n"
	  "f:4: a second server \"127.0.0.1:2\" (the first: line 4)" },

	/* Addresses. */
	{ FRONT, "xbind = 1;", "f:1: unknown key \"xbind\" in frontend; did you mean \"bind\"?" },
	{ SERVER, "address = \"127.0.0.1\";", "f:1: address = \"127.0.0.1\" has no port; "
	  "write it as in \"127.0.0.1:143\"" },
	{ SERVER, "address = \"*:993\";", "f:1: address = \"*:993\" is not an address with a port; "
	  "write it as \"10.0.0.1:993\", \"[2001:db8::1]:993\" or \"host.example.org:993\"" },
	{ SERVER, "address = \"127.0.0.1:65536\";", "f:1: address = \"127.0.0.1:65536\" has no good port; "
	  "write a number from 1 to 65535 after \"127.0.0.1:\"" },
	{ SERVER, "address = 5;", "f:1: address = 5 is a port without an address; write \"127.0.0.1:5\"" },
	{ SERVER, "name = \"x\";", "f:1: this server has no address" },
	{ BACK, "bind_address = \"10.0.0.1:5\";", "f:1: bind_address = \"10.0.0.1:5\" is not an address without a port; "
	  "write it as \"10.0.0.1\" or \"2001:db8::1\"" },
	{ BACK, "bind_address = [ \"*\" ];", "f:1: bind_address = \"*\" is not an address without a port; "
	  "write it as \"10.0.0.1\" or \"2001:db8::1\"" },
	{ BACK, "bind_address = 5;", "f:1: bind_address = 5 is not a string; write it in quotes" },
	{ WHOLE, "backends = { name = \"b\"; servers = \"127.0.0.1:9\"; };\n"
	  "frontends = ( { name = \"f\"; backend = \"b\"; bind = [\n"
	  "\"*:1\",\n\"10.0.0.1:1\",\n\"[::1]:1\",\n\"10.0.0.1:2\",\n\"0.0.0.0:2\",\n\"[::]:2\",\n\"[::1]:2\",\n"
	  "\"10.0.0.1:3\",\n\"10.0.0.1:3\",\n\"10.0.0.2:3\",\n\"[2001:db8::1]:4\",\n\"[2001:DB8:0::1]:4\"\n]; } );",
	  "f:4: bind = \"10.0.0.1:1\": \"*:1\" is bound already by frontend \"f\" (line 3)\n"
	  "f:5: bind = \"[::1]:1\": \"*:1\" is bound already by frontend \"f\" (line 3)\n"
	  "f:7: bind = \"0.0.0.0:2\": \"10.0.0.1:2\" is bound already by frontend \"f\" (line 6)\n"
	  "f:9: bind = \"[::1]:2\": \"[::]:2\" is bound already by frontend \"f\" (line 8)\n"
	  "f:11: bind = \"10.0.0.1:3\": \"10.0.0.1:3\" is bound already by frontend \"f\" (line 10)\n"
	  "f:14: bind = \"[2001:db8::1]:4\": \"[2001:db8::1]:4\" is bound already by frontend \"f\" (line 13)" },
	{ WHOLE, "backends = { name = \"b\"; servers = \"127.0.0.1:2\"; };\n"
	  "frontends = ( { name = \"f\"; backend = \"b\"; bind = \"993\"; } );",
	  "f:2: bind = \"993\" is a port without an address; write \"*:993\"" },

	/* Paths. */
	{ TLS, "certificates = [ \"/c\", \"\" ];", "f:1: certificates: an empty text is not a path" },
	{ TLS, "certificates = \"\";", "f:1: certificates: an empty text is not a path" },
	{ TLS, "certificates = [];", "f:1: certificates of frontend \"f\" is empty" },
	{ TLS, "certificates = 5;", "f:1: certificates = 5 is not a string; write it in quotes" },
	{ TLS, "certificates = \"a\\nb\";", "f:1: certificates has a control character in it" },
	{ TOP, "state_directory = \"\";", "f:1: state_directory is empty" },
	{ TOP, "control = { socket = \"\"; };", "f:1: socket is empty" },
	{ TOP, "control = { socket = \"/123456789012345678901234567890123456789012345678901234567890123456789012345678"
	  "90123456789012345678901234567\"; };",
	  "f:1: socket = \"/12345678901234567890123456789012345678901234567890123456789…\" is longer than the 107 "
	  "bytes of a socket's path" },

	/* What is missing. */
	{ WHOLE, "", "f: there is no frontend; write frontends = ( { name = \"…\"; … } )\n"
	  "f: there is no backend; write backends = ( { name = \"…\"; … } )" },
	{ WHOLE, "frontends = ();\nbackends = [];",
	  "f:1: there is no frontend; write frontends = ( { name = \"…\"; … } )\n"
	  "f:2: there is no backend; write backends = ( { name = \"…\"; … } )" },
	{ WHOLE, "frontends = { };\nbackends = { };",
	  "f:1: this frontend has no name\nf:1: frontend \"?\" has no backend\n"
	  "f:1: frontend \"?\" has no bind; write bind = \"*:993\"\n"
	  "f:2: this backend has no name\n"
	  "f:2: backend \"?\" has no servers; write servers = \"10.0.0.1:143\"" },
	{ WHOLE, "frontends = 1;\nbackends = \"x\";",
	  "f:1: frontends: 1 is not a group; write { name = \"…\"; … }\n"
	  "f:2: backends: \"x\" is not a group; write { name = \"…\"; … }" },
	{ WHOLE, "frontends = { name = \"f\"; bind = []; backend = \"b\"; };\n"
	  "backends = { name = \"b\"; servers = (); };",
	  "f:1: bind is empty\nf:2: servers of backend \"b\" is empty" },
	{ FRONT, "tls = { };", "f:1: tls of frontend \"f\" has no certificates; name a file or directory" },
	{ FRONT, "tls = true;", "f:1: tls = true is not a group; write tls = { … }, or leave it out" },
	{ FRONT, "timeouts = \"5s\";", "f:1: timeouts = \"5s\" is not a group; write timeouts = { … }" },
	{ BACK, "tls = true;", "f:1: tls = true is not a group; write tls = { … }" },
	{ BACK, "check = true;", "f:1: check = true is not a group; write check = { … }" },
	{ BACK, "check = { tls = true; };", "f:1: tls = true is not a group; write tls = { … }" },

	/* What contradicts. */
	{ WHOLE, "frontends = { name = \"f\"; bind = \"*:1\"; backend = \"b\"; protocol = \"imap\"; };\n"
	  "backends = { name = \"b\"; protocol = \"pop3\"; servers = \"127.0.0.1:2\"; };",
	  "f:1: frontend \"f\" is imap, but its backend \"b\" (line 2) is pop3" },
	{ WHOLE, "frontends = ( { name = \"f\"; bind = \"*:1\"; backend = \"b\"; protocol = \"imap\"; },\n"
	  "{ name = \"g\"; bind = \"*:9\"; backend = \"b\"; protocol = \"pop3\"; } );\n"
	  "backends = { name = \"b\"; servers = \"127.0.0.1:2\"; };",
	  "f:2: frontend \"g\" is pop3, but its backend \"b\" (line 3) is imap" },
	{ TLS, "mode = \"passthrough\"; certificates = \"/c\";",
	  "f:1: certificates has no meaning with mode = \"passthrough\": the server ends TLS" },
	{ TLS, "certificates = \"/c\"; verify = \"required\";",
	  "f:1: verify = \"required\" needs client_ca, a file of CA certificates" },
	{ TLS, "certificates = \"/c\"; verify = \"optional\"; client_ca = \"/a\"; tickets = true;",
	  "f:1: tickets = true cannot stand with client certificates: whoever has a ticket key could take any name" },
	{ WHOLE, "frontends = ( { name = \"f\"; bind = \"*:1\"; backend = \"b\"; tls = { certificates = \"/c\"; ticket_seed = \"/1\"; }; },\n"
	  "{ name = \"g\"; bind = \"*:9\"; backend = \"b\"; tls = { certificates = \"/c\"; ticket_seed = \"/2\"; }; } );\n"
	  "backends = { name = \"b\"; servers = \"127.0.0.1:2\"; };",
	  "f:2: ticket_seed = \"/2\" differs from \"/1\"; one seed serves all frontends" },
	{ FRONT, "routes = { sni = \"a\"; backend = \"b\"; };",
	  "f:1: routes of frontend \"f\" need tls: the name stands in the client's hello" },
	{ FRONT, "tls = { certificates = \"/c\"; }; routes = ( { sni = \"a b\"; backend = \"b\"; } );",
	  "f:1: sni = \"a b\" is neither a host name nor \"*.\" and one" },
	{ FRONT, "tls = { certificates = \"/c\"; }; routes = ( { sni = \"a.*.b\"; backend = \"b\"; } );",
	  "f:1: sni = \"a.*.b\" is neither a host name nor \"*.\" and one" },
	{ FRONT, "tls = { certificates = \"/c\"; }; routes = ( { }, 5 );",
	  "f:1: a route of frontend \"f\" has no sni\nf:1: a route of frontend \"f\" has no backend\n"
	  "f:1: routes: 5 is not a group; write { sni = \"…\"; backend = \"…\"; }" },
	{ FRONT, "tls = { certificates = \"/c\"; }; routes = { sni = \"a\"; backend = \"x\"; };",
	  "f:1: frontend \"f\": no backend \"x\"" },
	{ TLS, "certificates = \"/c\"; alpn = [ \"imap\", \"" X60 X60 X60 X60 X60 "\" ];", "f:1: alpn = \"" X60 "…\" has 300 bytes; it may have 1 to 255" },
	{ TLS, "certificates = \"/c\"; alpn = \"\";", "f:1: alpn = \"\" has 0 bytes; it may have 1 to 255" },
	{ BACK, "tls = { key = \"/k\"; };", "f:1: key = \"/k\" needs certificate, the file of its certificate" },
	{ BACK, "check = { type = \"expect\"; };", "f:1: type = \"expect\" needs expect, a text to wait for" },
	{ BACK, "check = { expect = \"x\"; };", "f:1: send and expect stand with type = \"expect\" only" },
	{ BACK, "check = { send = \"x\"; };", "f:1: send and expect stand with type = \"expect\" only" },
	{ BACK, "check = { type = \"tls\"; tls = false; };", "f:1: tls = false cannot stand with type = \"tls\"" },

	/* All of them, in the file's order. */
	{ WHOLE, "frontends = ( { name = \"f\";\nbind = \"x\";\nbackend = \"y\";\n} );\nbackends = (\n"
	  "{ name = \"b\"; servers = (\n\"z\"\n); } );\nworkers = \"x\"; foo = 1;",
	  "f:2: bind = \"x\" is not an address with a port; write it as \"10.0.0.1:993\", \"[2001:db8::1]:993\" or \"*:993\"\n"
	  "f:3: frontend \"f\": no backend \"y\"\n"
	  "f:7: servers = \"z\" has no port; write it as in \"z:143\"\n"
	  "f:9: workers = \"x\" is not a whole number; it may be 0 to 1024\n"
	  "f:9: unknown key \"foo\" at the top level" },
	/* clang-format on */
};

START_TEST(says)
{
	char *got = said(rows[_i].place, rows[_i].piece);

	ck_assert_msg(strcmp(got, rows[_i].want) == 0, "%s\n gives: %s\n  want: %s", rows[_i].piece,
	    got, rows[_i].want);
	free(got);
}
END_TEST

/* A frontend with TLS, or what else is asked for, before servers elsewhere. */
#define ENDS  "tls = { certificates = \"/c\"; };"
#define FAR   "servers = \"10.0.0.1:2\";"
#define LOCAL "servers = [ \"127.0.0.1:2\", \"[::1]:2\", \"localhost:2\" ];"
#define SAFE  "tls = { server_name = \"s.example.org\"; };"

static const struct warning {
	const char *front, *bind, *back, *want;
} warnings[] = {
	/* clang-format off */
	{ "", "*:1", FAR, "" },
	{ ENDS, "*:993", FAR SAFE, "" },
	{ ENDS, "*:993", LOCAL, "" },
	{ ENDS, "*:993", FAR,
	  "f:2: backend \"b\": TLS ends here, and what clients send goes on to \"10.0.0.1:2\" in plain text; "
	  "give the backend a tls group" },
	{ ENDS, "*:993", FAR "tls = { verify = \"none\"; };",
	  "f:2: backend \"b\": nobody checks that \"10.0.0.1:2\" is the right server; set verify = \"required\"" },
	{ "tls = { mode = \"passthrough\"; };", "*:993", FAR, "" },
	{ "", "*:1", FAR "send_proxy = \"v2-ssl-cn\";",
	  "f:2: backend \"b\": clients' certificate names go to \"10.0.0.1:2\" over a way that anybody in between "
	  "can change; use tls with verify = \"required\"" },
	{ "", "*:1", FAR "send_proxy = \"v2-ssl-cn\"; tls = { verify = \"none\"; };",
	  "f:2: backend \"b\": clients' certificate names go to \"10.0.0.1:2\" over a way that anybody in between "
	  "can change; use tls with verify = \"required\"" },
	{ ENDS, "*:1", LOCAL "send_proxy = \"v2-ssl-cn\";", "" },
	{ ENDS, "*:1", FAR "send_proxy = \"v2-ssl-cn\";" SAFE, "" },
	{ "", "*:1", "servers = \"mx.example.org:2\";",
	  "f:2: server \"mx.example.org:2\" is found by name and not verified: whoever can change DNS gets its "
	  "clients; use tls, or an address" },
	{ "", "*:1", "servers = \"mx.example.org:2\"; tls = { };", "" },
	{ "", "*:1", "servers = \"mx.example.org:2\"; tls = { verify = \"none\"; };",
	  "f:2: server \"mx.example.org:2\" is found by name and not verified: whoever can change DNS gets its "
	  "clients; use tls, or an address" },
	{ ENDS, "*:1", LOCAL "send_proxy = \"v2-ssl-cn\"; receiver = \"dovecot\"; tls = { server_name = \"s.example.org\"; certificate = \"/b\"; };",
	  "f:2: backend \"b\": with v2-ssl-cn and a certificate of our own, Dovecot before 2.4.4 may log every "
	  "client in as the proxy" },
	{ ENDS, "*:1", LOCAL "send_proxy = \"v2-ssl-cn\"; tls = { server_name = \"s.example.org\"; certificate = \"/b\"; };",
	  "f:2: backend \"b\": with v2-ssl-cn and a certificate of our own, Dovecot before 2.4.4 may log every "
	  "client in as the proxy" },
	{ ENDS, "*:1", LOCAL "send_proxy = \"v2-ssl-cn\"; receiver = \"exim\"; tls = { server_name = \"s.example.org\"; certificate = \"/b\"; };", "" },
	{ ENDS, "*:1", LOCAL "receiver = \"postfix\";",
	  "f:2: backend \"b\": Postfix does not read from the header that the client used TLS; without tls to it "
	  "there is no AUTH under smtpd_tls_auth_only" },
	{ ENDS, "*:1", LOCAL "receiver = \"postfix\";" SAFE, "" },
	{ "", "*:1", LOCAL "receiver = \"postfix\";", "" },
	{ ENDS, "*:1", LOCAL "receiver = \"dovecot\"; send_proxy = \"v2\";",
	  "f:2: backend \"b\": send_proxy = \"v2\" does not tell Dovecot that the client used TLS, so it refuses "
	  "logins; use \"v2-ssl\"" },
	{ ENDS, "*:1", LOCAL "receiver = \"dovecot\";", "" },
	{ "", "*:1", LOCAL "receiver = \"dovecot\"; send_proxy = \"v2\";", "" },
	{ "protocol = \"imap\"; timeouts = { idle = \"28m\"; };", "*:1", LOCAL,
	  "f:1: frontend \"f\": idle is less than 29m, so IMAP clients that wait for mail are cut off (RFC 2177)" },
	{ "protocol = \"imap\"; timeouts = { idle = \"29m\"; };", "*:1", LOCAL, "" },
	{ "protocol = \"pop3\"; timeouts = { idle = \"28m\"; };", "*:1", LOCAL, "" },
	{ "", "*:465", LOCAL, "f:1: frontend \"f\": clients of port 465 begin with TLS, and there is no tls group" },
	{ "", "*:993", LOCAL, "f:1: frontend \"f\": clients of port 993 begin with TLS, and there is no tls group" },
	{ "", "*:995", LOCAL, "f:1: frontend \"f\": clients of port 995 begin with TLS, and there is no tls group" },
	{ "", "*:143", LOCAL, "" },
	{ "tls = { certificates = \"/c\"; client_ca = \"/a\"; };", "*:1", LOCAL,
	  "f:1: client_ca does nothing while verify is \"none\"; no client certificate is asked for" },
	{ "hostname = \"mail\";", "*:1", LOCAL,
	  "f:1: hostname \"mail\" has no dot: clients and mail servers expect a full name, as in \"mail.example.org\"" },
	{ "hostname = \"mail.example\";", "*:1", LOCAL, "" },
	{ "protocol = \"smtp\"; tls = { certificates = \"/c\"; strict_sni = true; };", "*:1", LOCAL,
	  "f:1: frontend \"f\": with strict_sni mail servers that send another name, or believe none, cannot "
	  "deliver; leave it out for smtp" },
	{ "protocol = \"imap\"; tls = { certificates = \"/c\"; strict_sni = true; };", "*:1", LOCAL, "" },
	{ ENDS, "*:25", LOCAL,
	  "f:1: frontend \"f\": TLS of port 25 ends here, and clients there begin in plain text; leave tls out, "
	  "and Postfix does STARTTLS itself and shows it in its log" },
	{ "", "*:25", LOCAL, "" },
	{ "protocol = \"smtp\";", "*:1", LOCAL "send_proxy = \"none\";",
	  "f:2: backend \"b\": with send_proxy = \"none\" all mail comes from our address: an open relay if that "
	  "is in mynetworks; use \"v2\"" },
	{ "protocol = \"submission\";", "*:1", "servers = ( { address = \"127.0.0.1:2\"; send_proxy = \"none\"; } );",
	  "f:2: backend \"b\": with send_proxy = \"none\" all mail comes from our address: an open relay if that "
	  "is in mynetworks; use \"v2\"" },
	{ "protocol = \"lmtp\";", "*:1", LOCAL "send_proxy = \"none\";", "" },
	{ "protocol = \"submission\";", "*:1", "protocol = \"smtp\";" LOCAL, "" },
	{ "", "*:1", "servers = \"10.0.0.1:2\"; tls = { };",
	  "f:2: server \"10.0.0.1:2\" is given by address: its certificate must be for that address, which few "
	  "are; set server_name to the name that it has" },
	{ "", "*:1", "servers = ( { address = \"10.0.0.1:2\"; server_name = \"s.example\"; } ); tls = { };", "" },
	{ ENDS, "*:1", FAR "tls = { verify = \"chain\"; };",
	  "f:2: backend \"b\": with verify = \"chain\" any server is good whose certificate a trusted CA has "
	  "signed, whatever its name; set verify = \"required\" and server_name" },
	{ ENDS, "*:1", LOCAL "receiver = \"exim\";",
	  "f:2: backend \"b\": Exim does not read from the header that the client used TLS; without tls to it "
	  "there is no AUTH where Exim offers it under TLS only" },
	{ ENDS, "*:1", LOCAL "receiver = \"exim\";" SAFE, "" },
	/* clang-format on */
};

START_TEST(warns)
{
	const struct warning *w = &warnings[_i];
	char text[2048], *got;

	snprintf(text, sizeof(text),
	    "frontends = { name = \"f\"; backend = \"b\"; bind = \"%s\"; %s };\n"
	    "backends = { name = \"b\"; %s };\n",
	    w->bind, w->front, w->back);
	got = said(WHOLE, text);
	ck_assert_msg(strcmp(got, w->want) == 0, "%s\n gives: %s\n  want: %s", text, got, w->want);
	free(got);
}
END_TEST

/* More of them than there may be. */
START_TEST(too_many_servers)
{
	char *text = NULL, *got;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	fputs("frontends = { name = \"f\"; bind = \"*:1\"; backend = \"b\"; };\n", f);
	fputs("backends = { name = \"b\"; servers = ( \"127.0.0.1:2\"", f);
	for (int i = 0; i < 2 * CONF_SERVERS; i++)
		fprintf(f, ",\"127.%d.%d.2:2\"", i / 256, i % 256);
	fputs(" ); };\n", f);
	fclose(f);
	got = said(WHOLE, text);
	ck_assert_str_eq(
	    got, "f:2: more than 8192 servers in all (each with resolve = \"all\" counts 32)");
	free(got);
	free(text);
}
END_TEST

START_TEST(too_many_addresses)
{
	char *text = NULL, *got;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	fputs("frontends = { name = \"f\"; backend = \"b\"; bind = ( \"*:1\"", f);
	for (int i = 1; i < CONF_LISTENERS; i++)
		fprintf(f, ", \"*:%d\"", i + 1);
	fputs("\n, \"*:9999\"\n, \"*:10000\"\n); };\n", f);
	fputs("backends = { name = \"b\"; servers = \"10.0.0.1:2\"; };\n", f);
	fclose(f);
	got = said(WHOLE, text);
	ck_assert_str_eq(got, "f:2: more than 4096 addresses to listen on");
	free(got);
	free(text);
}
END_TEST

START_TEST(too_many_groups)
{
	char *text = NULL, *got;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	fputs("frontends = ( {}", f);
	for (int i = 0; i < CONF_FRONTENDS; i++)
		fputs(", {}", f);
	fputs(" );\nbackends = ( {}", f);
	for (int i = 0; i < CONF_BACKENDS; i++)
		fputs(", {}", f);
	fputs(" );\n", f);
	fclose(f);
	got = said(WHOLE, text);
	ck_assert_ptr_nonnull(strstr(got, "f:1: more than 1024 frontends\n"));
	ck_assert_ptr_nonnull(strstr(got, "f:2: more than 1024 backends\n"));
	free(got);
	free(text);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf_wrong");
	TCase *t = tcase_create("conf_wrong");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(t, says, 0, COUNT(rows));
	tcase_add_loop_test(t, warns, 0, COUNT(warnings));
	tcase_add_test(t, too_many_servers);
	tcase_add_test(t, too_many_addresses);
	tcase_add_test(t, too_many_groups);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
