/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Contexts for TLS on checks.  Runs in the checker on the configuration and the certificates of
 * its bundle; private keys stay with the keeper.
 */
#include "checker/tls.h"

#include "common/tls/verify.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static SSL_CTX *probe_ctx; /* verifies nothing, sends no certificate */

struct tls_set {
	SSL_CTX **ctx; /* one per backend; equal settings share one */
	size_t count;
};

static int
same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* Whether one context serves both: the name is checked per connection. */
static int
same_settings(const struct conf_back_tls *a, const struct conf_back_tls *b)
{
	return a->on && b->on && a->verify == b->verify && same_text(a->ca_file, b->ca_file) &&
	    same_text(a->certificate, b->certificate) && same_text(a->key, b->key) &&
	    same_text(a->crl, b->crl);
}

/* The context that an earlier backend has made for these settings, or a new one. */
static SSL_CTX *
ctx_for(const struct tls_set *set, const struct conf *conf, size_t n, const struct bundle *b,
    char *err_r, size_t err_size)
{
	const struct conf_back_tls *t = &conf->backends[n].check.tls;
	size_t i;

	for (i = 0; i < n; i++) {
		if (set->ctx[i] && same_settings(&conf->backends[i].check.tls, t)) {
			SSL_CTX_up_ref(set->ctx[i]);
			return set->ctx[i];
		}
	}
	/* Every check is a full handshake: that is what it is there to try. */
	return tls_back_ctx(t, b, err_r, err_size);
}

struct tls_set *
tls_set_new(const struct conf *conf, const struct bundle *b, char *err_r, size_t err_size)
{
	struct tls_set *set = calloc(1, sizeof(*set));
	char why[512];
	size_t i, len = 0;

	err_r[0] = '\0';
	if (!set || (set->ctx = calloc(conf->backend_count + 1, sizeof(SSL_CTX *))) == NULL) {
		free(set);
		(void)snprintf(err_r, err_size, "out of memory");
		return NULL;
	}
	set->count = conf->backend_count;
	if (!probe_ctx)
		probe_ctx = SSL_CTX_new(TLS_client_method());
	for (i = 0; i < conf->backend_count; i++) {
		const struct conf_check *check = &conf->backends[i].check;

		if (check->type == CHECK_NONE || !check->tls.on)
			continue;
		set->ctx[i] = ctx_for(set, conf, i, b, why, sizeof(why));
		if (!set->ctx[i] && len < err_size)
			len += (size_t)snprintf(
			    err_r + len, err_size - len, "%s%s", len > 0 ? "\n" : "", why);
	}
	if (len > 0)
		tls_set_free(&set);
	return set;
}

void
tls_set_free(struct tls_set **set)
{
	size_t i;

	if (!*set)
		return;
	for (i = 0; i < (*set)->count; i++)
		SSL_CTX_free((*set)->ctx[i]);
	free((*set)->ctx);
	free(*set);
	*set = NULL;
}

SSL_CTX *
tls_set_ctx(const struct tls_set *set, size_t backend)
{
	return set->ctx[backend];
}

SSL *
tls_begin(SSL_CTX *ctx, const struct conf_back_tls *t, const struct conf_server *s)
{
	char buf[ADDR_TEXT];
	SSL *ssl;

	ERR_clear_error();
	ssl = SSL_new(ctx);
	if (ssl && tls_back_expect(ssl, t, tls_back_name(t, s, buf)) == -1) {
		SSL_free(ssl);
		return NULL;
	}
	return ssl;
}

SSL *
tls_probe(void)
{
	return probe_ctx ? SSL_new(probe_ctx) : NULL;
}

void
tls_why(SSL *ssl, const struct conf_back_tls *t, const struct conf_server *s, struct finding *f_r)
{
	char buf[ADDR_TEXT];

	tls_back_why(ssl, tls_back_name(t, s, buf), f_r);
}
