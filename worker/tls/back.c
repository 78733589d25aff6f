/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The worker's side of TLS towards servers.  A session is kept per server, the last one that it
 * gave us: a server that we know costs one round trip and no signature.  It was verified for the
 * name that this server's settings say, and lives no longer than this process, so it can be
 * offered to no other.
 */
#include "worker/tls/back.h"

#include "common/tls/verify.h"

#include <openssl/err.h>

static int slot = -1; /* of SSL's ex_data: where the server's session is kept */

/* Takes over the reference to session: 1. */
static int
on_session(SSL *ssl, SSL_SESSION *session)
{
	SSL_SESSION **place = SSL_get_ex_data(ssl, slot);
	if (!place || !SSL_SESSION_is_resumable(session))
		return 0;
	SSL_SESSION_free(*place);
	*place = session;
	return 1;
}

/* OpenSSL does not say so when a session of TLS 1.2 was resumed and has got a new ticket. */
static void
on_info(const SSL *ssl, int where, int value)
{
	SSL_SESSION **place = SSL_get_ex_data(ssl, slot);
	(void)value;
	if (where != SSL_CB_HANDSHAKE_DONE || !place || SSL_version(ssl) != TLS1_2_VERSION ||
	    !SSL_session_reused(ssl) || SSL_get_session(ssl) == *place)
		return;
	SSL_SESSION *session = SSL_get_session(ssl);
	if (SSL_SESSION_is_resumable(session) && SSL_SESSION_up_ref(session) == 1) {
		SSL_SESSION_free(*place);
		*place = session;
	}
}

int
tls_back_open(struct tls_back *back, const struct conf_backend *conf, const struct bundle *b,
    char *err_r, size_t err_size)
{
	if (slot == -1)
		slot = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	back->ctx = tls_back_ctx(&conf->tls, b, err_r, err_size);
	if (!back->ctx)
		return -1;
	SSL_CTX_set_session_cache_mode(
	    back->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(back->ctx, on_session);
	SSL_CTX_set_info_callback(back->ctx, on_info);
	return 0;
}

SSL *
tls_back_ssl(const struct tls_back *back, const struct conf_backend *conf,
    const struct conf_server *server, SSL_SESSION **session)
{
	char buf[ADDR_TEXT];
	SSL *ssl = SSL_new(back->ctx);
	if (!ssl)
		return NULL;
	SSL_set_connect_state(ssl);
	if (tls_back_expect(ssl, &conf->tls, tls_back_name(&conf->tls, server, buf)) == -1 ||
	    SSL_set_ex_data(ssl, slot, session) != 1) {
		SSL_free(ssl);
		return NULL;
	}
	if (*session && SSL_SESSION_is_resumable(*session))
		SSL_set_session(ssl, *session);
	ERR_clear_error();
	return ssl;
}

void
tls_back_close(struct tls_back *back)
{
	SSL_CTX_free(back->ctx);
	back->ctx = NULL;
}
