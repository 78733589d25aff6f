/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Taking a connection over from its SSL object.  What public interfaces do not answer when asked
 * is watched while it happens: TLS 1.3 traffic secrets when they are made (provider.c), and
 * record headers in the message callback, whose count is the sequence number.  (The TLS 1.2 master
 * secret can simply be asked for.)
 *
 * Worker only.  Sees the peer's handshake messages before OpenSSL has judged them, and reads of
 * them only their type and whether an extension is there.  When anything is not as expected, the
 * connection stays on its object.
 */
#include "worker/record/take.h"

#include "worker/record/crypt.h"
#include "worker/record/derive.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <stdlib.h>
#include <string.h>

/* Handshake messages, RFC 8446 appendix B.3, and the extension of RFC 8449. */
enum { SERVER_HELLO = 2, ENCRYPTED_EXTENSIONS = 8, FINISHED = 20, KEY_UPDATE = 24 };
enum { RECORD_SIZE_LIMIT = 28 };

/* What is seen of one handshake, by enum record_way where there are two. */
struct record_watch {
	uint64_t seq[2];
	uint8_t secret[2][HASH_MOST];
	uint8_t secret_size[2]; /* 0: has not passed */
	uint8_t changes[2];     /* ChangeCipherSpecs, TLS 1.2 */
	uint8_t spoiled;        /* something that this module does not know how to follow */
	uint8_t server;         /* we are the server */
};

static int permitted;
static int watch_index = -1; /* of an object: its struct record_watch */

/*
 * Whose traffic secret will be made next.  Set by a Finished, gone when libssl comes back from
 * that step of the handshake: in one thread, it can be nobody else's.
 */
static struct record_watch *expecting;

void
record_take_permit(int permit)
{
	permitted = permit;
}

static void
forget(struct record_watch *w)
{
	if (expecting == w)
		expecting = NULL;
	OPENSSL_clear_free(w, sizeof(*w));
}

static void
free_watch(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int index, long argl, void *argp)
{
	(void)parent, (void)ad, (void)index, (void)argl, (void)argp;
	forget(ptr);
}

void
record_take_secret(int servers, const uint8_t *secret, size_t size)
{
	struct record_watch *w = expecting;
	enum record_way way;

	if (!w)
		return;
	expecting = NULL;
	way = servers == w->server ? RECORD_WRITE : RECORD_READ;
	if (size > sizeof(w->secret[way]) || w->secret_size[way]) {
		w->spoiled = 1;
		return;
	}
	memcpy(w->secret[way], secret, size);
	w->secret_size[way] = (uint8_t)size;
	/*
	 * This direction changes its key now, so its next record is number 0; the other direction
	 * changes at another time, and on a client in another order.
	 */
	w->seq[way] = 0;
}

static size_t
get16(const uint8_t *p)
{
	return (size_t)p[0] << 8 | p[1];
}

int
record_has_size_limit(const uint8_t *p, size_t n)
{
	size_t at = 4, size;

	if (n < 4)
		return 0;
	if (p[0] == SERVER_HELLO) { /* version, random, session id, cipher suite, compression */
		at += 2 + 32;
		if (at >= n)
			return 0;
		at += 1 + p[at] + 2 + 1;
	}
	if (at + 2 > n)
		return 0;
	for (at += 2; at + 4 <= n; at += 4 + size) {
		size = get16(p + at + 2);
		if (get16(p + at) == RECORD_SIZE_LIMIT)
			return 1;
	}
	return 0;
}

static void
on_message(int write_p, int version, int type, const void *buf, size_t len, SSL *ssl, void *arg)
{
	struct record_watch *w = arg;
	const uint8_t *p = buf;
	enum record_way way = write_p ? RECORD_WRITE : RECORD_READ;

	if (type == SSL3_RT_HEADER && len >= 1) {
		if (p[0] == TYPE_CHANGE_CIPHER) {
			/* TLS 1.2: the next record is the first under the new key */
			w->seq[way] = 0;
			w->changes[way] += w->changes[way] < UINT8_MAX;
		} else
			w->seq[way]++;
	}
	if (type != SSL3_RT_HANDSHAKE || len < 1)
		return;
	/* RFC 8446 section 7.1: a traffic secret of data comes after a Finished, and no other does */
	if (p[0] == FINISHED && version == TLS1_3_VERSION) {
		w->server = SSL_is_server(ssl) != 0;
		expecting = w;
	}
	/* OpenSSL does not show the secrets that a KeyUpdate leads to */
	if (p[0] == KEY_UPDATE)
		w->spoiled = 1;
	/* it knows no record_size_limit either; one that learns it would hold to it by itself */
	if ((p[0] == SERVER_HELLO || p[0] == ENCRYPTED_EXTENSIONS) && record_has_size_limit(p, len))
		w->spoiled = 1;
}

static void
on_info(const SSL *ssl, int where, int value)
{
	void (*other)(const SSL *, int, int) = SSL_CTX_get_info_callback(SSL_get_SSL_CTX(ssl));

	if (where & SSL_CB_EXIT)
		expecting = NULL;
	if (other) /* which this one hides */
		other(ssl, where, value);
}

