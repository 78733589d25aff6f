/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The first look at a client, in the worker: the name it asks for chooses the certificates, the
 * protocols it offers must have ours among them.  Every byte is a stranger's; lengths are checked
 * here because OpenSSL hands out the extensions as they came.
 */
#include "worker/tls/hello.h"

#include "common/proxy/clean.h"
#include "worker/tls/choice.h"
#include "worker/tls/front.h"

#include <openssl/err.h>

#include <stdlib.h>
#include <string.h>

static int slot = -1; /* of SSL's ex_data: struct tls_hello */

static void
free_hello(void *parent, void *hello, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
	(void)parent;
	(void)ad;
	(void)idx;
	(void)argl;
	(void)argp;
	free(hello);
}

const struct tls_hello *
tls_hello_of(const SSL *ssl)
{
	return slot != -1 ? SSL_get_ex_data(ssl, slot) : NULL;
}

static uint16_t
number(const unsigned char *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* RFC 6066 section 3: a list of which clients fill one entry, the host name. */
static void
read_name(SSL *ssl, struct tls_hello *h)
{
	const unsigned char *p;
	size_t n;
	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &p, &n) != 1 || n < 5)
		return;
	size_t len = number(p + 3);
	if (number(p) != n - 2 || p[2] != TLSEXT_NAMETYPE_host_name || len != n - 5 || len == 0 ||
	    len >= sizeof(h->sni) || memchr(p + 5, '\0', len))
		return;
	memcpy(h->sni, p + 5, len);
	h->has_sni = 1;
}

/* RFC 8446 section 4.2.1; before TLS 1.3, the version of the hello itself. */
static void
read_version(SSL *ssl, struct tls_hello *h)
{
	const unsigned char *p;
	size_t n;
	h->version = (uint16_t)SSL_client_hello_get0_legacy_version(ssl);
	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_supported_versions, &p, &n) != 1 || n < 3 ||
	    p[0] != n - 1)
		return;
	h->version = 0;
	for (size_t i = 1; i + 2 <= n; i += 2) {
		uint16_t v = number(p + i);
		/* RFC 8701: 0x?a?a is grease. */
		if ((v & 0x0f0f) != 0x0a0a && v <= TLS1_3_VERSION && v > h->version)
			h->version = v;
	}
}

/*
 * OpenSSL calls this before anything else, a ticket's decryption included, so that everything
 * after it knows the name; a second time when the client had to send another hello.
 */
static int
on_hello(SSL *ssl, int *alert, void *arg)
{
	const struct tls_front *f = arg;
	struct tls_hello *h = calloc(1, sizeof(*h));
	char name[254];
	*alert = SSL_AD_INTERNAL_ERROR;
	if (!h)
		return SSL_CLIENT_HELLO_ERROR;
	free(SSL_get_ex_data(ssl, slot));
	if (SSL_set_ex_data(ssl, slot, h) != 1) {
		free(h);
		return SSL_CLIENT_HELLO_ERROR;
	}
	read_name(ssl, h);
	read_version(ssl, h);
	struct tls_site *site = NULL;
	if (h->has_sni && proxy_clean_name(h->sni, name))
		site = tls_certs_find(&f->certs, name);
	if (site)
		return SSL_set_SSL_CTX(ssl, site->ctx) ? SSL_CLIENT_HELLO_SUCCESS :
							 SSL_CLIENT_HELLO_ERROR;
	if (h->has_sni && f->conf->tls.strict_sni) {
		h->refused = 1;
		*alert = SSL_AD_UNRECOGNIZED_NAME;
		return SSL_CLIENT_HELLO_ERROR;
	}
	return SSL_CLIENT_HELLO_SUCCESS;
}

/* Tells the client that its name was understood: by then the certificates are chosen. */
static int
on_name(SSL *ssl, int *alert, void *arg)
{
	const struct tls_hello *h = tls_hello_of(ssl);
	(void)alert;
	(void)arg;
	return h && h->has_sni ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/* RFC 7301 section 3.2: none in common is the alert no_application_protocol (ALPACA). */
static int
on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_size, const unsigned char *in,
    unsigned int in_size, void *arg)
{
	const struct tls_front *f = arg;
	(void)ssl;
	for (unsigned int a = 0; a < f->alpn_size; a += 1U + f->alpn[a])
		for (unsigned int b = 0; b < in_size; b += 1U + in[b]) {
			if (1U + in[b] > in_size - b)
				return SSL_TLSEXT_ERR_ALERT_FATAL;
			if (in[b] != f->alpn[a] || memcmp(in + b + 1, f->alpn + a + 1, in[b]) != 0)
				continue;
			*out = f->alpn + a + 1;
			*out_size = f->alpn[a];
			return SSL_TLSEXT_ERR_OK;
		}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

int
tls_hello_watch(SSL_CTX *ctx, const struct tls_front *f)
{
	void *arg;
	if (slot == -1)
		slot = SSL_get_ex_new_index(0, NULL, NULL, NULL, free_hello);
	if (slot == -1)
		return -1;
	memcpy(&arg, &f, sizeof(arg)); /* OpenSSL's argument has no const; ours never writes */
	SSL_CTX_set_client_hello_cb(ctx, on_hello, arg);
	SSL_CTX_set_tlsext_servername_callback(ctx, on_name);
	if (f->alpn)
		SSL_CTX_set_alpn_select_cb(ctx, on_alpn, arg);
	return 0;
}
