/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What works, but probably not as meant: warnings that can be known from the configuration's
 * text alone.  Runs only on a configuration without errors.
 */
#include "common/conf/int.h"

#include <string.h>
#include <strings.h>

/* Whether the way to this server stays on this host. */
static int
is_local(const struct conf_server *s)
{
	if (s->host)
		return strcasecmp(s->host, "localhost") == 0;
	return addr_is_loopback(&s->addr);
}

/* The first server of the backend that is not on this host, or NULL. */
static const struct conf_server *
remote_server(const struct conf *c, const struct conf_backend *b)
{
	for (uint32_t i = b->server; i < b->server + b->servers; i++)
		if (!is_local(&c->servers[i]))
			return &c->servers[i];
	return NULL;
}

/* Whether any server of the backend gets this header. */
static int
sends(const struct conf *c, const struct conf_backend *b, enum send_proxy what)
{
	for (uint32_t i = b->server; i < b->server + b->servers; i++)
		if (c->servers[i].send_proxy == what)
			return 1;
	return 0;
}

/* Whether clients of this frontend may get to the backend. */
static int
leads_to(const struct conf_frontend *f, uint32_t backend)
{
	for (size_t i = 0; i < f->route_count; i++)
		if (f->routes[i].backend == backend)
			return 1;
	return f->backend == backend;
}

/* Whether TLS of some client of this backend ends here. */
static int
ends_tls(const struct conf *c, uint32_t backend)
{
	for (size_t i = 0; i < c->frontend_count; i++) {
		const struct conf_frontend *f = &c->frontends[i];

		if (f->tls.mode == TLS_IMPLICIT && leads_to(f, backend))
			return 1;
	}
	return 0;
}

/* Clients' secrets on the way to a server. */
static void
warn_way(struct reader *r, const struct conf_backend *b, int ends)
{
	const struct conf_server *far = remote_server(r->conf, b);
	int open = !b->tls.on, unsure = !open && b->tls.verify == VERIFY_NONE;

	if (!far)
		return;
	if (ends && open)
		reader_warn_at(r, b->line,
		    "backend \"%s\": TLS ends here, and what clients send goes on to \"%s\" in "
		    "plain text; give the backend a tls group",
		    b->name, far->name);
	if (b->tls.on && b->tls.verify == VERIFY_CHAIN)
		reader_warn_at(r, b->tls.line,
		    "backend \"%s\": with verify = \"chain\" any server is good whose certificate "
		    "a "
		    "trusted CA has signed, whatever its name; set verify = \"required\" and "
		    "server_name",
		    b->name);
	if (ends && unsure)
		reader_warn_at(r, b->tls.line,
		    "backend \"%s\": nobody checks that \"%s\" is the right server; set verify = "
		    "\"required\"",
		    b->name, far->name);
	if ((open || b->tls.verify != VERIFY_REQUIRED) && sends(r->conf, b, PROXY_V2_SSL_CN))
		reader_warn_at(r, b->line,
		    "backend \"%s\": clients' certificate names go to \"%s\" over a way that "
		    "anybody "
		    "in between can change; use tls with verify = \"required\"",
		    b->name, far->name);
}

/* Names that DNS may lead elsewhere. */
static void
warn_names(struct reader *r, const struct conf_backend *b)
{
	const struct conf_server *s = r->conf->servers;

	if (b->tls.on && b->tls.verify == VERIFY_REQUIRED)
		return;
	for (uint32_t i = b->server; i < b->server + b->servers; i++)
		if (s[i].host && !is_local(&s[i]))
			reader_warn_at(r, s[i].line,
			    "server \"%s\" is found by name and not verified: whoever can change "
			    "DNS "
			    "gets its clients; use tls, or an address",
			    s[i].name);
}

/* Without a name of its own, the server's certificate must be for its IP address. */
static void
warn_addresses(struct reader *r, const struct conf_backend *b)
{
	const struct conf_server *s = r->conf->servers;

	if (!b->tls.on || b->tls.verify != VERIFY_REQUIRED || b->tls.server_name)
		return;
	for (uint32_t i = b->server; i < b->server + b->servers; i++)
		if (!s[i].host && !s[i].server_name)
			reader_warn_at(r, s[i].line,
			    "server \"%s\" is given by address: its certificate must be for that "
			    "address, which few are; set server_name to the name that it has",
			    s[i].name);
}

/* Whether a frontend of this protocol uses the backend. */
static int
serves(const struct conf *c, uint32_t backend, enum protocol protocol)
{
	for (size_t i = 0; i < c->frontend_count; i++) {
		const struct conf_frontend *f = &c->frontends[i];

		if (f->protocol == protocol && leads_to(f, backend))
			return 1;
	}
	return 0;
}

