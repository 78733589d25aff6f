/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The worker's TLS contexts: reads everything that the bundle has for TLS at start, and says what
 * is wrong with it in one go.  Afterwards it only makes SSL objects.
 */
#include "worker/tls/ctx.h"

#include "common/tls/pem.h"
#include "common/tls/why.h"
#include "worker/tls/choice.h"
#include "worker/tls/hello.h"
#include "worker/tls/int.h"
#include "worker/tls/policy.h"

#include <openssl/err.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The words that go back to the administrator: one line a problem. */
struct errors {
	char *buf;
	size_t size, len;
	int count;
};

static void __attribute__((format(printf, 3, 4)))
complain(struct errors *e, const char *where, const char *fmt, ...)
{
	va_list ap;
	int n = snprintf(
	    e->buf + e->len, e->size - e->len, "%s%s: ", e->count++ > 0 ? "\n" : "", where);
	if (n > 0 && (size_t)n < e->size - e->len) {
		va_start(ap, fmt);
		int m =
		    vsnprintf(e->buf + e->len + (size_t)n, e->size - e->len - (size_t)n, fmt, ap);
		va_end(ap);
		n += m > 0 ? m : 0;
	}
	e->len += n > 0 ? (size_t)n : 0;
	if (e->len >= e->size)
		e->len = e->size - 1;
}

static int
ends_tls(const struct conf_frontend *f)
{
	return f->tls.mode != TLS_NONE && f->tls.mode != TLS_PASSTHROUGH;
}

/* Certificates */

/* Remember that one of many was left out, for tls_tell. */
static void
leave_out(struct tls_ctx *t, size_t piece, const char *why)
{
	struct tls_left_out *all = reallocarray(t->left_out, t->left_out_count + 1, sizeof(*all));
	if (!all)
		return;
	t->left_out = all;
	all[t->left_out_count] = (struct tls_left_out){ (uint32_t)piece, strdup(why) };
	if (all[t->left_out_count].why)
		t->left_out_count++;
}

static void
read_certs(struct tls_ctx *t, uint32_t number, const struct bundle *b, struct errors *e)
{
	struct tls_front *f = &t->fronts[number];
	char where[512], why[512];
	int found = 0;
	conf_where(t->conf, f->conf->tls.line, where, sizeof(where));
	for (size_t i = 0; i < bundle_count(b); i++) {
		const struct piece *p = bundle_piece(b, i);
		if (p->kind != PIECE_CERT || p->owner != number)
			continue;
		found = 1;
		if (tls_certs_add(&f->certs, p, why, sizeof(why)) == 0)
			continue;
		if ((p->flags & PIECE_FOUND) != 0)
			leave_out(t, i, why);
		else
			complain(e, where, "%s", why);
	}
	if (f->certs.count == 0 && e->count == 0)
		complain(e, where, "frontend \"%s\": %s", f->conf->name,
		    found ? "none of its certificates is usable" : "it has no certificate");
}

/* Clients' certificates */

static void
read_clients(struct tls_front *f, const struct conf *conf, const struct bundle *b, struct errors *e)
{
	const struct conf_front_tls *t = &f->conf->tls;
	char where[512], why[512];
	if (t->verify == VERIFY_NONE)
		return;
	const struct piece *ca = t->client_ca ? bundle_find(b, PIECE_CA, t->client_ca) : NULL;
	const struct piece *crl = t->client_crl ? bundle_find(b, PIECE_CRL, t->client_crl) : NULL;
	conf_where(conf, t->line, where, sizeof(where));
	if (!ca || (t->client_crl && !crl)) {
		complain(e, where, "%s: not in the bundle",
		    ca               ? t->client_crl :
			t->client_ca ? t->client_ca :
				       "client_ca");
		return;
	}
	f->clients = pem_store(ca, crl, why, sizeof(why));
	if (!f->clients) {
		complain(e, where, "%s", why);
		return;
	}
	STACK_OF(X509) *certs = pem_chain(ca, why, sizeof(why));
	f->client_names = sk_X509_NAME_new_null();
	for (int i = 0; i < sk_X509_num(certs); i++) {
		X509_NAME *name = X509_NAME_dup(X509_get_subject_name(sk_X509_value(certs, i)));
		if (name && sk_X509_NAME_push(f->client_names, name) == 0)
			X509_NAME_free(name);
	}
	sk_X509_pop_free(certs, X509_free);
}