int
record_watch(SSL *ssl)
{
	struct record_watch *w = OPENSSL_zalloc(sizeof(*w));

	if (watch_index == -1)
		watch_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, free_watch);
	if (!w || watch_index == -1 || SSL_set_ex_data(ssl, watch_index, w) != 1) {
		OPENSSL_free(w);
		return -1;
	}
	SSL_set_msg_callback(ssl, on_message);
	SSL_set_msg_callback_arg(ssl, w);
	SSL_set_info_callback(ssl, on_info);
	return 0;
}

/* Nothing read or written is half done, and OpenSSL does the records in the plain way. */
static int
is_quiet(SSL *ssl)
{
	/*
	 * SSL_has_pending misses one thing: a header that was read and whose body was not.  The
	 * state of the read says that.
	 */
	return SSL_is_init_finished(ssl) && !SSL_is_dtls(ssl) && !SSL_has_pending(ssl) &&
	    strcmp(SSL_rstate_string(ssl), "RH") == 0 && !SSL_get_read_ahead(ssl) &&
	    !SSL_want_write(ssl) && SSL_get_shutdown(ssl) == 0 &&
	    !SSL_get_current_compression(ssl) && !BIO_get_ktls_send(SSL_get_wbio(ssl)) &&
	    !BIO_get_ktls_recv(SSL_get_rbio(ssl));
}

/* Version, suite and what else was negotiated.  0, or -1: not ours. */
static int
take_parameters(SSL *ssl, struct record *r)
{
	const SSL_CIPHER *c = SSL_get_current_cipher(ssl);
	const SSL_SESSION *session = SSL_get_session(ssl);
	const EVP_MD *hash = c ? SSL_CIPHER_get_handshake_digest(c) : NULL;
	int version = SSL_version(ssl), hash_size;

	if (!hash || !session || (version != TLS1_2_VERSION && version != TLS1_3_VERSION))
		return -1;
	r->v12 = version == TLS1_2_VERSION;
	r->server = SSL_is_server(ssl) != 0;
	r->fragment_code = SSL_SESSION_get_max_fragment_length(session) & 7;
	if (r->fragment_code > TLSEXT_max_fragment_length_4096)
		return -1;
	switch (SSL_CIPHER_get_cipher_nid(c)) {
	case NID_aes_128_gcm:
		r->suite = SUITE_AES128;
		break;
	case NID_aes_256_gcm:
		r->suite = SUITE_AES256;
		break;
	case NID_chacha20_poly1305:
		r->suite = SUITE_CHACHA;
		break;
	default:
		return -1;
	}
	hash_size = EVP_MD_get_size(hash);
	return hash_size > 0 && (size_t)hash_size == record_crypt_secret(r) ? 0 : -1;
}

static int
take_keys12(SSL *ssl, const struct record_watch *w, struct record *r)
{
	uint8_t master[SSL_MAX_MASTER_KEY_LENGTH], seed[64];
	size_t n = SSL_SESSION_get_master_key(SSL_get_session(ssl), master, sizeof(master));
	int rc = -1;

	if (w->changes[RECORD_READ] == 1 && w->changes[RECORD_WRITE] == 1 && n == sizeof(master) &&
	    SSL_get_server_random(ssl, seed, 32) == 32 &&
	    SSL_get_client_random(ssl, seed + 32, 32) == 32)
		rc = record_crypt_keys12(r, master, n, seed);
	OPENSSL_cleanse(master, sizeof(master));
	return rc;
}

static int
take_keys13(const struct record_watch *w, struct record *r)
{
	for (int way = RECORD_READ; way <= RECORD_WRITE; way++) {
		if (w->secret_size[way] != record_crypt_secret(r))
			return -1;
		memcpy(record_keys(r, (enum record_way)way).secret, w->secret[way],
		    w->secret_size[way]);
		if (record_crypt_keys(r, (enum record_way)way) == -1)
			return -1;
	}
	return 0;
}

int
record_take(SSL *ssl, struct record *r_r)
{
	struct record_watch *w = watch_index == -1 ? NULL : SSL_get_ex_data(ssl, watch_index);
	int rc;

	memset(r_r, 0, sizeof(*r_r));
	if (!permitted || !w || w->spoiled || !is_quiet(ssl) || take_parameters(ssl, r_r) == -1)
		return -1;
	rc = r_r->v12 ? take_keys12(ssl, w, r_r) : take_keys13(w, r_r);
	if (rc == -1) {
		OPENSSL_cleanse(r_r, sizeof(*r_r));
		return -1;
	}
	memcpy(r_r->seq, w->seq, sizeof(r_r->seq));
	SSL_set_msg_callback(ssl, NULL);
	SSL_set_ex_data(ssl, watch_index, NULL);
	forget(w);
	/* else SSL_free takes the session for one that broke, and no longer resumes it */
	SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	return 0;
}
