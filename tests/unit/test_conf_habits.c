/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What people write who come from other programs, or in a hurry: each habit with the words that
 * they read, which lead to the right line in one step.  A row's piece stands on line 1 of a file
 * that is good otherwise.
 */
#include "common/conf.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

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
	const char *name;
	enum place place;
	const char *piece, *want;
} rows[] = {
	/* clang-format off */
	{ "single quotes", TOP, "user = 'x';",
	  "f:1: texts stand in double quotes: write \"x\"" },
	{ "single quotes in a list", BACK, "proxy_tlvs = [ 'alpn', 'cipher' ];",
	  "f:1: texts stand in double quotes: write \"alpn\"\nf:1: texts stand in double quotes: write \"cipher\"" },
	{ "backquotes", TOP, "user = `x`;",
	  "f:1: texts stand in double quotes: write \"x\"" },
	{ "quotes of a word processor", TOP, "user = “x”;",
	  "f:1: texts stand in double quotes: write \"x\"" },
	{ "no quotes", BACK, "balance = source;",
	  "f:1: texts stand in double quotes: write \"source\"" },
	{ "no quotes, wrong word", BACK, "balance = leastcon;",
	  "f:1: balance = \"leastcon\" is unknown; did you mean \"leastconn\"?\nf:1: texts stand in double quotes: write \"leastcon\"" },
	{ "no quotes in a list", BACK, "proxy_tlvs = [ alpn, cipher ];",
	  "f:1: texts stand in double quotes: write \"alpn\"\nf:1: texts stand in double quotes: write \"cipher\"" },
	{ "duration without quotes", TOP, "watch = 5s;",
	  "f:1: texts stand in double quotes: write \"5s\"" },
	{ "address without quotes", SERVER, "address = 10.0.0.1:143;",
	  "f:1: texts stand in double quotes: write \"10.0.0.1:143\"" },
	{ "path without quotes", TOP, "state_directory = /var/lib/x;",
	  "f:1: texts stand in double quotes: write \"/var/lib/x\"" },
	{ "yes", TLS, "certificates = \"/c\"; strict_sni = yes;",
	  "f:1: yes is written true here" },
	{ "off", TLS, "certificates = \"/c\"; tickets = off;",
	  "f:1: off is written false here" },
	{ "no comma between groups", WHOLE, "frontends = { name = \"f\"; bind = \"*:1\"; backend = \"b\"; };\nbackends = ( { name = \"b\"; servers = \"127.0.0.1:2\"; }\n{ name = \"c\"; servers = \"127.0.0.1:3\"; } );",
	  "f:3: a comma is missing before this {" },
	{ "no comma between texts", BACK, "proxy_tlvs = [ \"alpn\" \"cipher\" ];",
	  "f:1: a comma is missing before this value" },
	{ "no comma between servers", WHOLE, "frontends = { name = \"f\"; bind = \"*:1\"; backend = \"b\"; };\nbackends = { name = \"b\"; servers = [ \"127.0.0.1:2\"\n\"127.0.0.1:3\" ]; };",
	  "f:3: a comma is missing before this value" },
	{ "no =", FRONT, "timeouts { idle = \"5m\"; };",
	  "f:1: the = is missing after timeouts" },
	{ "no = before a text", TOP, "user \"x\";",
	  "f:1: the = is missing after user" },
	{ "no = and no quotes", TOP, "user x;",
	  "f:1: the = is missing after user\nf:1: texts stand in double quotes: write \"x\"" },
	{ "a { that stays open", WHOLE, "frontends = { name = \"f\"; bind = \"*:1\"; backend = \"b\"; };\nbackends = { name = \"b\";\nservers = \"127.0.0.1:2\";\n",
	  "f:2: the { that opens here is never closed; write }" },
	{ "a ( closed with ]", WHOLE, "frontends = ( { name = \"f\"; }\n];",
	  "f:2: ( must be closed (line 1) before this ]: write )" },
	{ "a } too many", WHOLE, "backends = { };\n};",
	  "f:2: this } closes nothing; remove it" },
	{ "a { twice", WHOLE, "frontends = ( {{ name = \"f\"; } );",
	  "f:1: a name and = are missing before this group" },
	{ "groups without ( )", WHOLE, "frontends = { };\nbackends = { }\n{ };",
	  "f:3: a name and = are missing before this group" },
	{ "haproxy.cfg", WHOLE, "# of the old host\n\nglobal\n  log stdout\n",
	  "f:3: this is a haproxy.cfg; mailreeve.conf(5), COMING FROM HAPROXY, has our word for each line of it" },
	{ "haproxy.cfg without global", WHOLE, "defaults\n  mode tcp\n",
	  "f:1: this is a haproxy.cfg; mailreeve.conf(5), COMING FROM HAPROXY, has our word for each line of it" },
	{ "haproxy.cfg of a frontend", WHOLE, "frontend imaps\n  bind :993\n",
	  "f:1: this is a haproxy.cfg; mailreeve.conf(5), COMING FROM HAPROXY, has our word for each line of it" },
	{ "haproxy.cfg of a listen", WHOLE, "listen imaps\n  bind :993\n",
	  "f:1: this is a haproxy.cfg; mailreeve.conf(5), COMING FROM HAPROXY, has our word for each line of it" },
	{ "nginx.conf", WHOLE, "worker_processes auto;\nmail {\n}\n",
	  "f:1: this is an nginx.conf; begin with the smallest file of mailreeve.conf(5)" },
	{ "nginx.conf of mail", WHOLE, "mail {\n}\n",
	  "f:1: this is an nginx.conf; begin with the smallest file of mailreeve.conf(5)" },
	{ "JSON", WHOLE, "{ \"frontends\": [] }",
	  "f:1: this is JSON; write name = value; without quotes around names, and no { } around the whole" },
	{ "send_proxy send-proxy", BACK, "send_proxy = \"send-proxy\";",
	  "f:1: send_proxy = \"send-proxy\" is unknown; did you mean \"v1\"?" },
	{ "send_proxy send-proxy-v2", BACK, "send_proxy = \"send-proxy-v2\";",
	  "f:1: send_proxy = \"send-proxy-v2\" is unknown; did you mean \"v2\"?" },
	{ "send_proxy send-proxy-v2-ssl", BACK, "send_proxy = \"send-proxy-v2-ssl\";",
	  "f:1: send_proxy = \"send-proxy-v2-ssl\" is unknown; did you mean \"v2-ssl\"?" },
	{ "send_proxy send-proxy-v2-ssl-cn", BACK, "send_proxy = \"send-proxy-v2-ssl-cn\";",
	  "f:1: send_proxy = \"send-proxy-v2-ssl-cn\" is unknown; did you mean \"v2-ssl-cn\"?" },
	{ "send_proxy ssl", BACK, "send_proxy = \"ssl\";",
	  "f:1: send_proxy = \"ssl\" is unknown; did you mean \"v2-ssl\"?" },
	{ "send_proxy off", BACK, "send_proxy = \"off\";",
	  "f:1: send_proxy = \"off\" is unknown; did you mean \"none\"?" },
	{ "send_proxy of a server", SERVER, "address = \"127.0.0.1:2\"; send_proxy = \"send-proxy-v2\";",
	  "f:1: send_proxy = \"send-proxy-v2\" is unknown; did you mean \"v2\"?" },
	{ "send-proxy-v2 as key", SERVER, "address = \"127.0.0.1:2\"; send-proxy-v2 = true;",
	  "f:1: unknown key \"send-proxy-v2\" in server; HAProxy's send-proxy-v2 is send_proxy = \"v2\" here" },
	{ "send_proxy true", BACK, "send_proxy = true;",
	  "f:1: send_proxy = true is not a string; did you mean \"v2-ssl\"?" },
	{ "send_proxy false", BACK, "send_proxy = false;",
	  "f:1: send_proxy = false is not a string; did you mean \"none\"?" },
	{ "send_proxy 2", BACK, "send_proxy = 2;",
	  "f:1: send_proxy = 2 is not a string; did you mean \"v2\"?" },
	{ "static-rr", BACK, "balance = \"static-rr\";",
	  "f:1: balance = \"static-rr\" is unknown; did you mean \"roundrobin\"?" },
	{ "ip_hash", BACK, "balance = \"ip_hash\";",
	  "f:1: balance = \"ip_hash\" is unknown; did you mean \"source\"?" },
	{ "least_conn", BACK, "balance = \"least_conn\";",
	  "f:1: balance = \"least_conn\" is unknown; did you mean \"leastconn\"?" },
	{ "roundrobbin", BACK, "balance = \"roundrobbin\";",
	  "f:1: balance = \"roundrobbin\" is unknown; did you mean \"roundrobin\"?" },
	{ "uri", BACK, "balance = \"uri\";",
	  "f:1: balance = \"uri\" is unknown; it may be \"leastconn\", \"roundrobin\", \"source\", \"random\" or \"first\"" },
	{ "smtps", BACK, "protocol = \"smtps\";",
	  "f:1: protocol = \"smtps\" is unknown; did you mean \"submission\"?" },
	{ "imaps", BACK, "protocol = \"imaps\";",
	  "f:1: protocol = \"imaps\" is unknown; did you mean \"imap\"?" },
	{ "smtpchk", BACK, "check = { type = \"smtpchk\"; };",
	  "f:1: type = \"smtpchk\" is unknown; did you mean \"smtp\"?" },
	{ "warn", TOP, "log = { level = \"warn\"; };",
	  "f:1: level = \"warn\" is unknown; did you mean \"warning\"?" },
	{ "shutdown-sessions", BACK, "on_down = \"shutdown-sessions\";",
	  "f:1: on_down = \"shutdown-sessions\" is unknown; did you mean \"close\"?" },
	{ "min_version 1.2", TLS, "certificates = \"/c\"; min_version = 1.2;",
	  "f:1: min_version = 1.2 is not a string; did you mean \"TLSv1.2\"?" },
	{ "number for a word", BACK, "balance = 1;",
	  "f:1: balance = 1 is not a string; it may be \"leastconn\", \"roundrobin\", \"source\", \"random\" or \"first\"" },
	{ "text for a number", TOP, "workers = \"auto\";",
	  "f:1: workers = \"auto\" is not a whole number; it may be 0 to 1024" },
	{ "truth for a number", SERVER, "address = \"127.0.0.1:2\"; weight = true;",
	  "f:1: weight = true is not a whole number; it may be 0 to 256" },
	{ "number for true", TLS, "certificates = \"/c\"; strict_sni = 1;",
	  "f:1: strict_sni = 1 is neither true nor false; write true, without quotes" },
	{ "text for true", SERVER, "address = \"127.0.0.1:2\"; backup = \"yes\";",
	  "f:1: backup = \"yes\" is neither true nor false; write true, without quotes" },
	{ "text for false", SERVER, "address = \"127.0.0.1:2\"; check = \"off\";",
	  "f:1: check = \"off\" is neither true nor false; write false, without quotes" },
	{ "group for true", SERVER, "address = \"127.0.0.1:2\"; check = { };",
	  "f:1: check = { … } is neither true nor false; write one of them, without quotes" },
	{ "check = false", BACK, "check = false;",
	  "f:1: check = false is not a group; write check = { type = \"none\"; }" },
	{ "check = true", BACK, "check = true;",
	  "f:1: check = true is not a group; write check = { … }" },
	{ "check = text", BACK, "check = \"tcp\";",
	  "f:1: check = \"tcp\" is not a group; write check = { type = \"tcp\"; }" },
	{ "log = text", TOP, "log = \"debug\";",
	  "f:1: log = \"debug\" is not a group; write log = { level = \"debug\"; }" },
	{ "control = text", TOP, "control = \"/run/x\";",
	  "f:1: control = \"/run/x\" is not a group; write control = { socket = \"/run/x\"; }" },
	{ "tls = path", FRONT, "tls = \"/c.pem\";",
	  "f:1: tls = \"/c.pem\" is not a group; write tls = { certificates = \"/c.pem\"; }" },
	{ "tls of a backend = text", BACK, "tls = \"none\";",
	  "f:1: tls = \"none\" is not a group; write tls = { verify = \"none\"; }" },
	{ "tls of a backend = false", BACK, "tls = false;",
	  "f:1: tls = false is not a group; leave tls out instead" },
	{ "group for a text", FRONT, "hostname = { };",
	  "f:1: hostname = { … } is not a string; one value in quotes stands here" },
	{ "bind = number", WHOLE, "backends = { name = \"b\"; servers = \"127.0.0.1:2\"; };\nfrontends = { name = \"f\"; backend = \"b\"; bind = 993; };",
	  "f:2: bind = 993 is a port without an address; write \"*:993\"" },
	{ "bind = port", WHOLE, "backends = { name = \"b\"; servers = \"127.0.0.1:2\"; };\nfrontends = { name = \"f\"; backend = \"b\"; bind = \"993\"; };",
	  "f:2: bind = \"993\" is a port without an address; write \"*:993\"" },
	{ "bind = :port", WHOLE, "backends = { name = \"b\"; servers = \"127.0.0.1:2\"; };\nfrontends = { name = \"f\"; backend = \"b\"; bind = \":993\"; };",
	  "f:2: bind = \":993\" is a port without an address; write \"*:993\"" },
	{ "bind = name", WHOLE, "backends = { name = \"b\"; servers = \"127.0.0.1:2\"; };\nfrontends = { name = \"f\"; backend = \"b\"; bind = \"mail.example.org:993\"; };",
	  "f:2: bind = \"mail.example.org:993\" is a host name; write an address of this host, or \"*:993\"" },
	{ "bind without a port", WHOLE, "backends = { name = \"b\"; servers = \"127.0.0.1:2\"; };\nfrontends = { name = \"f\"; backend = \"b\"; bind = \"10.0.0.1\"; };",
	  "f:2: bind = \"10.0.0.1\" has no port; write it as in \"10.0.0.1:993\"" },
	{ "bind = *", WHOLE, "backends = { name = \"b\"; servers = \"127.0.0.1:2\"; };\nfrontends = { name = \"f\"; backend = \"b\"; bind = \"*\"; };",
	  "f:2: bind = \"*\" has no port; write it as in \"*:993\"" },
	{ "bind = IPv6 without a port", WHOLE, "backends = { name = \"b\"; servers = \"127.0.0.1:2\"; };\nfrontends = { name = \"f\"; backend = \"b\"; bind = \"2001:db8::1\"; };",
	  "f:2: bind = \"2001:db8::1\" has no port; write it as in \"[2001:db8::1]:993\"" },
	{ "bind with options", WHOLE, "backends = { name = \"b\"; servers = \"127.0.0.1:2\"; };\nfrontends = { name = \"f\"; backend = \"b\"; bind = \"*:993 ssl crt /c\"; };",
	  "f:2: bind = \"*:993 ssl crt /c\" is more than an address; write the rest as keys of the frontend" },
	{ "server = number", SERVER, "address = 143;",
	  "f:1: address = 143 is a port without an address; write \"127.0.0.1:143\"" },
	{ "server without a port", SERVER, "address = \"10.0.0.1\";",
	  "f:1: address = \"10.0.0.1\" has no port; write it as in \"10.0.0.1:143\"" },
	{ "server with options", SERVER, "address = \"10.0.0.1:143 check\";",
	  "f:1: address = \"10.0.0.1:143 check\" is more than an address; write the rest as keys of the server, in ( { address = \"…\"; … } ), or of the backend" },
	{ "certificate and key", TLS, "certificates = \"/c\"; certificate = \"/a\"; key = \"/k\";",
	  "f:1: unknown key \"certificate\" in tls; name the file with the chain as certificates\nf:1: unknown key \"key\" in tls; the key stands in the file of certificates or beside it, X.pem and X.key; or write certificates = { certificate = \"X.pem\"; key = \"Y.key\"; }" },
	{ "nginx's certificate", FRONT, "ssl_certificate = \"/a\"; ssl_certificate_key = \"/k\";",
	  "f:1: unknown key \"ssl_certificate\" in frontend; name the file with the chain as certificates in tls\nf:1: unknown key \"ssl_certificate_key\" in frontend; the key stands in the file of certificates or beside it, X.pem and X.key; or write certificates = { certificate = \"X.pem\"; key = \"Y.key\"; }" },
	{ "server = our frontend", WHOLE, "frontends = { name = \"f\"; bind = \"10.0.0.1:143\"; backend = \"b\"; };\nbackends = { name = \"b\"; servers = \"10.0.0.1:143\"; };",
	  "f:2: server \"10.0.0.1:143\" is frontend \"f\" itself (line 1): give the mail server another address or port, and name that" },
	{ "server = our frontend, IPv6", WHOLE, "frontends = { name = \"f\"; bind = \"[::1]:143\"; backend = \"b\"; };\nbackends = { name = \"b\"; servers = \"[::1]:143\"; };",
	  "f:2: server \"[::1]:143\" is frontend \"f\" itself (line 1): give the mail server another address or port, and name that" },
	{ "server on a port that is all ours", WHOLE, "frontends = { name = \"f\"; bind = \"*:143\"; backend = \"b\"; };\nbackends = { name = \"b\"; servers = \"127.0.0.1:143\"; };",
	  "f:2: server \"127.0.0.1:143\" is frontend \"f\" itself (line 1): give the mail server another address or port, and name that" },
	{ "server on a port that is ours in IPv4", WHOLE, "frontends = { name = \"f\"; bind = \"0.0.0.0:143\"; backend = \"b\"; };\nbackends = { name = \"b\"; servers = \"127.0.0.2:143\"; };",
	  "f:2: server \"127.0.0.2:143\" is frontend \"f\" itself (line 1): give the mail server another address or port, and name that" },
	{ "server = localhost", WHOLE, "frontends = { name = \"f\"; bind = \"127.0.0.1:143\"; backend = \"b\"; };\nbackends = { name = \"b\"; servers = \"localhost:143\"; };",
	  "f:2: server \"localhost:143\" is frontend \"f\" itself (line 1): give the mail server another address or port, and name that" },
	{ "server on another address", WHOLE, "frontends = { name = \"f\"; bind = \"10.0.0.1:143\"; backend = \"b\"; };\nbackends = { name = \"b\"; servers = \"10.0.0.2:143\"; };",
	  "" },
	{ "server of the other family", WHOLE, "frontends = { name = \"f\"; bind = \"0.0.0.0:143\"; backend = \"b\"; };\nbackends = { name = \"b\"; servers = \"[::1]:143\"; };",
	  "" },
	{ "bind = :::993", WHOLE, "backends = { name = \"b\"; servers = \"127.0.0.1:2\"; };\nfrontends = { name = \"f\"; backend = \"b\"; bind = \":::993\"; };",
	  "f:2: bind = \":::993\" is IPv6 without [ ]; write \"[::]:993\"" },
	{ "bind = 0.0.0.0:70000", WHOLE, "backends = { name = \"b\"; servers = \"127.0.0.1:2\"; };\nfrontends = { name = \"f\"; backend = \"b\"; bind = \"0.0.0.0:70000\"; };",
	  "f:2: bind = \"0.0.0.0:70000\" has no good port; write a number from 1 to 65535 after \"0.0.0.0:\"" },
	{ "bind = *:imaps", WHOLE, "backends = { name = \"b\"; servers = \"127.0.0.1:2\"; };\nfrontends = { name = \"f\"; backend = \"b\"; bind = \"*:imaps\"; };",
	  "f:2: bind = \"*:imaps\" names its port; write \"*:993\"" },
	{ "bind = tcp://10.0.0.1:993", WHOLE, "backends = { name = \"b\"; servers = \"127.0.0.1:2\"; };\nfrontends = { name = \"f\"; backend = \"b\"; bind = \"tcp://10.0.0.1:993\"; };",
	  "f:2: bind = \"tcp://10.0.0.1:993\" is more than an address; write \"10.0.0.1:993\"" },
	{ "bind = *:143,*:993", WHOLE, "backends = { name = \"b\"; servers = \"127.0.0.1:2\"; };\nfrontends = { name = \"f\"; backend = \"b\"; bind = \"*:143,*:993\"; };",
	  "f:2: bind = \"*:143,*:993\" is more than one; write each in quotes, [ \"10.0.0.1:993\", \"10.0.0.2:993\" ]" },
	{ "server = 2001:db8::1:143", SERVER, "address = \"2001:db8::1:143\";",
	  "f:1: address = \"2001:db8::1:143\" is IPv6 without [ ]; write \"[2001:db8::1]:143\"" },
	{ "server = dovecot", SERVER, "address = \"dovecot\";",
	  "f:1: address = \"dovecot\" has no port; write it as in \"dovecot:143\"" },
	{ "server = dovecot:imap", SERVER, "address = \"dovecot:imap\";",
	  "f:1: address = \"dovecot:imap\" names its port; write \"dovecot:143\"" },
	{ "server = ipv4@10.0.0.1:143", SERVER, "address = \"ipv4@10.0.0.1:143\";",
	  "f:1: address = \"ipv4@10.0.0.1:143\" is more than an address; write \"10.0.0.1:143\"" },
	{ "server = 10.0.0.1:0", SERVER, "address = \"10.0.0.1:0\";",
	  "f:1: address = \"10.0.0.1:0\" has no good port; write a number from 1 to 65535 after \"10.0.0.1:\"" },
	{ "server = 10.0.0.1:143, 10.0.0.2:143", SERVER, "address = \"10.0.0.1:143, 10.0.0.2:143\";",
	  "f:1: address = \"10.0.0.1:143, 10.0.0.2:143\" is more than one; write each in quotes, [ \"10.0.0.1:993\", \"10.0.0.2:993\" ]" },
	{ "server = 0.0.0.0:143", SERVER, "address = \"0.0.0.0:143\";",
	  "f:1: address = \"0.0.0.0:143\" is every address of this host; write \"127.0.0.1:143\"" },
	{ "server = [::]:143", SERVER, "address = \"[::]:143\";",
	  "f:1: address = \"[::]:143\" is every address of this host; write \"[::1]:143\"" },
	{ "global", TOP, "global = { };",
	  "f:1: unknown key \"global\" at the top level; HAProxy's global is the top level itself here" },
	{ "worker_processes", TOP, "worker_processes = 4;",
	  "f:1: unknown key \"worker_processes\" at the top level; write workers, a number" },
	{ "log file", TOP, "log = { file = \"/x\"; };",
	  "f:1: unknown key \"file\" in log; the log goes to standard error, from there to the journal" },
	{ "listen", FRONT, "listen = \"993\";",
	  "f:1: unknown key \"listen\" in frontend; HAProxy's listen is \"bind\" here" },
	{ "proxy_pass", FRONT, "proxy_pass = \"b\";",
	  "f:1: unknown key \"proxy_pass\" in frontend; name the backend as backend" },
	{ "mode", BACK, "mode = \"tcp\";",
	  "f:1: unknown key \"mode\" in backend; HAProxy's mode is \"protocol\" here" },
	{ "maxconn", BACK, "maxconn = 3;",
	  "f:1: unknown key \"maxconn\" in backend; HAProxy's maxconn is \"max_connections\" of a server here" },
	{ "tls", SERVER, "address = \"127.0.0.1:2\"; tls = { };",
	  "f:1: unknown key \"tls\" in server; HAProxy's tls is a group \"tls\" of the backend here" },
	{ "max_fails", SERVER, "address = \"127.0.0.1:2\"; max_fails = 3;",
	  "f:1: unknown key \"max_fails\" in server; write fall in check of the backend" },
	{ "ssl_protocols", TLS, "certificates = \"/c\"; ssl_protocols = \"x\";",
	  "f:1: unknown key \"ssl_protocols\" in tls; write min_version" },
	{ "ca_file", TLS, "certificates = \"/c\"; ca_file = \"/x\";",
	  "f:1: unknown key \"ca_file\" in tls; the CAs of client certificates are client_ca" },
	{ "ca of a backend", BACK, "tls = { ca = \"/x\"; };",
	  "f:1: unknown key \"ca\" in tls of a backend; write ca_file" },
	{ "a group of nginx's words", TLS, "certificates = { certificate = \"/c\"; ssl_certificate_key = \"/k\"; };",
	  "f:1: unknown key \"ssl_certificate_key\" in certificates; write { certificate = \"X.pem\"; key = \"Y.key\"; }" },
	{ "proxy_tlvs \"sni\"", BACK, "proxy_tlvs = \"sni\";",
	  "f:1: proxy_tlvs = \"sni\" is unknown; did you mean \"authority\"?" },
	{ "proxy_tlvs \"ssl-cipher\"", BACK, "proxy_tlvs = \"ssl-cipher\";",
	  "f:1: proxy_tlvs = \"ssl-cipher\" is unknown; did you mean \"cipher\"?" },
	{ "proxy_tlvs \"cert-key\"", BACK, "proxy_tlvs = \"cert-key\";",
	  "f:1: proxy_tlvs = \"cert-key\" is unknown; did you mean \"cert_algs\"?" },
	{ "send_proxy \"v3\"", BACK, "send_proxy = \"v3\";",
	  "f:1: send_proxy = \"v3\" is unknown; did you mean \"v2\"?" },
	{ "on_up \"close\"", BACK, "on_up = \"close\";",
	  "f:1: on_up = \"close\" is unknown; did you mean \"close_backup\"?" },
	{ "verify \"off\"", BACK, "tls = { verify = \"off\"; };",
	  "f:1: verify = \"off\" is unknown; did you mean \"none\"?" },
	{ "verify false", BACK, "tls = { verify = false; };",
	  "f:1: verify = false is not a string; did you mean \"none\"?" },
	{ "verify \"on\"", TLS, "certificates = \"/c\"; verify = \"on\";",
	  "f:1: verify = \"on\" is unknown; did you mean \"required\"?" },
	{ "send_proxy \"v2\"", BACK, "check = { send_proxy = \"v2\"; };",
	  "f:1: send_proxy = \"v2\" is unknown; did you mean \"proxy\"?" },
	{ "client \"anonymous\"", TOP, "log = { client = \"anonymous\"; };",
	  "f:1: client = \"anonymous\" is unknown; did you mean \"prefix\"?" },
	{ "two users equal", TOP, "user = \"m\"; keeper_user = \"m\";",
	  "f:1: user and keeper_user are both \"m\"; name another: processes of one user can disturb each other" },
	{ "one user equal to a default", TOP, "user = \"mailreeve-check\";",
	  "f:1: user and checker_user are both \"mailreeve-check\"; name another: processes of one user can disturb each other" },
	/* clang-format on */
};

START_TEST(says)
{
	char *got = said(rows[_i].place, rows[_i].piece);

	ck_assert_msg(strcmp(got, rows[_i].want) == 0, "%s\n gives: %s\n  want: %s", rows[_i].name,
	    got, rows[_i].want);
	free(got);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf_habits");
	TCase *t = tcase_create("conf_habits");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(t, says, 0, COUNT(rows));
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