/*
 * What a session may be resumed by: this frontend, for these names (not these certificates: they
 * are renewed), with clients who are asked like this.
 */
static int
bind_sessions(struct tls_front *f, const struct bundle *b, char *err_r, size_t err_size)
{
	const struct conf_front_tls *t = &f->conf->tls;
	const struct piece *ca = t->client_ca ? bundle_find(b, PIECE_CA, t->client_ca) : NULL;
	const uint8_t verify = (uint8_t)t->verify;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	int ok = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
	    EVP_DigestUpdate(md, f->conf->name, strlen(f->conf->name) + 1) == 1 &&
	    EVP_DigestUpdate(md, &verify, 1) == 1;
	for (size_t i = 0; ok && i < f->certs.name_count; i++)
		ok = EVP_DigestUpdate(
			 md, f->certs.names[i].name, strlen(f->certs.names[i].name) + 1) == 1;
	if (ok && ca)
		ok = EVP_DigestUpdate(md, ca->data, ca->size) == 1;
	ok = ok && EVP_DigestFinal_ex(md, f->context, NULL) == 1;
	EVP_MD_CTX_free(md);
	for (size_t i = 0; ok && i < f->certs.site_count; i++)
		ok = SSL_CTX_set_session_id_context(
			 f->certs.sites[i]->ctx, f->context, sizeof(f->context)) == 1;
	if (ok)
		return 0;
	snprintf(err_r, err_size, "out of memory");
	return -1;
}

static void
write_alpn(struct tls_front *f)
{
	const struct conf_texts *ids = &f->conf->tls.alpn;
	size_t size = 0, at = 0;
	for (size_t i = 0; i < ids->count; i++)
		size += 1 + strlen(ids->items[i]);
	if (size == 0 || (f->alpn = malloc(size)) == NULL)
		return;
	for (size_t i = 0; i < ids->count; i++) {
		size_t n = strlen(ids->items[i]);
		f->alpn[at++] = (unsigned char)n;
		memcpy(f->alpn + at, ids->items[i], n);
		at += n;
	}
	f->alpn_size = (unsigned int)size;
}

/* A context with all of a frontend's settings, for tls_certs_group. */
static SSL_CTX *
front_ctx(const void *arg)
{
	static const int modes[] = {
		[VERIFY_NONE] = SSL_VERIFY_NONE,
		[VERIFY_OPTIONAL] = SSL_VERIFY_PEER,
		[VERIFY_REQUIRED] = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
	};
	const struct tls_front *f = arg;
	const struct conf_front_tls *t = &f->conf->tls;
	char why[512];
	SSL_CTX *ctx = tls_policy_ctx(t, why, sizeof(why));
	if (!ctx)
		return NULL;
	if (tls_hello_watch(ctx, f) == -1 ||
	    (f->tickets && tls_tickets_use(ctx, f->tickets) == -1)) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	why_verify(ctx, modes[t->verify]);
	if (f->clients) {
		SSL_CTX_set1_cert_store(ctx, f->clients);
		SSL_CTX_set_client_CA_list(ctx, SSL_dup_CA_list(f->client_names));
	}
	return ctx;
}

static void
front_open(struct tls_ctx *t, uint32_t number, const struct bundle *b, struct errors *e)
{
	struct tls_front *f = &t->fronts[number];
	char where[512], why[512];
	int before = e->count;
	conf_where(t->conf, f->conf->tls.line, where, sizeof(where));
	SSL_CTX *trial = tls_policy_ctx(&f->conf->tls, why, sizeof(why));
	if (!trial)
		complain(e, where, "%s", why);
	SSL_CTX_free(trial);
	read_certs(t, number, b, e);
	read_clients(f, t->conf, b, e);
	if (e->count > before)
		return;
	write_alpn(f);
	if (tls_certs_group(&f->certs, f->conf->hostname, front_ctx, f, why, sizeof(why)) == -1 ||
	    bind_sessions(f, b, why, sizeof(why)) == -1)
		complain(e, where, "%s", why);
}