/* A mail server that takes us for the client, and us for one of its own. */
static void
warn_relay(struct reader *r, uint32_t backend)
{
	const struct conf_backend *b = &r->conf->backends[backend];

	if (sends(r->conf, b, PROXY_NONE) &&
	    (serves(r->conf, backend, PROTO_SMTP) || serves(r->conf, backend, PROTO_SUBMISSION)))
		reader_warn_at(r, b->line,
		    "backend \"%s\": with send_proxy = \"none\" all mail comes from our address: "
		    "an "
		    "open relay if that is in mynetworks; use \"v2\"",
		    b->name);
}

/* What this kind of server does with what it gets. */
static void
warn_receiver(struct reader *r, const struct conf_backend *b, int ends)
{
	int dovecot = b->receiver == RECEIVER_DOVECOT;

	if (b->receiver != RECEIVER_POSTFIX && b->receiver != RECEIVER_EXIM && b->tls.on &&
	    b->tls.certificate && sends(r->conf, b, PROXY_V2_SSL_CN))
		reader_warn_at(r, b->tls.line,
		    "backend \"%s\": with v2-ssl-cn and a certificate of our own, Dovecot before "
		    "2.4.4 may log every client in as the proxy",
		    b->name);
	if (ends && b->receiver == RECEIVER_POSTFIX && !b->tls.on)
		reader_warn_at(r, b->line,
		    "backend \"%s\": Postfix does not read from the header that the client used "
		    "TLS; "
		    "without tls to it there is no AUTH under smtpd_tls_auth_only",
		    b->name);
	if (ends && b->receiver == RECEIVER_EXIM && !b->tls.on)
		reader_warn_at(r, b->line,
		    "backend \"%s\": Exim does not read from the header that the client used TLS; "
		    "without tls to it there is no AUTH where Exim offers it under TLS only",
		    b->name);
	if (ends && dovecot && !b->tls.on && sends(r->conf, b, PROXY_V2))
		reader_warn_at(r, b->line,
		    "backend \"%s\": send_proxy = \"v2\" does not tell Dovecot that the client "
		    "used "
		    "TLS, so it refuses logins; use \"v2-ssl\"",
		    b->name);
}

/* A name that the file gives: the system's own is not of this file. */
static void
warn_hostname(struct reader *r, const char *hostname, int line)
{
	if (!strchr(hostname, '.'))
		reader_warn_at(r, line,
		    "hostname \"%s\" has no dot: clients and mail servers expect a full name, as "
		    "in "
		    "\"mail.example.org\"",
		    hostname);
}

static void
warn_frontend(struct reader *r, const struct conf_frontend *f)
{
	if (f->protocol == PROTO_IMAP && f->timeouts.idle < 29 * 60000)
		reader_warn_at(r, f->line,
		    "frontend \"%s\": idle is less than 29m, so IMAP clients that wait for mail "
		    "are "
		    "cut off (RFC 2177)",
		    f->name);
	if (f->protocol == PROTO_SMTP && f->tls.mode == TLS_IMPLICIT && f->tls.strict_sni)
		reader_warn_at(r, f->tls.line,
		    "frontend \"%s\": with strict_sni mail servers that send another name, or "
		    "believe none, cannot deliver; leave it out for smtp",
		    f->name);
	if (f->hostname != r->conf->hostname)
		warn_hostname(r, f->hostname, f->line);
}

static void
warn_listener(struct reader *r, const struct conf_listener *l)
{
	const struct conf_frontend *f = &r->conf->frontends[l->frontend];
	uint16_t port = l->addr.port;

	if (f->tls.mode == TLS_NONE && (port == 465 || port == 993 || port == 995))
		reader_warn_at(r, l->line,
		    "frontend \"%s\": clients of port %d begin with TLS, and there is no tls group",
		    f->name, port);
	if (f->tls.mode == TLS_IMPLICIT && port == 25)
		reader_warn_at(r, l->line,
		    "frontend \"%s\": TLS of port 25 ends here, and clients there begin in plain "
		    "text; "
		    "leave tls out, and Postfix does STARTTLS itself and shows it in its log",
		    f->name);
}

void
warn_all(struct reader *r)
{
	const struct conf *c = r->conf;

	if (c->hostname_line > 0)
		warn_hostname(r, c->hostname, c->hostname_line);
	for (size_t i = 0; i < c->frontend_count; i++)
		warn_frontend(r, &c->frontends[i]);
	for (size_t i = 0; i < c->listener_count; i++)
		warn_listener(r, &c->listeners[i]);
	for (uint32_t i = 0; i < c->backend_count; i++) {
		const struct conf_backend *b = &c->backends[i];
		int ends = ends_tls(c, i);

		warn_way(r, b, ends);
		warn_names(r, b);
		warn_addresses(r, b);
		warn_relay(r, i);
		warn_receiver(r, b, ends);
	}
}