/* Whether there are ticket keys; they are asked for only where some frontend wants them. */
static int
open_tickets(struct tls_ctx *t, struct errors *e)
{
	size_t i = 0;
	while (i < t->conf->frontend_count &&
	    !(ends_tls(&t->conf->frontends[i]) && t->conf->frontends[i].tls.tickets))
		i++;
	if (i == t->conf->frontend_count)
		return 0;
	int r = tls_tickets_open(&t->tickets);
	if (r == -1)
		complain(
		    e, "tickets", "cannot get ticket keys from the keeper: %s", strerror(errno));
	return r == 1;
}

struct tls_ctx *
tls_ctx_new(const struct conf *conf, const struct bundle *b, char *err_r, size_t err_size)
{
	struct errors e = { .buf = err_r, .size = err_size };
	struct tls_ctx *t = calloc(1, sizeof(*t));
	char where[512], why[512];
	if (t) {
		t->conf = conf;
		t->fronts = calloc(conf->frontend_count + 1, sizeof(*t->fronts));
		t->backs = calloc(conf->backend_count + 1, sizeof(*t->backs));
		t->sessions = calloc(conf->server_count + 1, sizeof(void *));
	}
	if (!t || !t->fronts || !t->backs || !t->sessions) {
		snprintf(err_r, err_size, "out of memory");
		tls_ctx_free(&t);
		return NULL;
	}
	int tickets = open_tickets(t, &e);
	for (uint32_t i = 0; i < conf->frontend_count; i++) {
		/*
		 * With a ticket key an attacker could forge a session with any client certificate:
		 * where clients are asked for one, there are no tickets.
		 */
		if (tickets && conf->frontends[i].tls.tickets &&
		    conf->frontends[i].tls.verify == VERIFY_NONE)
			t->fronts[i].tickets = &t->tickets;
		t->fronts[i].conf = &conf->frontends[i];
		if (ends_tls(&conf->frontends[i]))
			front_open(t, i, b, &e);
	}
	for (uint32_t i = 0; i < conf->backend_count; i++) {
		const struct conf_backend *back = &conf->backends[i];
		if (!back->tls.on || tls_back_open(&t->backs[i], back, b, why, sizeof(why)) == 0)
			continue;
		complain(&e, conf_where(conf, back->tls.line, where, sizeof(where)), "%s", why);
	}
	if (e.count > 0)
		tls_ctx_free(&t);
	return t;
}

void
tls_ctx_free(struct tls_ctx **tp)
{
	struct tls_ctx *t = *tp;
	*tp = NULL;
	if (!t)
		return;
	for (size_t i = 0; t->fronts && i < t->conf->frontend_count; i++) {
		struct tls_front *f = &t->fronts[i];
		tls_certs_free(&f->certs);
		X509_STORE_free(f->clients);
		sk_X509_NAME_pop_free(f->client_names, X509_NAME_free);
		free(f->alpn);
	}
	for (size_t i = 0; t->backs && i < t->conf->backend_count; i++)
		tls_back_close(&t->backs[i]);
	for (size_t i = 0; t->sessions && i < t->conf->server_count; i++)
		SSL_SESSION_free(t->sessions[i]);
	tls_tickets_close(&t->tickets);
	for (size_t i = 0; i < t->left_out_count; i++)
		free(t->left_out[i].why);
	free(t->left_out);
	free(t->fronts);
	free(t->backs);
	free(t->sessions);
	free(t);
}

SSL *
tls_ctx_accept(const struct tls_ctx *t, uint32_t frontend)
{
	const struct tls_certs *c = &t->fronts[frontend].certs;
	SSL *ssl = c->site_count > 0 ? SSL_new(c->sites[0]->ctx) : NULL;
	if (ssl)
		SSL_set_accept_state(ssl);
	return ssl;
}

SSL *
tls_ctx_connect(const struct tls_ctx *t, uint32_t server)
{
	const struct conf_server *s = &t->conf->servers[server];
	return tls_back_ssl(
	    &t->backs[s->backend], &t->conf->backends[s->backend], s, &t->sessions[server]);
}
